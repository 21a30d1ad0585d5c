"""Scores of a classifier that gives probabilities: UAR, WA, F1, calibration error, certainty.

UAR is the mean over the labels of the share found (Schuller, Steidl and Batliner, Interspeech
2009); ECE is that of Naeini, Cooper and Hauskrecht (AAAI 2015) as Guo and others use it (ICML
2017). Pure: it knows neither audio nor bundles, and every figure can be had from any system's
answers. What the answers were given to, `protocol` has to say.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from tonewatch.core.errors import CorpusError
from tonewatch.core.labels import SEXES

ECE_BINS = 15
"""Equal-width bins of confidence for ECE and reliability diagrams, as in Guo and others."""

_NOBODY = "unknown"


@dataclass(frozen=True)
class Predictions:
    """Answers and truth, one row a recording (or window).

    A row of zeros is no answer (no speech was heard): it counts as wrong and as not certain, and
    has no part in the calibration error.

    Attributes:
        labels: the classes.
        probabilities: shape [n, n_labels], float; rows sum to 1, or are 0.
        target: shape [n], index of the true label.
        certain: shape [n], bool: the answer was called certain.
        speakers: `corpus:id`, shape [n]; None where unknown. So for the next three.
        sexes: `male` or `female`.
        corpora: names.
        paths: of the recordings.
    """

    labels: tuple[str, ...]
    probabilities: NDArray[np.float64]
    target: NDArray[np.int64]
    certain: NDArray[np.bool_]
    speakers: tuple[str | None, ...]
    sexes: tuple[str | None, ...]
    corpora: tuple[str | None, ...]
    paths: tuple[str | None, ...]

    def __post_init__(self) -> None:
        n = len(self.target)
        assert self.probabilities.shape == (n, len(self.labels)), self.probabilities.shape
        assert np.isfinite(self.probabilities).all(), "probabilities are NaN or infinite"
        assert not n or (self.target.min() >= 0 and self.target.max() < len(self.labels))
        columns = (self.certain, self.speakers, self.sexes, self.corpora, self.paths)
        assert all(len(column) == n for column in columns), [len(column) for column in columns]

    def __len__(self) -> int:
        return len(self.target)

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Shape [n]: whether there was an answer."""
        return np.asarray(self.probabilities.any(axis=1), bool)

    @property
    def guess(self) -> NDArray[np.int64]:
        """Shape [n]: index of the likeliest label, -1 where there was no answer."""
        return np.where(self.answered, self.probabilities.argmax(axis=1), -1)

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Shape [n]: probability of the likeliest label."""
        return np.asarray(self.probabilities.max(axis=1, initial=0.0), np.float64)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Shape [n]: whether the likeliest label is the true one."""
        return np.asarray(self.guess == self.target, bool)

    def rows(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> Self:
        """The rows chosen by a mask or by their numbers."""
        index = np.arange(len(self))[chosen].tolist()
        return replace(
            self,
            probabilities=self.probabilities[index],
            target=self.target[index],
            certain=self.certain[index],
            speakers=tuple(self.speakers[i] for i in index),
            sexes=tuple(self.sexes[i] for i in index),
            corpora=tuple(self.corpora[i] for i in index),
            paths=tuple(self.paths[i] for i in index),
        )


def restrict(
    predictions: Predictions, labels: Collection[str], *, threshold: float | None = None
) -> Predictions:
    """Renormalise the probabilities over some of the labels, the others getting 0.

    Args:
        predictions: whose targets are all among `labels`.
        labels: those that the corpus has.
        threshold: confidence from which a renormalised answer is certain; None leaves `certain`.
    """
    kept = np.array([label in labels for label in predictions.labels])
    assert kept[predictions.target].all(), "a target lies outside the labels kept"
    if kept.all():
        return predictions
    inside = np.where(kept, predictions.probabilities, 0.0)
    total = inside.sum(axis=1, keepdims=True)
    # All the mass may lie outside: then the labels kept are equally likely, which is an answer.
    lost = predictions.answered[:, None] & (total == 0)
    inside = np.where(lost, kept / kept.sum(), inside / np.where(total == 0, 1, total))
    restricted = replace(predictions, probabilities=inside)
    if threshold is None:
        return restricted
    certain = restricted.answered & (restricted.confidence >= threshold)
    return replace(restricted, certain=certain)


def joined(parts: Sequence[Predictions]) -> Predictions:
    """All rows of several, whose labels are the same."""
    first = parts[0]
    assert all(part.labels == first.labels for part in parts), "labels differ"
    return Predictions(
        first.labels,
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.target for part in parts]),
        np.concatenate([part.certain for part in parts]),
        tuple(value for part in parts for value in part.speakers),
        tuple(value for part in parts for value in part.sexes),
        tuple(value for part in parts for value in part.corpora),
        tuple(value for part in parts for value in part.paths),
    )


class ClassScore(NamedTuple):
    """Scores of one label; `n` is how often it is true."""

    precision: float
    recall: float
    f1: float
    n: int


class GroupScore(NamedTuple):
    """Scores of one speaker, or of one sex."""

    n: int
    uar: float
    wa: float


@dataclass(frozen=True)
class Scores:
    """What `tonewatch evaluate` tells.

    Attributes:
        n: recordings scored.
        uar: unweighted average recall over the labels that are true at least once.
        wa: weighted accuracy: share of recordings answered rightly.
        macro_f1: mean F1 over the labels that are true or answered at least once.
        ece: expected calibration error of the likeliest label's probability.
        certain_share: share of recordings whose answer is certain.
        certain_accuracy: share of these that is right; None when none is certain.
        no_speech: recordings in which no speech was heard; they count as wrong.
        labels: those that are true, or have any probability, at least once, in the model's order.
        confusion: shape [n_labels][n_labels], counts; rows are true, columns answered.
        per_class: by label.
        by_sex: by `male`, `female`, `unknown`, as far as they occur.
        by_speaker: by `corpus:id`.
        protocol: in words: what was tested on whom, and what the model had heard before.
    """

    n: int
    uar: float
    wa: float
    macro_f1: float
    ece: float
    certain_share: float
    certain_accuracy: float | None
    no_speech: int
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    per_class: Mapping[str, ClassScore]
    by_sex: Mapping[str, GroupScore]
    by_speaker: Mapping[str, GroupScore]
    protocol: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `tonewatch evaluate --json` writes them."""
        plain = asdict(self)
        for name in ("per_class", "by_sex", "by_speaker"):
            plain[name] = {key: value._asdict() for key, value in getattr(self, name).items()}
        plain["labels"] = list(self.labels)
        plain["confusion"] = [list(row) for row in self.confusion]
        return plain


def scores(predictions: Predictions, protocol: str) -> Scores:
    """All scores of some predictions.

    Raises:
        CorpusError: there is not one prediction.
    """
    if not len(predictions):
        raise CorpusError(
            "expected at least one labelled recording to score, got none; "
            "see with `tonewatch corpora` which labels the corpus has"
        )
    certain = predictions.certain & predictions.answered
    used = [
        index
        for index in range(len(predictions.labels))
        if (predictions.target == index).any() or predictions.probabilities[:, index].any()
    ]
    labels = tuple(predictions.labels[index] for index in used)
    per_class = _per_class(predictions, used)
    f1 = [
        score.f1
        for index, score in zip(used, per_class.values(), strict=True)
        if score.n or (predictions.guess == index).any()
    ]
    return Scores(
        n=len(predictions),
        uar=uar(predictions),
        wa=float(predictions.right.mean()),
        macro_f1=float(np.mean(f1)),
        ece=reliability(predictions).ece,
        certain_share=float(certain.mean()),
        certain_accuracy=float(predictions.right[certain].mean()) if certain.any() else None,
        no_speech=int((~predictions.answered).sum()),
        labels=labels,
        confusion=tuple(
            tuple(
                int(((predictions.target == true) & (predictions.guess == answer)).sum())
                for answer in used
            )
            for true in used
        ),
        per_class=per_class,
        by_sex=_grouped(predictions, predictions.sexes, (*SEXES, _NOBODY)),
        by_speaker=_grouped(predictions, predictions.speakers),
        protocol=protocol,
    )


def uar(predictions: Predictions) -> float:
    """Unweighted average recall over the labels that are true at least once."""
    return unweighted_recall(predictions.target, predictions.right)


def unweighted_recall(target: NDArray[np.int64], right: NDArray[np.bool_]) -> float:
    """UAR: the mean over the labels in `target` of the share of each that is `right`."""
    return float(np.mean([right[target == label].mean() for label in np.unique(target)]))


def uar_interval(
    predictions: Predictions,
    *,
    rng: np.random.Generator,
    level: float = 0.95,
    draws: int = 2000,
) -> tuple[float, float] | None:
    """Bootstrap interval of the UAR, drawing whole speakers (Bisani and Ney, ICASSP 2004).

    Recordings of one speaker are alike, so that drawing recordings would give too narrow an
    interval. None with fewer than three speakers, whose draws say nothing about others.
    """
    names = np.array([speaker or _NOBODY for speaker in predictions.speakers], str)
    speakers, which = np.unique(names, return_inverse=True)
    if len(speakers) < 3:
        return None
    found = np.zeros((len(speakers), len(predictions.labels)))
    there = np.zeros_like(found)
    np.add.at(found, (which, predictions.target), predictions.right)
    np.add.at(there, (which, predictions.target), 1)
    weights = rng.multinomial(len(speakers), np.full(len(speakers), 1 / len(speakers)), draws)
    totals = weights @ there
    recalls = np.divide(weights @ found, totals, out=np.zeros_like(totals), where=totals > 0)
    drawn = recalls.sum(axis=1) / (totals > 0).sum(axis=1)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy, by bin of confidence; empty bins have zeros.

    Attributes:
        edges: shape [n_bins + 1].
        count: shape [n_bins]: answers in the bin, its upper edge included, its lower one not.
        confidence: shape [n_bins]: their mean confidence.
        accuracy: shape [n_bins]: the share of them that is right.
    """

    edges: NDArray[np.float64]
    count: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def ece(self) -> float:
        """Mean over the answers of their bin's gap between confidence and accuracy."""
        gaps = np.abs(self.confidence - self.accuracy)
        return float((self.count * gaps).sum() / max(1, self.count.sum()))


def reliability(predictions: Predictions, n_bins: int = ECE_BINS) -> Reliability:
    """Sort the answers into `n_bins` bins of confidence of equal width."""
    edges = np.linspace(0, 1, n_bins + 1)
    confidence = predictions.confidence[predictions.answered]
    right = predictions.right[predictions.answered]
    bins = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, n_bins - 1)
    count = np.bincount(bins, minlength=n_bins)
    per = np.maximum(count, 1)
    return Reliability(
        edges,
        count.astype(np.int64),
        np.bincount(bins, confidence, n_bins) / per,
        np.bincount(bins, right, n_bins) / per,
    )


def kept_accuracy(predictions: Predictions) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Accuracy if only the most confident answers are kept.

    Returns:
        Share kept and accuracy among them, shape [k] each, for every confidence at which one could
        cut (equal ones go together), in rising order of the share.
    """
    order = np.argsort(-predictions.confidence, kind="stable")
    confidence = predictions.confidence[order]
    right = np.cumsum(predictions.right[order])
    last = np.append(confidence[1:] != confidence[:-1], True) & (confidence > 0)
    kept = np.arange(1, len(order) + 1)
    return kept[last] / len(order), right[last] / kept[last]


def _per_class(predictions: Predictions, used: Sequence[int]) -> dict[str, ClassScore]:
    table = {}
    for index in used:
        true, answer = predictions.target == index, predictions.guess == index
        hits = int((true & answer).sum())
        precision = hits / max(1, int(answer.sum()))
        recall = hits / max(1, int(true.sum()))
        f1 = 2 * hits / max(1, int(true.sum() + answer.sum()))
        table[predictions.labels[index]] = ClassScore(precision, recall, f1, int(true.sum()))
    return table


def _grouped(
    predictions: Predictions, names: Sequence[str | None], order: Sequence[str] | None = None
) -> dict[str, GroupScore]:
    plain = np.array([name or _NOBODY for name in names], str)
    table = {}
    for name in order or sorted(set(plain.tolist())):
        rows = predictions.rows(plain == name)
        if len(rows):
            table[name] = GroupScore(len(rows), uar(rows), float(rows.right.mean()))
    return table
