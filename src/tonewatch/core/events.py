"""What the analyser tells: events, in the past tense, as plain values.

Times are seconds of the stream, from its first sample. Nothing here knows how they came about.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody began to speak at `start_s`; told once it is clear that it was speech."""

    start_s: float


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The speech that began at `start_s` ended at `end_s`; told after the hangover."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class EmotionEstimated:
    """What was heard in the window from `start_s` to `end_s`.

    Attributes:
        start_s: where the window begins.
        end_s: where it ends.
        label: the likeliest label.
        confidence: its calibrated probability.
        certain: whether the confidence reaches the bundle's threshold; if not, say "unsure".
        probabilities: one for each label of the bundle, in its order; their sum is 1.
        speech_s: how much of the window was speech.
    """

    start_s: float
    end_s: float
    label: str
    confidence: float
    certain: bool
    probabilities: Mapping[str, float]
    speech_s: float


@dataclass(frozen=True, slots=True)
class NoSpeech:
    """The window from `start_s` to `end_s` had too little speech to hear an emotion in it."""

    start_s: float
    end_s: float


Event: TypeAlias = SpeechStarted | SpeechEnded | EmotionEstimated | NoSpeech
