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


@dataclass(frozen=True, slots=True)
class Word:
    """A recognised word.

    Attributes:
        text: as the recogniser writes it.
        start_s: where it begins.
        end_s: where it ends.
        confidence: of the recogniser, 0 to 1; backends differ in what they mean by it.
    """

    text: str
    start_s: float
    end_s: float
    confidence: float


@dataclass(frozen=True, slots=True)
class WordsRecognised:
    """What was said from `start_s` to `end_s`.

    Attributes:
        start_s: where the utterance begins.
        end_s: where it ends, or how far it has come.
        words: in order; none where the recogniser found none.
        final: whether it stays; if not, the next one with the same `start_s` replaces it.
    """

    start_s: float
    end_s: float
    words: tuple[Word, ...]
    final: bool


@dataclass(frozen=True, slots=True)
class NotTranscribed:
    """Speech from `start_s` to `end_s` that no recogniser was free for."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class PhraseSpotted:
    """A phrase of the vocabulary was heard from `start_s` to `end_s`, whatever was said around it.

    Attributes:
        start_s: where it begins.
        end_s: where it ends.
        phrase: as the vocabulary has it.
    """

    start_s: float
    end_s: float
    phrase: str


@dataclass(frozen=True, slots=True)
class SoundRepeated:
    """The sound from `start_s` to `end_s` came before in the same stream, as if played again.

    Attributes:
        start_s: where it begins.
        end_s: where it ends, as far as it was compared; it may go on.
        earlier_s: where the same sound began before.
        agreement: how much of what was compared agrees, up to 1; 0.5 is chance.
    """

    start_s: float
    end_s: float
    earlier_s: float
    agreement: float


Said: TypeAlias = WordsRecognised | NotTranscribed | PhraseSpotted
"""What is told of the words in speech."""

Event: TypeAlias = (
    SpeechStarted
    | SpeechEnded
    | EmotionEstimated
    | NoSpeech
    | WordsRecognised
    | NotTranscribed
    | PhraseSpotted
    | SoundRepeated
)
