"""How an emotion is shown: colour, letter and word, percent, and whether that is unsure.

Colours, letters and the ink on them are `core.labels`'.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from nicegui.element import Element

from tonewatch.core.labels import colour_of, ink_on, letter_of
from tonewatch.service.dashboard.parts import tag
from tonewatch.service.dashboard.texts import Texts


def palette(labels: Sequence[str], texts: Texts) -> list[dict[str, str]]:
    """Each label with its word, letter, colour and ink, for parts that draw in the browser."""
    return [
        {
            "label": label,
            "word": texts.emotion(label),
            "letter": letter_of(label),
            "colour": colour_of(label),
            "ink": ink_on(colour_of(label)),
        }
        for label in labels
    ]


def labels_of(probabilities: Mapping[str, float] | None, own: Sequence[str]) -> list[str]:
    """The labels of a result: those of the model that hears now, in its order, if they are its."""
    if probabilities and set(probabilities) != set(own):
        return list(probabilities)
    return list(own)


def chip(emotion: Mapping[str, Any] | None, texts: Texts, none: str) -> Element:
    """One emotion in a line: letter on its colour, word, percent, and `unsure` where it is so."""
    if emotion is None:
        return tag("span", none, "chip none")
    label, certain = emotion["label"], emotion["certain"]
    whole = tag("span", classes="chip" if certain else "chip unsure")
    colour = colour_of(label)
    with whole:
        tag("span", letter_of(label), "chip-letter", aria_hidden="true").style(
            f"background: {colour}; color: {ink_on(colour)}"
        )
        tag("span", texts.emotion(label))
        tag("span", f"{emotion['confidence']:.0%}", "number")
        if not certain:
            tag("span", texts("emotion.unsure"), "chip-unsure")
    return whole
