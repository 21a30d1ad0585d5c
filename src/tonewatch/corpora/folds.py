"""Dividing utterances into training, validation and test sides.

By speaker and by corpus no voice is on two sides. A random split puts each voice on both sides, so
its scores tell how well known voices are recognised; such folds are marked leaky and say so.
By speaker and by corpus, copies that were made of other recordings are trained on and never tested
on: they would count one take several times.
Knows nothing of audio or networks. All folds are the same whenever the utterances are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tonewatch.core.errors import CorpusError
from tonewatch.corpora.recorded import is_copy
from tonewatch.corpora.table import Utterance

VALIDATION_SHARE = 1 / 8
"""Share of the training speakers of each corpus (or of the files, in a random split) held back."""

_BOTH_SEXES_FROM = 6  # training speakers of a corpus, from which on validation has men and women
_VALIDATED_FROM = 4  # speakers of a corpus, from which on some are spared for validation


@dataclass(frozen=True, slots=True)
class Fold:
    """One division; the numbers index the utterances that it was made from, in rising order.

    Attributes:
        name: Short and unique among the folds of a plan, for files and tables.
        train: Utterances to learn from.
        validation: Utterances for early stopping and calibration; empty if speakers are too few, or
            if none are to be spared.
        test: Utterances to score.
        protocol: The division in words, to stand beside every score.
        leaky: Whether voices of the test side were also trained on.
    """

    name: str
    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]
    protocol: str
    leaky: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """How to divide; `count` is the number of folds, 0 for one a corpus."""

    by: Literal["speaker", "corpus", "random"]
    count: int

    def folds(
        self, utterances: Sequence[Utterance], *, seed: int = 0, validation: bool = True
    ) -> tuple[Fold, ...]:
        """Divide.

        Args:
            utterances: All of them.
            seed: Matters to a random split only.
            validation: Whether to spare utterances for validation; if not, they are trained on.
        """
        if self.by == "corpus":
            return corpus_folds(utterances, validation=validation)
        if self.by == "speaker":
            return speaker_folds(utterances, self.count, validation=validation)
        rng = np.random.default_rng(seed)
        return random_folds(utterances, self.count, rng, validation=validation)


def parse_folds(text: str) -> Plan:
    """Read `speaker:5`, `corpus` or `random:5`.

    Raises:
        CorpusError: Something else.
    """
    by, colon, count = text.strip().partition(":")
    if by == "corpus" and not colon:
        return Plan("corpus", 0)
    if count.isascii() and count.isdigit() and int(count) >= 2:
        if by == "speaker":
            return Plan("speaker", int(count))
        if by == "random":
            return Plan("random", int(count))
    raise CorpusError(
        f"expected folds like speaker:5, corpus or random:5, with 2 or more folds, got {text!r}"
    )


def speaker_folds(
    utterances: Sequence[Utterance], count: int, *, validation: bool = True
) -> tuple[Fold, ...]:
    """Test each speaker in exactly one of `count` folds.

    The sorted speakers of each corpus are divided by themselves, in neighbouring groups whose sizes
    differ by at most one (RAVDESS's actors 01-20 into five: 01-04, 05-08, ...). A corpus of fewer
    speakers than folds is tested in the first folds and trained on in all others.

    Raises:
        CorpusError: No corpus has as many speakers as there are folds to be.
    """
    corpora = _speakers(utterances)
    most = max((len(speakers) for speakers in corpora.values()), default=0)
    if not 2 <= count <= most:
        raise CorpusError(
            f"expected 2 to {most} folds, as no corpus here has more speakers than {most}, "
            f"got {count}; ask for fewer or use random folds"
        )
    groups = {name: _groups(speakers, count) for name, speakers in corpora.items()}
    folds = []
    for number in range(count):
        test = {name: parts[number] for name, parts in groups.items()}
        spared = {
            name: _validation_speakers(utterances, speakers, test[name], number)
            for name, speakers in corpora.items()
            if validation
        }
        protocol = (
            f"speaker-independent, fold {number + 1} of {count}: tested on {_listing(test)}; "
            f"{_stopping(spared)}; trained on all other speakers"
        )
        folds.append(_by_speaker(utterances, f"speaker-{number + 1}", test, spared, protocol))
    return tuple(folds)


def corpus_folds(utterances: Sequence[Utterance], *, validation: bool = True) -> tuple[Fold, ...]:
    """Test each corpus with a model that was trained on the others.

    Raises:
        CorpusError: Fewer than two corpora.
    """
    corpora = _speakers(utterances)
    if len(corpora) < 2:
        raise CorpusError(
            f"expected two or more corpora to leave one out, got {list(corpora)}; "
            "add a corpus or use speaker folds"
        )
    folds = []
    for number, left_out in enumerate(corpora):
        spared = {
            name: _validation_speakers(utterances, speakers, (), number)
            for name, speakers in corpora.items()
            if validation and name != left_out
        }
        protocol = (
            f"corpus-independent: tested on the whole of {left_out}; "
            f"{_stopping(spared)}; trained on all other speakers of "
            f"{', '.join(name for name in corpora if name != left_out)}"
        )
        test = {left_out: tuple(corpora[left_out])}
        folds.append(_by_speaker(utterances, f"corpus-{left_out}", test, spared, protocol))
    return tuple(folds)


def random_folds(
    utterances: Sequence[Utterance],
    count: int,
    rng: np.random.Generator,
    *,
    validation: bool = True,
) -> tuple[Fold, ...]:
    """Test each file in one of `count` folds, each corpus and emotion spread evenly over them.

    Leaky by its nature: to be shown only beside a speaker-independent score.

    Raises:
        CorpusError: Fewer than two folds, or fewer files than folds.
    """
    if not 2 <= count <= len(utterances):
        raise CorpusError(f"expected 2 to {len(utterances)} folds (one a file), got {count}")
    dealt = _dealt([(u.corpus, u.emotion or "") for u in utterances], count, rng)
    folds = []
    for number in range(count):
        rest = np.flatnonzero(dealt != number)
        strata = [(utterances[i].corpus, utterances[i].emotion or "") for i in rest.tolist()]
        held_back = (_dealt(strata, round(1 / VALIDATION_SHARE), rng) == 0) & validation
        folds.append(
            Fold(
                name=f"random-{number + 1}",
                train=_plain(rest[~held_back]),
                validation=_plain(rest[held_back]),
                test=_plain(np.flatnonzero(dealt == number)),
                protocol=(
                    f"LEAKY random stratified split, fold {number + 1} of {count}: the voices "
                    "tested on were also trained on, so the score says nothing about new speakers"
                ),
                leaky=True,
            )
        )
    return tuple(folds)


def _speakers(utterances: Sequence[Utterance]) -> dict[str, list[str]]:
    homes: dict[str, str] = {}
    for utterance in utterances:
        if homes.setdefault(utterance.speaker, utterance.corpus) != utterance.corpus:
            raise CorpusError(
                f"expected each speaker in one corpus, got {utterance.speaker} in "
                f"{homes[utterance.speaker]} and {utterance.corpus}; name speakers corpus:id"
            )
    return {
        corpus: sorted(speaker for speaker, home in homes.items() if home == corpus)
        for corpus in sorted(set(homes.values()))
    }


def _groups(speakers: list[str], count: int) -> list[tuple[str, ...]]:
    sizes = [len(speakers) // count + (number < len(speakers) % count) for number in range(count)]
    ends = np.cumsum(sizes)
    return [tuple(speakers[end - size : end]) for size, end in zip(sizes, ends, strict=True)]


def _validation_speakers(
    utterances: Sequence[Utterance], speakers: list[str], test: Sequence[str], number: int
) -> tuple[str, ...]:
    """Inner validation speakers of one corpus: those next after the test group, in a circle."""
    if len(speakers) < _VALIDATED_FROM:
        return ()
    start = speakers.index(test[-1]) + 1 if test else number
    circle = [speakers[(start + i) % len(speakers)] for i in range(len(speakers))]
    rest = [speaker for speaker in circle if speaker not in test]
    if len(rest) < 2:
        return ()
    wanted = max(1, round(len(rest) * VALIDATION_SHARE))
    sexes = {u.speaker: u.sex for u in utterances}
    queues = [[s for s in rest if sexes[s] == sex] for sex in ("female", "male", None)]
    queues = [queue for queue in queues if queue]
    known = sum(sexes[queue[0]] is not None for queue in queues)
    if len(rest) >= _BOTH_SEXES_FROM:
        wanted = max(wanted, known)
    picked: list[str] = []
    while len(picked) < wanted:
        for queue in queues:
            if queue and len(picked) < wanted:
                picked.append(queue.pop(0))
    return tuple(sorted(picked))


def _by_speaker(
    utterances: Sequence[Utterance],
    name: str,
    test: Mapping[str, Sequence[str]],
    validation: Mapping[str, Sequence[str]],
    protocol: str,
) -> Fold:
    sides: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    tested = {speaker for speakers in test.values() for speaker in speakers}
    held_back = {speaker for speakers in validation.values() for speaker in speakers}
    for index, utterance in enumerate(utterances):
        speaker = utterance.speaker
        side = "test" if speaker in tested else "validation" if speaker in held_back else "train"
        if side == "train" or not is_copy(utterance):
            sides[side].append(index)
    return Fold(
        name=name,
        train=tuple(sides["train"]),
        validation=tuple(sides["validation"]),
        test=tuple(sides["test"]),
        protocol=protocol,
    )


def _stopping(spared: Mapping[str, Sequence[str]]) -> str:
    return f"early stopping on {_listing(spared)}" if spared else "the last epoch kept"


def _listing(speakers: Mapping[str, Sequence[str]]) -> str:
    parts = [
        f"{corpus} {', '.join(speaker.partition(':')[2] for speaker in named)}"
        for corpus, named in speakers.items()
        if named
    ]
    return "; ".join(parts) or "nobody"


def _dealt(
    strata: Sequence[tuple[str, str]], count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Deal each stratum like cards, going on where the last one ended so that piles stay even."""
    order = rng.permutation(len(strata))
    by_stratum = sorted(order.tolist(), key=lambda index: strata[index])
    piles = np.empty(len(strata), dtype=np.int64)
    piles[by_stratum] = np.arange(len(strata)) % count
    return piles


def _plain(indices: NDArray[np.intp]) -> tuple[int, ...]:
    return tuple(indices.tolist())
