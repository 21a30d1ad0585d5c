"""Draws a model's test: the confusion matrix as a table, the curves of its training as an SVG."""

from collections.abc import Mapping, Sequence
from typing import Any

from nicegui import ui
from nicegui.element import Element

from tonewatch.core.labels import letter_of
from tonewatch.service.dashboard.parts import tag
from tonewatch.service.dashboard.texts import Texts

_WIDTH, _HEIGHT = 640.0, 200.0
_LEFT, _BOTTOM = 40.0, 24.0


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
    shapes = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = _y(share)
        shapes.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="axis end" x="{_LEFT - 6}" y="{y + 4:.1f}">{share:.0%}</text>'
        )
    for number, values in enumerate(lines.values()):
        known = [(i, value) for i, value in enumerate(values) if value is not None]
        points = " ".join(f"{_x(i, n):.1f},{_y(value):.1f}" for i, value in known)
        shapes.append(f'<polyline class="curve curve-{number}" points="{points}"/>')
    x = _x(best, n)
    shapes.append(f'<line class="best" x1="{x:.1f}" x2="{x:.1f}" y1="8" y2="{_y(0):.1f}"/>')
    step = next(each for each in (1, 2, 5, 10, 20, 50, 100, 200, 500) if n / each <= 12)
    for i in range(0, n, step):
        shapes.append(f'<text class="axis" x="{_x(i, n):.1f}" y="{_HEIGHT - 6}">{i}</text>')
    with tag("figure", classes="figure"):
        ui.html(
            f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label='
            f'"{texts("models.curves")}">{"".join(shapes)}</svg>',
            sanitize=False,
        )
        with tag("figcaption", classes="note curve-legend"):
            for number, key in enumerate(lines):
                with tag("span"):
                    tag("span", classes=f"curve-sample curve-{number}", aria_hidden="true")
                    tag("span", texts(key))
            tag("span", texts("models.best", epoch=best))


def _x(i: int, n: int) -> float:
    return _LEFT + 8 + (_WIDTH - _LEFT - 20) * i / (n - 1)


def _y(share: float) -> float:
    return 8 + (_HEIGHT - _BOTTOM - 8) * (1 - share)
