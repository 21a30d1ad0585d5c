"""The pictures of a comparison, each as a PNG file and as SVG for the page.

Shapes and words stand beside every colour. It does not compute scores.
"""

from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from tonewatch.inference.scores import reliability
from tonewatch.training.compare import Comparison
from tonewatch.training.ink import BLUE, GREY, INK, ORANGE, RUST, STYLE, saved

_ROW_IN = 0.30
_COLUMNS = 3
_MORE = ("#009E73", "#CC79A7", "#56B4E9", GREY)  # Okabe and Ito's, as those of `ink`


def draw_comparison(comparison: Comparison, folder: Path) -> dict[str, str]:
    """Draw everything; PNG files go to `folder`.

    Returns:
        SVG by the name of the picture: `uar`, `difference`, `calibration`, and, where there is
        something to show, `leak` and `cost`.
    """
    kinds: dict[str, Callable[[Comparison], Figure]] = {"uar": _uar, "calibration": _calibration}
    if comparison.versus:
        kinds["difference"] = _difference
    if any(leak.honest for leak in comparison.leaks):
        kinds["leak"] = _leak
    if len(comparison.paces) > 1:
        kinds["cost"] = _cost
    with matplotlib.rc_context(STYLE):
        return {
            name: saved(plot(comparison), folder / f"compare-{name}.png")
            for name, plot in kinds.items()
        }


def _uar(comparison: Comparison) -> Figure:
    """A row a run: the mean over the folds, each fold, and the interval by speaker."""
    conditions = comparison.conditions
    names = [standing.run for standing in comparison.under(conditions[0])]
    figure, axes = _panels(len(conditions), len(names))
    for axis, condition in zip(axes, conditions, strict=True):
        for row, standing in enumerate(comparison.under(condition)):
            colour = RUST if row == 0 else BLUE
            if standing.interval is not None:
                axis.hlines(row, *standing.interval, color=colour, lw=2.2, alpha=0.75)
            folds = list(standing.by_fold.values())
            axis.plot(folds, [row + 0.28] * len(folds), "|", color=GREY, ms=5)
            axis.plot(standing.uar, row, "D" if row == 0 else "o", color=colour, ms=6)
            axis.annotate(
                f"{standing.uar:.3f}",
                (standing.uar, row),
                (0, 5),
                textcoords="offset points",
                ha="center",
                fontsize=7.5,
            )
        chance = 1 / len(comparison.under(condition)[0].pooled.labels)
        axis.axvline(chance, color=INK, lw=0.8, ls=":")
        axis.set(xlim=(0, 1), title=condition, xlabel="UAR")
        _rows(axis, names)
    return figure


def _difference(comparison: Comparison) -> Figure:
    """A row a run: how far from the reference, and the interval of that."""
    conditions = comparison.conditions
    names = [standing.run for standing in comparison.under(conditions[0])][1:]
    figure, axes = _panels(len(conditions), len(names))
    for axis, condition in zip(axes, conditions, strict=True):
        reach = 0.02
        for row, standing in enumerate(comparison.under(condition)[1:]):
            versus = comparison.versus_of(standing)
            assert versus is not None
            found, sure = versus.difference, versus.p_corrected < 0.05
            low, high = found.interval or (found.uar, found.uar)
            reach = max(reach, abs(low), abs(high))
            axis.hlines(row, low, high, color=BLUE, lw=2.2, alpha=0.75)
            axis.plot(found.uar, row, "o", color=BLUE, mfc=BLUE if sure else "none", ms=6)
            axis.annotate(
                f"{found.uar:+.3f}, p {versus.p_corrected:.3f}",
                (found.uar, row),
                (0, 5),
                textcoords="offset points",
                ha="center",
                fontsize=7.5,
            )
        axis.axvline(0, color=RUST, lw=1)
        axis.set(xlim=(-1.25 * reach, 1.25 * reach), title=condition, xlabel="UAR less reference's")
        _rows(axis, names)
    return figure


def _calibration(comparison: Comparison) -> Figure:
    """Confidence against the share right, a line a run."""
    conditions = comparison.conditions
    figure = Figure(
        figsize=(3.3 * min(_COLUMNS, len(conditions)), 3.2 * -(-len(conditions) // _COLUMNS)),
        layout="constrained",
    )
    axes = figure.subplots(
        -(-len(conditions) // _COLUMNS), min(_COLUMNS, len(conditions)), squeeze=False
    ).ravel()
    colours, markers = (BLUE, ORANGE, RUST, *_MORE), "osD^vP*X<>"
    for axis, condition in zip(axes, conditions, strict=False):
        for row, standing in enumerate(comparison.under(condition)):
            found = reliability(standing.predictions, 10)
            there = found.count > 0
            axis.plot(
                found.confidence[there],
                found.accuracy[there],
                marker=markers[row % len(markers)],
                color=colours[row % len(colours)],
                ms=4,
                lw=1.2,
                label=f"{standing.run}: ECE {standing.pooled.ece:.3f}",
            )
        axis.plot([0, 1], [0, 1], color=INK, lw=0.8, ls="--")
        axis.set(xlim=(0, 1), ylim=(0, 1), title=condition, xlabel="confidence")
        axis.set_ylabel("share right")
        axis.legend(fontsize=6.5, loc="upper left")
        axis.grid()
    for axis in axes[len(conditions) :]:
        axis.set_axis_off()
    return figure


def _leak(comparison: Comparison) -> Figure:
    """Two bars a corpus: by speaker, and how much a random split adds to it."""
    leaks = [leak for leak in comparison.leaks if leak.honest_uar is not None]
    figure = Figure(figsize=(7.2, 0.9 + 0.42 * len(leaks)), layout="constrained")
    axis = figure.subplots()
    for row, leak in enumerate(leaks):
        assert leak.honest_uar is not None
        axis.barh(row, leak.leaky_uar, 0.62, color="none", edgecolor=RUST, hatch="///", lw=1)
        axis.barh(row, leak.honest_uar, 0.62, color=BLUE)
        text = f"{leak.honest_uar:.3f}, random split {leak.leaky_uar:.3f}"
        axis.annotate(
            text,
            (max(leak.leaky_uar, leak.honest_uar), row),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axis.set(
        xlim=(0, 1.3),
        xticks=np.linspace(0, 1, 6),
        xlabel="UAR (hatched: LEAKY, the voices tested on were trained on)",
    )
    _rows(axis, [f"{leak.network}, {leak.condition}" for leak in leaks])
    return figure


def _cost(comparison: Comparison) -> Figure:
    """What a run costs beside what it scores, under the first condition."""
    condition = comparison.conditions[0]
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    axis = figure.subplots()
    for row, standing in enumerate(comparison.under(condition)):
        pace = comparison.paces.get(standing.run)
        if pace is None:
            continue
        axis.plot(pace.ratio, standing.uar, "D" if row == 0 else "o", color=ORANGE, ms=7, mec=INK)
        axis.annotate(
            standing.run, (pace.ratio, standing.uar), (6, 3), textcoords="offset points", fontsize=8
        )
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter("{x:g}")
    axis.margins(x=0.35)
    axis.set(
        xlabel=f"processor time, times that of {comparison.reference.name}",
        ylabel="UAR",
        title=condition,
    )
    axis.grid()
    return figure


def _panels(n_panels: int, n_rows: int) -> tuple[Figure, list[matplotlib.axes.Axes]]:
    columns = min(_COLUMNS, n_panels)
    rows = -(-n_panels // columns)
    figure = Figure(
        figsize=(1.2 + 2.7 * columns, rows * (0.9 + _ROW_IN * (n_rows + 1))), layout="constrained"
    )
    axes = list(figure.subplots(rows, columns, squeeze=False, sharey=True).ravel())
    for axis in axes[n_panels:]:
        axis.set_axis_off()
    return figure, axes[:n_panels]


def _rows(axis: matplotlib.axes.Axes, names: list[str]) -> None:
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.4, -0.7)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x")
