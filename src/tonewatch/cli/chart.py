"""One recording as an SVG: waveform, stacked probabilities, what was heard, and a time axis.

It draws and knows no page; colours that depend on light and dark are classes (page.css).
"""

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from tonewatch.cli.cells import Cell, cells, runs, same
from tonewatch.core.labels import colour_of, ink_on, letter_of
from tonewatch.inference.timeline import Timeline

HEIGHT = 316
_WAVE, _AREA, _STRIP, _AXIS = (8, 72), (92, 250), (258, 284), 300
_PX_PER_S = 4.0
_MIN_WIDTH, _MAX_WIDTH = 1040.0, 20000.0
_LETTER_PX = 16.0
_TICKS_S = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


def chart_width(duration_s: float) -> float:
    """Width in pixels: a long recording is wider than the page and scrolls."""
    return float(np.clip(duration_s * _PX_PER_S, _MIN_WIDTH, _MAX_WIDTH))


def chart(
    timeline: Timeline, labels: Sequence[str], envelope: NDArray[np.float32] | None, ident: str
) -> str:
    """Draw a recording.

    Args:
        timeline: what was heard.
        labels: of the bundle, from the bottom of the stack to its top.
        envelope: lowest and highest sample of equal stretches, shape [n, 2]; None for no waveform.
        ident: makes the names inside unique on the page.
    """
    width = chart_width(timeline.duration_s)
    scale = width / max(timeline.duration_s, 1e-3)
    all_cells = cells(timeline)
    parts = [
        f'<svg class="chart" viewBox="0 0 {width:.0f} {HEIGHT}" width="{width:.0f}" '
        f'height="{HEIGHT}" aria-hidden="true" preserveAspectRatio="none">',
        _patterns(ident),
        f'<rect class="panel" x="0" y="{_WAVE[0]}" width="{width:.0f}" '
        f'height="{_WAVE[1] - _WAVE[0]}"/>',
        _speech(timeline, scale),
        _wave(envelope, width),
        f'<rect class="panel" x="0" y="{_AREA[0]}" width="{width:.0f}" '
        f'height="{_AREA[1] - _AREA[0]}"/>',
    ]
    parts += [_stack(run, labels, scale) for run in runs(all_cells)]
    parts += [_veil(cell, scale, ident) for cell in same(all_cells)]
    parts += [_label(cell, scale, ident) for cell in same(all_cells)]
    parts.append(_grid())
    parts.append(_axis(timeline.duration_s, width, scale))
    parts.append(f'<line class="head" y1="{_WAVE[0]}" y2="{_STRIP[1]}"/></svg>')
    return "".join(parts)


def clock(time_s: float, step_s: float = 1.0) -> str:
    """A time as on a player: 0:07, 1:02:03, and 0:07.5 where steps are finer than a second."""
    whole, tenth = divmod(round(10 * time_s), 10) if step_s < 1 else (int(time_s), 0)
    text = f"{whole // 60 % 60}:{whole % 60:02d}"
    if whole >= 3600:
        text = f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    return text if step_s >= 1 else f"{text}.{tenth}"


def _patterns(ident: str) -> str:
    return (
        f'<defs><pattern id="unsure{ident}" width="7" height="7" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><rect class="pale" width="7" height="7"/>'
        '<line class="hatch" x1="0" y1="0" x2="0" y2="7"/></pattern>'
        f'<pattern id="gap{ident}" width="10" height="10" patternUnits="userSpaceOnUse">'
        '<circle class="dot" cx="5" cy="5" r="1"/></pattern></defs>'
    )


def _speech(timeline: Timeline, scale: float) -> str:
    return "".join(
        f'<rect class="speech" x="{start * scale:.1f}" y="{_WAVE[1] + 5}" '
        f'width="{(end - start) * scale:.1f}" height="4" rx="2"/>'
        for start, end in timeline.speech
    )


def _wave(envelope: NDArray[np.float32] | None, width: float) -> str:
    if envelope is None or not len(envelope):
        return ""
    n = min(len(envelope), int(width))
    starts = np.linspace(0, len(envelope), n, endpoint=False).astype(int)
    low = np.minimum.reduceat(envelope[:, 0], starts)
    high = np.maximum.reduceat(envelope[:, 1], starts)
    # A quiet recording fills the panel all the same, noise 40 dB below full scale does not.
    loudest = max(float(np.abs(envelope).max()), 0.01)
    middle, half = (_WAVE[0] + _WAVE[1]) / 2, (_WAVE[1] - _WAVE[0]) / 2 - 3
    x = (np.arange(n) + 0.5) * width / n
    top = middle - half * np.maximum(high / loudest, 0.01)
    bottom = middle - half * np.minimum(low / loudest, -0.01)
    points = [*zip(x, top, strict=True), *zip(x[::-1], bottom[::-1], strict=True)]
    return f'<polygon class="wave" points="{_points(points)}"/>'


def _stack(run: Sequence[Cell], labels: Sequence[str], scale: float) -> str:
    """Areas between the cells' centres; at the ends of a run the last value goes on."""
    estimates = [cell.estimate for cell in run if cell.estimate is not None]
    p = np.array([[e.probabilities[label] for label in labels] for e in estimates])
    p = np.concatenate([p[:1], p, p[-1:]])
    x = np.array([run[0].start_s, *(cell.centre_s for cell in run), run[-1].end_s]) * scale
    tops = np.cumsum(p, axis=1)
    tops = np.concatenate([np.zeros((len(p), 1)), np.minimum(tops, 1)], axis=1)
    y = _AREA[1] - (_AREA[1] - _AREA[0]) * tops
    shapes = []
    for i, label in enumerate(labels):
        points = [
            *zip(x, y[:, i + 1], strict=True),
            *zip(x[::-1], y[::-1, i], strict=True),
        ]
        shapes.append(f'<polygon fill="{colour_of(label)}" points="{_points(points)}"/>')
    return f'<g class="stack">{"".join(shapes)}</g>'


def _veil(cell: Cell, scale: float, ident: str) -> str:
    """What lies over the stack: a hatch where unsure, dots where nobody spoke."""
    if cell.estimate is not None and cell.estimate.certain:
        return ""
    kind = "gap" if cell.estimate is None else "unsure"
    return _rect(cell, scale, _AREA, f'fill="url(#{kind}{ident})"')


def _label(cell: Cell, scale: float, ident: str) -> str:
    """The strip under the stack: the label's colour and letter, hatched where unsure."""
    width = (cell.end_s - cell.start_s) * scale
    x = (cell.start_s + cell.end_s) / 2 * scale
    y = (_STRIP[0] + _STRIP[1]) / 2 + 4.5
    if cell.estimate is None:
        text = f'<text class="quiet" x="{x:.1f}" y="{y}">no speech</text>' if width > 70 else ""
        return _rect(cell, scale, _STRIP, 'class="none"') + text
    label = cell.estimate.label
    shape = _rect(cell, scale, _STRIP, f'fill="{colour_of(label)}"')
    if not cell.estimate.certain:
        shape += _rect(cell, scale, _STRIP, f'fill="url(#unsure{ident})"')
    if width < _LETTER_PX:
        return shape
    word = label if width > 9 * len(label) + 12 else letter_of(label)
    if not cell.estimate.certain:
        word = f"{word}?"
        return shape + f'<text class="doubt" x="{x:.1f}" y="{y}">{escape(word)}</text>'
    return (
        shape + f'<text fill="{ink_on(colour_of(label))}" x="{x:.1f}" y="{y}">{escape(word)}</text>'
    )


def _rect(cell: Cell, scale: float, rows: tuple[int, int], what: str) -> str:
    x, width = cell.start_s * scale, (cell.end_s - cell.start_s) * scale
    return (
        f'<rect x="{x:.1f}" y="{rows[0]}" width="{width:.1f}" height="{rows[1] - rows[0]}" {what}/>'
    )


def _grid() -> str:
    height = _AREA[1] - _AREA[0]
    return "".join(
        f'<line class="grid" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>'
        for y in (_AREA[1] - height * share for share in (0.25, 0.5, 0.75))
    )


def _axis(duration_s: float, width: float, scale: float) -> str:
    step = next((t for t in _TICKS_S if t * scale >= 64), _TICKS_S[-1])
    parts = []
    for i in range(int(duration_s / step) + 1):
        x = i * step * scale
        if x > width - 4 and i:
            break
        anchor = ' style="text-anchor:start"' if i == 0 else ""
        parts.append(
            f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{_STRIP[1]}" y2="{_STRIP[1] + 5}"/>'
            f'<text class="axis" x="{x:.1f}" y="{_AXIS + 2}"{anchor}>{clock(i * step, step)}</text>'
        )
    return "".join(parts)


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
