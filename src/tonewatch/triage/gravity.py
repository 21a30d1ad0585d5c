"""How grave a call is by its words: High, Medium or Low, with what speaks for it.

A linear model weighs n-grams of words and letters, and what the phrase lists find, so that an
edited list counts at once. Learnt from 152 calls through three recognisers, and from sentences
written for it (docs/reference/triage.md has its scores). It does not hear the voice, and a text in
which nothing is known gets about the share that each gravity had in training.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import log, sqrt
from typing import Any

import numpy as np

from tonewatch.triage import linear, phrases
from tonewatch.triage.emotion import TextEmotion, read_emotion
from tonewatch.triage.linear import LinearModel
from tonewatch.triage.phrases import Hit, Kind, Phrases
from tonewatch.triage.words import tokens

TRANSCRIPT_WORDS = 30
"""From so many words on, a text is a transcript rather than a sentence."""

_KINDS = (Kind.EMERGENCY, Kind.CONCERN, Kind.MINOR)


class Gravity(StrEnum):
    """High: a life is in danger now. Medium: somebody must come soon. Low: it belongs elsewhere."""

    HIGH = "High"
    MEDIUM = "Medium"
    LOW = "Low"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a text's words say.

    Attributes:
        text: as it came.
        gravity: the answer. It leans to High, as a missed emergency costs more than a false one.
        probabilities: of each gravity, calibrated on calls; they add up to 1.
        matched: the phrases that stand in it, in order; negated ones did not count.
        emotion: None where too few of the words are known.
    """

    text: str
    gravity: Gravity
    probabilities: Mapping[Gravity, float]
    matched: tuple[Hit, ...]
    emotion: TextEmotion | None

    def to_dict(self) -> dict[str, Any]:
        """As `tonewatch gravity --json` writes it."""
        return {
            "text": self.text,
            "gravity": str(self.gravity),
            "probabilities": {str(g): p for g, p in self.probabilities.items()},
            "matched": [
                {
                    "text": hit.text,
                    "start": hit.start,
                    "end": hit.end,
                    "kind": str(hit.phrase.kind),
                    "about": hit.phrase.about,
                    "negated": hit.negated,
                }
                for hit in self.matched
            ],
            "emotion": self.emotion.label if self.emotion else None,
        }


class Judge:
    """Judges texts with a gravity and an emotion model and phrase lists; the shipped if none.

    For example:

        Judge().judge("there is a fire").gravity
    """

    def __init__(
        self,
        gravity: LinearModel | None = None,
        emotion: LinearModel | None = None,
        lists: Phrases | None = None,
    ) -> None:
        self.gravity = gravity or linear.shipped("gravity")
        self.emotion = emotion or linear.shipped("emotion")
        self.lists = lists or phrases.shipped()

    def judge(self, text: str) -> Judgement | None:
        """What a sentence or transcript says; None where it has no word."""
        found = tokens(text)
        n_words = sum(token.is_word for token in found)
        if not n_words:
            return None
        hits = self.lists.find(text, found)
        card = self.gravity.card
        z = self.gravity.logits(found, phrase_features(hits, n_words)) / card["temperature"]
        share = transcript_share(n_words)
        z = z + share * np.asarray(card["calibration_bias"])
        p = np.exp(z - z.max())
        p /= p.sum()
        lean = share * np.asarray(card["decision_bias"])
        lean = lean + (1 - share) * np.asarray(card["sentence_bias"])
        best = int(np.argmax(z + lean))
        gravities = [Gravity(label) for label in self.gravity.labels]
        return Judgement(
            text,
            gravities[best],
            dict(zip(gravities, map(float, p), strict=True)),
            hits,
            read_emotion(self.emotion, found),
        )


def transcript_share(n_words: int) -> float:
    """How much a text is a transcript: what was tuned on transcripts counts by that share.

    That is how common each gravity is, and the lean. Of a sentence alone all are as likely, and the
    lean is one tuned on sentences.
    """
    return min(n_words / TRANSCRIPT_WORDS, 1.0)


def phrase_features(hits: Sequence[Hit], n_words: int) -> list[float]:
    """What the lists found, as ten numbers of about the same size: three a kind, and the length."""
    features = []
    for kind in _KINDS:
        counted = [h.phrase for h in hits if h.phrase.kind is kind and not h.negated]
        heaviest: dict[str, float] = {}
        for phrase in counted:
            heaviest[phrase.about] = max(heaviest.get(phrase.about, 0.0), phrase.weight)
        features += [
            max(heaviest.values(), default=0.0) / 3,
            min(sum(heaviest.values()), 8.0) / 4,
            min(sum(p.weight for p in counted) / sqrt(n_words), 3.0),
        ]
    return [*features, log(n_words) / 5]
