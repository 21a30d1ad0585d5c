"""An explanation as a picture: what the answer rests on, over the log-mel spectrogram.

Needs no display. Cells that speak for the label are framed as well as coloured, so that hue is not
all that tells.
"""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tonewatch.audio.features import FeatureSettings, hz_to_mel
from tonewatch.inference.explain import Explanation

_LOW_HZ = FeatureSettings().low_hz
_WARM, _COOL = "#b35806", "#542788"  # as in the colours of the cells
_LEAST = 0.02
"""Of probability: with less at stake than this in any cell, colours stay pale."""


def draw_explanations(explanations: Sequence[tuple[str, Explanation]]) -> bytes:
    """A PNG with a row for each explanation and its title.

    Left the falls in probability over the spectrogram; above and beside it, what is lost with a
    whole time or a whole band.
    """
    # matplotlib takes a second to import, which who draws nothing need not wait for.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    n = len(explanations)
    figure = Figure(figsize=(9, 4.2 * n), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2 * n, 2, squeeze=False, width_ratios=(5, 1), height_ratios=(1, 3) * n)
    for row, (title, found) in enumerate(explanations):
        above, corner = axes[2 * row]
        main, beside = axes[2 * row + 1]
        corner.set_axis_off()
        low, high = 0.0, float(hz_to_mel(np.array(found.bands_hz[-1])))
        main.imshow(
            found.log_mel.T,
            cmap="gray_r",
            origin="lower",
            aspect="auto",
            extent=(found.start_s, found.end_s, float(hz_to_mel(np.array(_LOW_HZ))), high),
        )
        edges = hz_to_mel(found.bands_hz)
        most = max(_LEAST, float(np.abs(found.falls).max()))
        depth = np.clip(np.abs(found.falls) / most, 0, 1) * 0.75
        main.pcolormesh(
            found.times_s, edges, found.falls, cmap="PuOr_r", vmin=-most, vmax=most, alpha=depth
        )
        for band, time in np.argwhere(found.falls >= max(_LEAST / 2, 0.5 * most)):
            x, y = found.times_s[time : time + 2], edges[band : band + 2]
            main.plot([x[0], x[1], x[1], x[0], x[0]], [y[0], y[0], y[1], y[1], y[0]], "k", lw=1)
        main.set_yticks(edges, [f"{hz:.0f}" for hz in found.bands_hz], fontsize=7)
        main.set(xlabel="s", ylabel="Hz", xlim=(found.start_s, found.end_s), ylim=(low, high))
        middles_s = (found.times_s[1:] + found.times_s[:-1]) / 2
        width_s = np.diff(found.times_s) * 0.9
        above.bar(middles_s, found.by_time, width_s, color=_colours(found.by_time))
        above.set(xlim=(found.start_s, found.end_s), xticks=[], ylabel="fall")
        above.set_title(
            f"{title}{found.label} {found.probability:.0%}; all hidden: {found.baseline:.0%}",
            loc="left",
            fontsize=10,
            parse_math=False,
        )
        middles, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges) * 0.9
        beside.barh(middles, found.by_band, width, color=_colours(found.by_band))
        beside.set(ylim=(low, high), yticks=[], xlabel="fall")
        for axis in (above, beside):
            axis.spines[["top", "right"]].set_visible(False)
        above.axhline(0, color="k", lw=0.6)
        beside.axvline(0, color="k", lw=0.6)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def _colours(falls: NDArray[np.float64]) -> list[str]:
    return [_WARM if fall >= 0 else _COOL for fall in falls.tolist()]
