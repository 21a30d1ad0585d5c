"""The pictures of a training report, each as a PNG file and as SVG for the page.

Ink is one colour, which the SVG leaves to the page (`currentColor`), so that one drawing serves
light and dark. Text on colour, shapes beside colour and numbers in cells: nothing relies on hue
alone. It does not compute scores.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from tonewatch.inference.scores import kept_accuracy, reliability
from tonewatch.training.ink import BLUE, GREY, INK, ORANGE, RUST, STYLE, file_word, saved
from tonewatch.training.report import Condition, RunReport

_SEX_STYLE = {"female": (ORANGE, ""), "male": (BLUE, "///"), None: (GREY, "...")}
_FOLDS_A_ROW = 5


def draw(report: RunReport, folder: Path) -> dict[str, str]:
    """Draw everything; PNG files go to `folder`.

    Returns:
        SVG by the name of the picture: `curves`, and `confusion-CONDITION`,
        `reliability-CONDITION`, `certain-CONDITION`, `speakers-CONDITION`.
    """
    pictures = {}
    with matplotlib.rc_context(STYLE):
        pictures["curves"] = saved(_curves(report), folder / "curves.png")
        kinds: dict[str, Callable[[Condition], Figure]] = {
            "confusion": _confusion,
            "reliability": _reliability,
            "certain": _certain,
            "speakers": _speakers,
        }
        for condition in report.conditions:
            for kind, plot in kinds.items():
                name = f"{kind}-{file_word(condition.name)}"
                pictures[name] = saved(plot(condition), folder / f"{name}.png")
    return pictures


def _curves(report: RunReport) -> Figure:
    folds = [fold for fold in report.folds if fold.history]
    columns = min(_FOLDS_A_ROW, max(1, len(folds)))
    rows = 2 * -(-max(1, len(folds)) // columns)
    width = max(5.0, 2.05 * columns)
    figure = Figure(figsize=(width, 0.55 + 1.75 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey="row")
    for index in range(rows // 2 * columns):
        row, column = 2 * (index // columns), index % columns
        upper, lower = axes[row, column], axes[row + 1, column]
        if index >= len(folds):
            upper.set_axis_off()
            lower.set_axis_off()
            continue
        fold = folds[index]
        number = [epoch.number + 1 for epoch in fold.history]
        best = fold.best_epoch + 1
        upper.plot(number, [e.loss for e in fold.history], color=BLUE, label="training")
        upper.plot(
            number,
            [e.validation_loss for e in fold.history],
            color=ORANGE,
            ls="--",
            label="validation speakers",
        )
        lower.plot(number, [e.accuracy for e in fold.history], color=BLUE)
        lower.plot(number, [e.validation_accuracy for e in fold.history], color=ORANGE, ls="--")
        lower.plot(
            number,
            [e.validation_uar for e in fold.history],
            color=GREY,
            ls=":",
            label="UAR, validation",
        )
        for axis in (upper, lower):
            axis.axvline(best, color=INK, lw=0.8, alpha=0.6)
            axis.grid(axis="y")
        kept = [epoch for epoch in fold.history if epoch.number == fold.best_epoch]
        if kept:
            lower.plot([best], [kept[0].validation_accuracy], "o", color=ORANGE, ms=5)
        upper.set_title(fold.name)
        upper.annotate(
            f" {best}", (best, 1), xycoords=("data", "axes fraction"), va="top", fontsize=8
        )
        lower.set_ylim(0, 1)
        if row + 2 == rows:
            lower.set_xlabel("epoch")
        if column == 0:
            upper.set_ylabel("loss")
            lower.set_ylabel("accuracy")
    if folds:
        figure.legend(loc="outside upper left", ncols=3, fontsize=8.5, handles=_curve_handles(axes))
    return figure


def _curve_handles(axes: Any) -> list[Any]:
    upper, lower = axes[0, 0], axes[1, 0]
    handles = [*upper.get_legend_handles_labels()[0], *lower.get_legend_handles_labels()[0]]
    return handles


def _confusion(condition: Condition) -> Figure:
    found = condition.pooled
    counts = np.array(found.confusion)
    truth = np.array([found.per_class[label].n for label in found.labels])
    share = counts / np.maximum(truth, 1)[:, None]
    k = len(found.labels)
    size = 1.6 + 0.47 * k
    figure = Figure(figsize=(size * 2 + 0.3, size), layout="constrained")
    for axis, title, cells in zip(
        figure.subplots(1, 2),
        ("Share of the true label", "Recordings"),
        ([[f"{v:.2f}"[1:] if v < 1 else "1" for v in row] for row in share], counts.tolist()),
        strict=True,
    ):
        for row in range(k):
            for column in range(k):
                if not counts[row, column]:
                    continue
                # Opacity, not a colour map: the page behind may be light or dark.
                depth = 0.05 + 0.95 * float(share[row, column]) ** 0.7
                colour = BLUE if row == column else RUST
                axis.add_patch(
                    matplotlib.patches.Rectangle(
                        (column - 0.48, row - 0.48), 0.96, 0.96, color=colour, alpha=depth, lw=0
                    )
                )
                axis.text(
                    column,
                    row,
                    cells[row][column],
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="white" if depth > 0.5 else INK,
                )
        axis.set(xlim=(-0.5, k - 0.5), ylim=(k - 0.5, -0.5), aspect="equal")
        axis.set_xticks(range(k), found.labels, rotation=40, ha="right", rotation_mode="anchor")
        axis.set_yticks(range(k), found.labels)
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
        axis.set_title(title)
        axis.set_xlabel("heard")
        axis.set_ylabel("acted")
    return figure


def _reliability(condition: Condition) -> Figure:
    found = reliability(condition.predictions)
    width = found.edges[1] - found.edges[0]
    middle = (found.edges[:-1] + found.edges[1:]) / 2
    figure = Figure(figsize=(4.3, 4.1), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    there = found.count > 0
    upper.bar(middle[there], found.accuracy[there], width * 0.9, color=BLUE, label="right")
    upper.vlines(
        middle[there], found.accuracy[there], found.confidence[there], color=ORANGE, lw=1.8
    )
    upper.plot(
        middle[there],
        found.confidence[there],
        "_",
        color=ORANGE,
        ms=11,
        mew=2.2,
        label="confidence",
    )
    upper.plot([0, 1], [0, 1], color=INK, lw=1, ls="--")
    upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="share right")
    upper.set_title(f"ECE {found.ece:.3f} ({len(found.count)} bins)")
    upper.legend(loc="upper left", fontsize=8)
    upper.grid(axis="y")
    lower.bar(middle, found.count, width * 0.9, color=GREY)
    lower.set(xlabel="confidence", ylabel="recordings")
    lower.grid(axis="y")
    return figure


def _certain(condition: Condition) -> Figure:
    predictions, found = condition.predictions, condition.pooled
    share, accuracy = kept_accuracy(predictions)
    steady = share >= min(0.02, 1.0)  # the first few recordings say little
    share, accuracy = share[steady], accuracy[steady]
    thin = np.unique(np.linspace(0, len(share) - 1, min(300, len(share))).astype(int))
    figure = Figure(figsize=(4.3, 4.1), layout="constrained")
    axis = figure.subplots()
    axis.plot(share[thin], accuracy[thin], color=BLUE, lw=1.8)
    if found.certain_accuracy is not None:
        axis.plot(found.certain_share, found.certain_accuracy, "o", color=RUST, ms=7)
        axis.annotate(
            f"called certain: {found.certain_share:.0%} of all,\n"
            f"of which {found.certain_accuracy:.0%} are right",
            (0.04, 0.05),
            xycoords="axes fraction",
            fontsize=9,
        )
    low = float(min(accuracy.min(initial=1.0), found.wa))
    axis.set(xlim=(0, 1), ylim=(max(0.0, low - 0.12), 1.005))
    axis.set(xlabel="share of recordings kept, most confident first", ylabel="share right")
    axis.set_title("Accuracy against share kept")
    axis.grid()
    return figure


def _speakers(condition: Condition) -> Figure:
    found = condition.pooled
    sexes = dict(zip(condition.predictions.speakers, condition.predictions.sexes, strict=True))
    ranked = sorted(found.by_speaker.items(), key=lambda item: item[1].uar)
    one_corpus = len({name.partition(":")[0] for name, _ in ranked}) == 1
    n = len(ranked)
    figure = Figure(figsize=(min(10.4, max(4.3, 1.2 + 0.27 * n)), 3.0), layout="constrained")
    axis = figure.subplots()
    for sex, (colour, hatch) in _SEX_STYLE.items():
        at = [i for i, (name, _) in enumerate(ranked) if sexes.get(name) == sex]
        if at:
            values = [ranked[i][1].uar for i in at]
            axis.bar(
                at,
                values,
                0.8,
                color=colour,
                hatch=hatch,
                edgecolor="white",
                lw=0,
                label=sex or "sex unknown",
            )
    axis.axhline(found.uar, color=INK, lw=1, ls="--", label=f"all, pooled: {found.uar:.2f}")
    names = [name.partition(":")[2] if one_corpus else name for name, _ in ranked]
    size = 8 if n <= 40 else 6
    upright = n > 24 or max(map(len, names)) > 3
    axis.set_xticks(range(n), names, rotation=90 if upright else 0, fontsize=size)
    axis.set(xlim=(-0.6, n - 0.4), ylim=(0, 1), ylabel="UAR")
    axis.tick_params(axis="x", length=0)
    axis.grid(axis="y")
    figure.legend(loc="outside upper left", ncols=4, fontsize=8.5)
    return figure
