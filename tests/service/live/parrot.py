"""A recogniser for tests, in a module that its process can import."""

from tonewatch.core.events import PhraseSpotted, Word, WordsRecognised
from tonewatch.core.signal import Samples
from tonewatch.transcript.backend import Recognised

TEXT = "there is a fire in the kitchen"
PHRASE = "not breathing"


class Parrot:
    """A recogniser that says the same of all speech, and spots the same phrase in it."""

    name = "parrot"

    def session(self) -> "Parrot":
        return self

    def begin(self, start_s: float) -> None:
        self._start_s = self._end_s = start_s

    def push(self, samples: Samples) -> list[Recognised]:
        self._end_s += len(samples) / 16_000
        return [self._said(False)]

    def finish(self) -> list[Recognised]:
        return [self._said(True), PhraseSpotted(self._start_s, self._end_s, PHRASE)]

    def _said(self, final: bool) -> WordsRecognised:
        words = [Word(word, self._start_s, self._end_s, 0.9) for word in TEXT.split()]
        return WordsRecognised(self._start_s, self._end_s, tuple(words), final)
