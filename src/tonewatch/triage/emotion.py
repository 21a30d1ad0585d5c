"""The emotion in the words of a text: Ekman's six, or neutral.

Learnt from GoEmotions (Demszky and others, ACL 2020): English comments from the web, labelled by
readers. It does not hear the voice, knows no other language, and has read no emergency call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tonewatch.triage.linear import LinearModel
from tonewatch.triage.words import Token

KNOWN_SHARE = 0.5
"""With fewer of its words known, a text is in another language, or garbled: no emotion is told."""


@dataclass(frozen=True, slots=True)
class TextEmotion:
    """What a text's words carry.

    Attributes:
        label: the likeliest emotion.
        probabilities: of each emotion, by itself; several may be in one text, so they need not
            add up to 1.
    """

    label: str
    probabilities: Mapping[str, float]


def read_emotion(model: LinearModel, found: Sequence[Token]) -> TextEmotion | None:
    """The emotion in a text's words; None where too few of them are known."""
    words = [token.text for token in found if token.is_word]
    if not words or sum(map(model.knows, words)) < KNOWN_SHARE * len(words):
        return None
    p = 1 / (1 + np.exp(-np.clip(model.logits(found), -50, 50)))
    # Each emotion has a threshold of its own, as rare ones seldom reach a half.
    best = int(np.argmax(p / np.asarray(model.card["thresholds"])))
    return TextEmotion(model.labels[best], dict(zip(model.labels, map(float, p), strict=True)))
