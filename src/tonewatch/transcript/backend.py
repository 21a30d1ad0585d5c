"""The port that every recogniser of words stands behind.

A recogniser holds a model and gives a session a channel. A session is fed speech alone, utterance
by utterance: who calls it says where speech is, so that nothing is made up in silence. Nothing here
knows a model, a process or a clock.
"""

from typing import Protocol, TypeAlias

from tonewatch.core.events import PhraseSpotted, WordsRecognised
from tonewatch.core.signal import Samples

Recognised: TypeAlias = WordsRecognised | PhraseSpotted


class Session(Protocol):
    """Hears one channel; utterances follow each other, they do not overlap."""

    def begin(self, start_s: float) -> None:
        """Begin an utterance whose first sample is `start_s` seconds into the stream."""
        ...

    def push(self, samples: Samples) -> list[Recognised]:
        """Take further samples of the utterance: shape [n], n >= 1, float32, 16 kHz, mono.

        Returns:
            What can be said already: results that are not final, of the whole utterance so far.

        Raises:
            TranscriptError: The recogniser failed, but for the error's phrases; begin the next
                utterance.
        """
        ...

    def finish(self) -> list[Recognised]:
        """End the utterance; return its final result, perhaps without words, none if it is empty.

        Raises:
            TranscriptError: As `push`.
        """
        ...


class Recogniser(Protocol):
    """A loaded model: one a process."""

    @property
    def name(self) -> str:
        """What a person calls it: `pocketsphinx`, `whisper`."""
        ...

    def session(self) -> Session:
        """A session for a further channel; sessions may have utterances under way side by side."""
        ...
