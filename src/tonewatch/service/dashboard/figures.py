"""Draws numbers: a confusion matrix as a table; curves, rates, bins and histograms as an SVG."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from nicegui import ui
from nicegui.element import Element

from tonewatch.core.labels import letter_of
from tonewatch.service.dashboard.parts import tag
from tonewatch.service.dashboard.texts import Texts

_WIDTH, _HEIGHT = 640.0, 200.0
_LEFT, _BOTTOM = 40.0, 24.0
_BIN, _BINS_TALL = 9, 36


def confusion(labels: Sequence[str], counts: Sequence[Sequence[int]], texts: Texts) -> Element:
    """Who was taken for what: a row for each true emotion, shares of the row."""
    name = texts("models.confusion")
    scroll = tag("div", classes="table-scroll", tabindex=0, role="group", aria_label=name)
    with scroll, tag("table", classes="confusion"):
        tag("caption", texts("models.confusion_note"), "note")
        with tag("thead"), tag("tr"):
            tag("th", texts("models.true_heard"), scope="col")
            for label in labels:
                tag("th", letter_of(label), scope="col", aria_label=texts.emotion(label))
        with tag("tbody"):
            for label, row in zip(labels, counts, strict=True):
                n = max(1, sum(row))
                with tag("tr"):
                    with tag("th", scope="row"):
                        tag("span", f"{texts.emotion(label)} ")
                        tag("span", f"{letter_of(label)} · {sum(row)}", "note")
                    for other, count in zip(labels, row, strict=True):
                        share = count / n
                        cell = tag("td", f"{share:.0%}" if count else "·", "number")
                        cell.classes("right" if other == label else "wrong")
                        cell.style(f"--share: {share:.3f}")
    return scroll


def curves(history: Sequence[Mapping[str, Any]], best: int, texts: Texts) -> None:
    """Accuracy while it was trained, on what it learnt from and on speakers it did not."""
    lines = {
        "models.curve_train": [epoch.get("accuracy") for epoch in history],
        "models.curve_validation": [epoch.get("validation_uar") for epoch in history],
    }
    n = max(2, len(history))
    shapes = _grid()
    for number, values in enumerate(lines.values()):
        known = [(i, value) for i, value in enumerate(values) if value is not None]
        points = " ".join(f"{_x(i, n):.1f},{_y(value):.1f}" for i, value in known)
        shapes.append(f'<polyline class="curve curve-{number}" points="{points}"/>')
    x = _x(best, n)
    shapes.append(f'<line class="best" x1="{x:.1f}" x2="{x:.1f}" y1="8" y2="{_y(0):.1f}"/>')
    step = next(each for each in (1, 2, 5, 10, 20, 50, 100, 200, 500) if n / each <= 12)
    for i in range(0, n, step):
        shapes.append(f'<text class="axis" x="{_x(i, n):.1f}" y="{_HEIGHT - 6}">{i}</text>')
    with _figure():
        _drawing(shapes, texts("models.curves"))
        with tag("figcaption", classes="note curve-legend"):
            for number, key in enumerate(lines):
                with tag("span"):
                    tag("span", classes=f"curve-sample curve-{number}", aria_hidden="true")
                    tag("span", texts(key))
            tag("span", texts("models.best", epoch=best))
            tag("span", texts("models.epochs"))


def reliability(bins: Mapping[str, Sequence[float]], texts: Texts, name: str) -> None:
    """How often it was right in each bin of how sure it was; right on the diagonal is calibrated.

    Args:
        bins: `count`, `confidence` and `accuracy` of bins of equal width.
        texts: of the page.
        name: of the drawing.
    """
    n = len(bins["count"])
    most = max(1, *bins["count"])
    wide = (_WIDTH - _LEFT) / n
    shapes = _grid()
    for i, (count, sure, right) in enumerate(
        zip(bins["count"], bins["confidence"], bins["accuracy"], strict=True)
    ):
        if not count:
            continue
        x = _LEFT + wide * i
        # The fewer answers a bin has, the narrower its bar: it says less.
        thick = max(3.0, (wide - 4) * (count / most) ** 0.5)
        shapes.append(
            f'<rect class="bin" x="{x + (wide - thick) / 2:.1f}" width="{thick:.1f}" '
            f'y="{_y(right):.1f}" height="{_y(0) - _y(right):.1f}"/>'
            f'<line class="sure" x1="{x + 2:.1f}" x2="{x + wide - 2:.1f}" '
            f'y1="{_y(sure):.1f}" y2="{_y(sure):.1f}"/>'
        )
    for percent in range(0, 101, 20):
        x = _LEFT + (_WIDTH - _LEFT) * percent / 100
        kind = "axis end" if percent == 100 else "axis"
        shapes.append(f'<text class="{kind}" x="{x:.1f}" y="{_HEIGHT - 6}">{percent}%</text>')
    with _figure():
        _drawing(shapes, name)
        with tag("figcaption", classes="note curve-legend"):
            for kind in ("right", "sure"):
                with tag("span"):
                    tag("span", classes=f"curve-sample sample-{kind}", aria_hidden="true")
                    tag("span", texts(f"models.bar_{kind}"))
            tag("span", texts("models.reliability_axis"))


def rates(lines: Mapping[str, Sequence[float | None]], marks: Sequence[str], name: str) -> None:
    """Shares over time, by name; where one is not known its line has a gap."""
    n = max(2, len(marks))
    shapes = _grid()
    for number, values in enumerate(lines.values()):
        runs: list[list[str]] = [[]]
        for i, value in enumerate(values):
            if value is None:
                runs.append([])
                continue
            runs[-1].append(f"{_x(i, n):.1f},{_y(value):.1f}")
            shapes.append(
                f'<circle class="curve curve-{number}" r="3" cx="{_x(i, n):.1f}" '
                f'cy="{_y(value):.1f}"/>'
            )
        for run in runs:
            points = " ".join(run)
            shapes.append(f'<polyline class="curve curve-{number}" points="{points}"/>')
    for i, mark in enumerate(marks):
        kind = "axis end" if i == n - 1 else "axis"
        x = min(_x(i, n) + (14 if i == n - 1 else 0), _WIDTH)
        shapes.append(f'<text class="{kind}" x="{x:.1f}" y="{_HEIGHT - 6}">{escape(mark)}</text>')
    with _figure():
        _drawing(shapes, name)
        with tag("figcaption", classes="note curve-legend"):
            for number, key in enumerate(lines):
                with tag("span"):
                    tag("span", classes=f"curve-sample curve-{number}", aria_hidden="true")
                    tag("span", key)


def histogram(counts: Sequence[int], name: str) -> None:
    """Bins from 0 to 1 as bars, the fullest as tall as there is room; a dash where all are 0."""
    most = max(counts, default=0)
    if not most:
        tag("span", "–")
        return
    wide = _BIN * len(counts)
    shapes = [f'<line class="grid" x2="{wide}" y1="{_BINS_TALL}" y2="{_BINS_TALL}"/>']
    for i, count in enumerate(counts):
        tall = max(1.5, (_BINS_TALL - 2) * count / most) if count else 0
        shapes.append(
            f'<rect class="bin" x="{i * _BIN + 0.5}" width="{_BIN - 1}" '
            f'y="{_BINS_TALL - tall:.1f}" height="{tall:.1f}"/>'
        )
    listed = ", ".join(str(count) for count in counts)
    ui.html(
        f'<svg class="histogram" width="{wide}" height="{_BINS_TALL + 1}" role="img" '
        f'aria-label="{escape(name)}: {listed}">{"".join(shapes)}</svg>',
        sanitize=False,
    )
    tag("span", name, "note")


def _figure() -> Element:
    """What holds a drawing; by keyboard it can be scrolled where it is wider than the screen."""
    return tag("figure", classes="figure", tabindex=0)


def _drawing(shapes: Sequence[str], name: str) -> None:
    ui.html(
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(name)}">'
        f"{''.join(shapes)}</svg>",
        sanitize=False,
    )


def _grid() -> list[str]:
    shapes = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = _y(share)
        shapes.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="axis end" x="{_LEFT - 6}" y="{y + 4:.1f}">{share:.0%}</text>'
        )
    return shapes


def _x(i: int, n: int) -> float:
    return _LEFT + 8 + (_WIDTH - _LEFT - 20) * i / (n - 1)


def _y(share: float) -> float:
    return 8 + (_HEIGHT - _BOTTOM - 8) * (1 - share)
