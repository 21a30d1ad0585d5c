"""The table of utterances that every corpus reader yields.

Holds paths and what is known about them; no audio is opened here, so neither durations nor the
question whether a file decodes are known. What a reader left aside is kept beside, with the reason.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from tonewatch.core.labels import SEXES, Scheme, Sex

UNLABELLED = "unlabelled"
"""How utterances without an emotion are counted."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One recording.

    Attributes:
        path: The audio file.
        emotion: Canonical word (`tonewatch.core.labels.EMOTIONS`) or one's own; None if unlabelled.
        speaker: `corpus:id`, unique over all corpora; takes by one person share it.
        sex: None where the corpus does not tell.
        language: ISO 639-1 code, empty where unknown or where there is no speech.
        corpus: The corpus's name.
        extra: What else the name or the corpus's own list tells.
    """

    path: Path
    emotion: str | None
    speaker: str
    sex: Sex | None
    language: str
    corpus: str
    extra: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that a reader left aside, and why."""

    path: Path
    reason: str


class Labelled(NamedTuple):
    """Utterances under a scheme: `labels[i]` is the label of `utterances[i]`."""

    utterances: tuple[Utterance, ...]
    labels: tuple[str, ...]
    left_out: Counter[str]


@dataclass(frozen=True, slots=True)
class Table:
    """Utterances in a fixed order, and the files left aside."""

    utterances: tuple[Utterance, ...]
    problems: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return len(self.utterances)

    def __add__(self, other: "Table") -> "Table":
        return Table(self.utterances + other.utterances, self.problems + other.problems)

    def labelled(self, scheme: Scheme) -> Labelled:
        """Keep what the scheme has a label for.

        `left_out` counts the rest by emotion word; "(sex unknown)" where only that was missing.
        """
        kept: list[Utterance] = []
        labels: list[str] = []
        left_out: Counter[str] = Counter()
        for utterance in self.utterances:
            emotion = utterance.emotion
            label = None if emotion is None else scheme.label_for(emotion, utterance.sex)
            if label is not None:
                kept.append(utterance)
                labels.append(label)
            elif emotion is not None and utterance.sex is None and _only_sex(scheme, emotion):
                left_out[f"{emotion} (sex unknown)"] += 1
            else:
                left_out[emotion or UNLABELLED] += 1
        return Labelled(tuple(kept), tuple(labels), left_out)

    def by_emotion(self) -> Counter[str]:
        return Counter(utterance.emotion or UNLABELLED for utterance in self.utterances)

    def by_speaker(self) -> Counter[str]:
        return Counter(utterance.speaker for utterance in self.utterances)

    def by_sex(self) -> Counter[str]:
        return Counter(utterance.sex or "unknown" for utterance in self.utterances)

    def renamed(self, corpus: str) -> "Table":
        """The same table under another corpus name, its speakers' ids included."""
        utterances = tuple(
            replace(
                utterance,
                corpus=corpus,
                speaker=f"{corpus}:{utterance.speaker.partition(':')[2]}",
            )
            for utterance in self.utterances
        )
        return Table(utterances, self.problems)


def _only_sex(scheme: Scheme, emotion: str) -> bool:
    return any(scheme.label_for(emotion, sex) for sex in SEXES)
