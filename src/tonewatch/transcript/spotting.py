"""Spots the phrases of a vocabulary in speech, beside whatever recognises the words.

PocketSphinx's keyphrase search weighs each phrase against any sequence of sounds and tells it when
the likelihood ratio is over a threshold. Short phrases are found in everything, so that the
threshold falls with a phrase's sounds, and the shortest are not looked for at all. The shipped
thresholds come from false alarms on LibriSpeech: docs/why/transcript.md. It knows no word
that the pronouncing dictionary does not, and not what a phrase is worth.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import numpy as np

from tonewatch.core.errors import SettingsError, TranscriptError
from tonewatch.core.events import PhraseSpotted
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.transcript.backend import Recognised, Recogniser, Session
from tonewatch.transcript.pocketsphinx import FRAME_S, Channel, load

THRESHOLDS: Mapping[int, float] = MappingProxyType(
    {7: 18.0, 8: 13.0, 9: 5.0, 10: 0.0, 11: -10.0, 12: -20.0}
)
"""Sounds of a phrase -> log10 of the likelihood ratio from which it is told. A phrase of fewer
sounds than the first is not looked for, one of more than the last has the last's threshold."""

_LOOK_EVERY_S = 0.5
_SETTLED_FRAMES = 30  # a phrase that is over for so long gets no better score
_TAIL_S = 0.3
_SEARCH = "phrases"


@dataclass(frozen=True)
class Vocabulary:
    """Phrases sorted by whether they can be spotted.

    Attributes:
        thresholds: those that can, each with its log10 threshold.
        unknown: those with a word, or a placeholder, that the dictionary does not have.
        short: those of too few sounds.
    """

    thresholds: Mapping[str, float] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    short: tuple[str, ...] = ()


class Spotting:
    """A recogniser that tells words as another does, and phrases beside them.

    Args:
        words: recognises the words; None spots alone.
        phrases: plain words with spaces between; case does not matter.
        thresholds: as `THRESHOLDS`.

    Raises:
        TranscriptError: PocketSphinx is not installed.
        SettingsError: There is no phrase that can be spotted.
    """

    def __init__(
        self,
        words: Recogniser | None,
        phrases: Iterable[str],
        *,
        thresholds: Mapping[int, float] = THRESHOLDS,
    ) -> None:
        self._words = words
        first = load({"lm": None})
        self.vocabulary = _sorted(first, phrases, thresholds)
        if not self.vocabulary.thresholds:
            raise SettingsError(
                f"expected phrases of {min(thresholds)} sounds or more, all in the dictionary, "
                f"came {self.vocabulary}; name longer ones or spot none"
            )
        self._idle = [self._prepared(first)]

    @property
    def name(self) -> str:
        return f"{self._words.name} and phrases" if self._words else "phrases"

    def session(self) -> "SpottingSession":
        return SpottingSession(self, self._words.session() if self._words else None)

    def take(self) -> Any:
        """A decoder for one utterance."""
        return self._idle.pop() if self._idle else self._prepared(load({"lm": None}))

    def give_back(self, decoder: Any) -> None:
        self._idle.append(decoder)

    def _prepared(self, decoder: Any) -> Any:
        lines = [f"{each} /1e{at:g}/\n" for each, at in self.vocabulary.thresholds.items()]
        with TemporaryDirectory(prefix="tonewatch-phrases-") as folder:
            path = Path(folder) / "phrases.txt"
            path.write_text("".join(lines), encoding="utf-8")
            decoder.add_kws(_SEARCH, str(path))
        decoder.activate_search(_SEARCH)
        return decoder


def beside(make_words: Callable[[], Recogniser] | None, phrases: Iterable[str]) -> Spotting:
    """Make the recogniser of the words, if there is to be one, and spot phrases beside it.

    For `Pool`, whose processes each make their own; errors as those of `Spotting`.
    """
    return Spotting(None if make_words is None else make_words(), phrases)


class SpottingSession:
    """One channel: its words' session, and its phrases."""

    def __init__(self, owner: Spotting, words: Session | None) -> None:
        self._owner = owner
        self._words = words
        self._channel = Channel()
        self._decoder: Any = None
        self._start_s = 0.0
        self._n_samples = self._next_look = 0
        self._told: list[tuple[str, int, int]] = []

    def begin(self, start_s: float) -> None:
        if self._words is not None:
            self._words.begin(start_s)
        self._start_s = start_s
        self._n_samples = 0
        self._next_look = round(_LOOK_EVERY_S * RATE_HZ)
        self._told = []
        self._decoder = self._owner.take()
        self._channel.begin(self._decoder)

    def push(self, samples: Samples) -> list[Recognised]:
        self._n_samples += samples.size
        searched = self._channel.push(samples)
        try:
            told = self._words.push(samples) if self._words is not None else []
        except TranscriptError as error:  # which ends the utterance
            error.phrases = self._end()
            raise
        if not searched or self._n_samples < self._next_look:
            return told
        self._next_look = self._n_samples + round(_LOOK_EVERY_S * RATE_HZ)
        now = round(self._n_samples / RATE_HZ / FRAME_S)
        return [*told, *self._spotted(now - _SETTLED_FRAMES)]

    def finish(self) -> list[Recognised]:
        spotted = self._end()
        try:
            told = self._words.finish() if self._words is not None else []
        except TranscriptError as error:
            error.phrases = spotted
            raise
        return [*told, *spotted]

    def _end(self) -> list[PhraseSpotted]:
        """End the search; return what is left to be told."""
        if self._n_samples:  # the search tells a phrase only some frames after it
            self._channel.push(np.zeros(round(_TAIL_S * RATE_HZ), np.float32))
        self._channel.finish()
        spotted = self._spotted(None)
        self._owner.give_back(self._decoder)
        self._decoder = None
        return spotted

    def _spotted(self, before: int | None) -> list[PhraseSpotted]:
        """What was found, is over before that frame and was not told yet."""
        found = sorted(
            (segment.start_frame, segment.end_frame, segment.word.strip())
            for segment in self._decoder.seg() or ()
        )
        new = []
        for start, end, phrase in found:
            again = any(
                phrase == other and start < other_end and end > other_start
                for other, other_start, other_end in self._told
            )
            if again or (before is not None and end >= before):
                continue
            self._told.append((phrase, start, end))
            new.append(
                PhraseSpotted(
                    self._start_s + start * FRAME_S, self._start_s + end * FRAME_S, phrase
                )
            )
        return new


def _sorted(decoder: Any, phrases: Iterable[str], thresholds: Mapping[int, float]) -> Vocabulary:
    """Sort phrases by the sounds of their words in the decoder's dictionary."""
    known: dict[str, float] = {}
    unknown: list[str] = []
    short: list[str] = []
    for phrase in dict.fromkeys(" ".join(each.lower().split()) for each in phrases):
        sounds = [decoder.lookup_word(word) for word in phrase.split()]
        if not sounds or None in sounds:
            unknown.append(phrase)
            continue
        n_sounds = sum(len(each.split()) for each in sounds)
        if n_sounds < min(thresholds):
            short.append(phrase)
        else:
            known[phrase] = thresholds[max(n for n in thresholds if n <= n_sounds)]
    return Vocabulary(known, tuple(unknown), tuple(short))
