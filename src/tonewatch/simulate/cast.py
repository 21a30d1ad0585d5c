"""Who can be heard in simulated calls: the takes of each speaker of some corpora, by emotion.

It opens no audio. A caller is one speaker throughout, and no take is heard twice in a call while
the speaker has others of that emotion.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tonewatch.core.errors import CorpusError
from tonewatch.corpora.recorded import is_copy
from tonewatch.corpora.table import Table

OPENINGS = ("neutral", "calm")
"""How a caller begins; the first of these that the speaker has."""


@dataclass(frozen=True)
class Cast:
    """Speakers with their takes.

    Attributes:
        takes: speaker -> emotion -> recordings, each in the order of the corpora.
    """

    takes: Mapping[str, Mapping[str, tuple[Path, ...]]]

    @classmethod
    def of(cls, table: Table) -> "Cast":
        """The labelled utterances of a table; copies of other recordings are left out.

        Raises:
            CorpusError: there is none.
        """
        found: dict[str, dict[str, list[Path]]] = {}
        for each in table.utterances:
            if each.emotion is not None and not is_copy(each):
                emotions = found.setdefault(each.speaker, {})
                emotions.setdefault(each.emotion, []).append(each.path)
        if not found:
            raise CorpusError(
                f"expected recordings with an emotion, came {len(table)} without; name a corpus "
                "of emotional speech"
            )
        return cls(
            {
                speaker: {emotion: tuple(paths) for emotion, paths in emotions.items()}
                for speaker, emotions in found.items()
            }
        )

    def without(self, speakers: Collection[str]) -> "Cast":
        """The others; there may be nobody left."""
        kept = {name: takes for name, takes in self.takes.items() if name not in speakers}
        return Cast(kept)

    @property
    def emotions(self) -> frozenset[str]:
        """All that somebody has."""
        return frozenset(emotion for takes in self.takes.values() for emotion in takes)

    def having(self, emotion: str) -> list[str]:
        """The speakers who can sound so, in order."""
        return [name for name, takes in self.takes.items() if emotion in takes]

    def draw(
        self, speaker: str, emotions: Sequence[str], rng: np.random.Generator
    ) -> list[tuple[str, Path]]:
        """A take for each emotion, of one speaker, with the emotion.

        An emotion that the speaker does not have is left out.
        """
        decks: dict[str, Iterator[Path]] = {}
        drawn = []
        for emotion in emotions:
            if paths := self.takes[speaker].get(emotion, ()):
                deck = decks.setdefault(emotion, _shuffled(paths, rng))
                drawn.append((emotion, next(deck)))
        return drawn

    def sequence(self, speaker: str, emotion: str, n: int) -> list[str]:
        """An opening as the speaker has it, then `n` - 1 times the emotion."""
        takes = self.takes[speaker]
        opening = next((name for name in OPENINGS if name in takes), emotion)
        return [opening, *[emotion] * (n - 1)]


def _shuffled(paths: Sequence[Path], rng: np.random.Generator) -> Iterator[Path]:
    """Each once in random order, then all over again."""
    while True:
        for i in rng.permutation(len(paths)).tolist():
            yield paths[i]
