"""The timelines as one PNG, by matplotlib: for papers and slides.

It needs no display. The same colours, letters and cells as the page.
"""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tonewatch.cli.cells import cells, runs, same
from tonewatch.cli.listen import Heard
from tonewatch.cli.output import write_bytes
from tonewatch.core.labels import colour_of, letter_of
from tonewatch.inference.bundle import Bundle

MAX_FILES = 12
"""More would not fit a picture."""


def plot(results: Sequence[Heard], target: Path, bundle: Bundle) -> None:
    """Draw each recording that a bundle could hear, at least one, one under the other."""
    heard = [(r, r.timeline) for r in results if r.timeline is not None]
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.6 * len(heard)), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    if bundle.info.experimental:
        figure.suptitle(f"EXPERIMENTAL: do not act on what {bundle.info.name!r} says", color="#a11")
    axes = figure.subplots(
        2 * len(heard), 1, squeeze=False, gridspec_kw={"height_ratios": [1, 2.4] * len(heard)}
    )[:, 0]
    for (result, timeline), wave, stack in zip(heard, axes[::2], axes[1::2], strict=True):
        if result.envelope is not None:
            time_s = (np.arange(len(result.envelope)) + 0.5) / 25
            low, high = result.envelope.T
            wave.fill_between(time_s, low, high, color="#6b7f93", linewidth=0)
        for start_s, end_s in timeline.speech:
            wave.axvspan(start_s, end_s, ymax=0.06, color="#1f5f99", linewidth=0)
        emotion = timeline.emotion
        verdict = "no speech"
        if emotion is not None:
            sure = "certain" if emotion.certain else "unsure"
            verdict = f"{emotion.label} {emotion.confidence:.0%} ({sure})"
        # A file name may hold dollar signs or bytes that are no UTF-8.
        name = Path(timeline.file).name.encode("utf-8", "replace").decode()
        wave.set_title(f"{name}: {verdict}", loc="left", fontsize=10, parse_math=False)
        wave.set(xlim=(0, timeline.duration_s), yticks=[], xticks=[])
        labels = list(timeline.windows[0].probabilities) if timeline.windows else []
        all_cells = cells(timeline)
        for run in runs(all_cells):
            estimates = [cell.estimate for cell in run if cell.estimate is not None]
            table = np.array([[e.probabilities[k] for k in labels] for e in estimates])
            table = np.concatenate([table[:1], table, table[-1:]])
            x = [run[0].start_s, *(cell.centre_s for cell in run), run[-1].end_s]
            stack.stackplot(x, table.T, colors=[colour_of(k) for k in labels], linewidth=0)
        for cell in same(all_cells):
            estimate = cell.estimate
            span = (cell.start_s, cell.end_s)
            centre_s = cell.centre_s
            if estimate is None:
                stack.axvspan(*span, facecolor="#f3f5f7", edgecolor="#b8c0c8", hatch="..", lw=0)
                continue
            if not estimate.certain:
                stack.axvspan(*span, facecolor="#ffffff99", edgecolor="#00000055", hatch="//", lw=0)
            stack.axvspan(*span, 1.0, 1.06, clip_on=False, color=colour_of(estimate.label), lw=0)
            if cell.end_s - cell.start_s > 0.012 * timeline.duration_s:
                letter = letter_of(estimate.label) + ("" if estimate.certain else "?")
                stack.text(centre_s, 1.075, letter, ha="center", fontsize=7, clip_on=False)
        stack.set(xlim=(0, timeline.duration_s), ylim=(0, 1), ylabel="probability", xlabel="s")
        handles = [
            stack.fill_between([], [], color=colour_of(k), label=f"{letter_of(k)} {k}")
            for k in labels
        ]
        if handles:
            stack.legend(
                handles=handles,
                loc="upper left",
                bbox_to_anchor=(1.005, 1),
                fontsize=8,
                frameon=False,
            )
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    write_bytes(target, picture.getvalue())
