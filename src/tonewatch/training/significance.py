"""Whether one network is better than another on the same recordings, or only on these speakers.

Speakers are the unit, for recordings of one speaker are alike: the interval of a difference draws
whole speakers with replacement (Bisani and Ney, ICASSP 2004), and the test exchanges the two
networks' answers speaker by speaker (approximate randomisation: Noreen, Computer-Intensive Methods
for Testing Hypotheses, 1989; Yeh, COLING 2000), all exchanges where they are few. McNemar's test
would take recordings for independent. Several tests are corrected by Holm (Scandinavian Journal of
Statistics, 1979). Pure: it knows answers, no runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonewatch.inference.scores import Predictions

DRAWS = 10_000
"""Draws of speakers, and exchanges where all would be more."""

_FEWEST_SPEAKERS = 3
"""As for the interval of one UAR (`scores.uar_interval`)."""


@dataclass(frozen=True)
class Difference:
    """The UAR of one network less that of another, on the same recordings.

    Attributes:
        uar: the difference, all recordings pooled.
        interval: its middle 95 % over draws of speakers; None with under three speakers.
        p: probability of one as large or larger, either way, if the two were alike; two-sided.
        smallest_p: what `p` could be at best with so few speakers.
        better: speakers for whom more is right.
        worse: speakers for whom less is right.
        speakers: how many there are.
    """

    uar: float
    interval: tuple[float, float] | None
    p: float
    smallest_p: float
    better: int
    worse: int
    speakers: int


def difference(ours: Predictions, theirs: Predictions, *, rng: np.random.Generator) -> Difference:
    """Compare two networks' answers to the same recordings, in the same order."""
    assert ours.speakers == theirs.speakers and np.array_equal(ours.target, theirs.target)
    mine, there = _by_speaker(ours)
    other, _ = _by_speaker(theirs)
    n = len(there)
    interval = None
    if n >= _FEWEST_SPEAKERS:
        drawn = rng.multinomial(n, np.full(n, 1 / n), DRAWS).astype(np.float64)
        low, high = np.quantile(_uar(drawn @ mine - drawn @ other, drawn @ there), (0.025, 0.975))
        interval = float(low), float(high)
    came = float(_uar((mine - other).sum(0), there.sum(0)))
    exact = 2**n <= DRAWS
    if exact:
        signs = 1.0 - 2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
    else:
        signs = rng.choice((-1.0, 1.0), (DRAWS, n))
    exchanged = np.abs(_uar(signs @ (mine - other), there.sum(0)))
    as_large = int((exchanged >= abs(came) - 1e-12).sum())
    # The order that came is one of those drawn: p is never 0.
    p = as_large / len(signs) if exact else (as_large + 1) / (len(signs) + 1)
    rights = (mine - other).sum(1)
    return Difference(
        uar=came,
        interval=interval,
        p=p,
        smallest_p=2 / len(signs) if exact else 1 / (len(signs) + 1),
        better=int((rights > 0).sum()),
        worse=int((rights < 0).sum()),
        speakers=n,
    )


def holm(p: Sequence[float]) -> list[float]:
    """P-values corrected for how many they are, in their order."""
    order = np.argsort(p, kind="stable")
    stepped = np.asarray(p, np.float64)[order] * np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(stepped))
    return [float(value) for value in corrected]


def _by_speaker(predictions: Predictions) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Right answers and recordings of each speaker and label, shape [n_speakers, n_labels] each."""
    names = np.array([speaker or "" for speaker in predictions.speakers], str)
    speakers, which = np.unique(names, return_inverse=True)
    right = np.zeros((len(speakers), len(predictions.labels)))
    there = np.zeros_like(right)
    np.add.at(right, (which, predictions.target), predictions.right)
    np.add.at(there, (which, predictions.target), 1)
    return right, there


def _uar(right: NDArray[np.float64], there: NDArray[np.float64]) -> NDArray[np.float64]:
    """UAR of counts, shape [..., n_labels], over the labels that are there."""
    recall = np.divide(right, there, out=np.zeros_like(right), where=there > 0)
    return np.asarray(recall.sum(-1) / np.maximum((there > 0).sum(-1), 1))
