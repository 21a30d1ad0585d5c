"""What the assessments of labelled calls are worth: does urgency order them, are flags right.

Pure numbers. Grave against minor is asked of genuine calls alone: what a prank claims is no
emergency. A call without an assessment is left out and counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonewatch.simulate.render import Labels
from tonewatch.triage.feedback import Share, wilson
from tonewatch.triage.gravity import Gravity
from tonewatch.triage.policy import implied_precision

Reals = NDArray[np.float64]

_DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Judged:
    """One call: what is true of it, and what was told of it.

    Attributes:
        labels: what is true.
        urgency: from 0 to 1.
        flagged: whether "check this call" was shown.
    """

    labels: Labels
    urgency: float
    flagged: bool


@dataclass(frozen=True, slots=True)
class Scores:
    """What came of it.

    Attributes:
        auc: the share of pairs of a grave and a minor call that urgency puts in order, ties half;
            None without such a pair.
        interval: 95 %, by drawing calls.
        n_grave: genuine calls of high gravity.
        n_minor: genuine calls of low gravity.
        found: of the calls to check, those that were flagged.
        spared: of the others, those that were not.
        precision: of the flags, those that were right, in this mix.
        base_rate: the share of calls to check for which `precision_at` holds.
        precision_at: how often a flag is right at that rate, by `found` and `spared`, from where
            both intervals begin to where both end; of no value without a flag.
        missing: calls that were not assessed.
    """

    auc: float | None
    interval: tuple[float, float] | None
    n_grave: int
    n_minor: int
    found: Share
    spared: Share
    precision: Share
    base_rate: float
    precision_at: Share
    missing: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""

        def share(each: Share) -> dict[str, Any]:
            return {"value": each.value, "interval": [each.low, each.high], "n": each.n}

        return {
            "auc": self.auc,
            "interval": self.interval and list(self.interval),
            "n_grave": self.n_grave,
            "n_minor": self.n_minor,
            "found": share(self.found),
            "spared": share(self.spared),
            "precision": share(self.precision),
            "base_rate": self.base_rate,
            "precision_at_base_rate": share(self.precision_at),
            "missing": self.missing,
        }


def score(
    judged: Sequence[Judged], base_rate: float, *, missing: int = 0, rng: np.random.Generator
) -> Scores:
    """Score assessments of calls.

    Args:
        judged: the calls.
        base_rate: how common calls to check are where the flags are to be used.
        missing: calls that were not assessed.
        rng: draws the interval.
    """
    genuine = [each for each in judged if not each.labels.to_check]
    urgency = {
        gravity: np.array([e.urgency for e in genuine if e.labels.gravity is gravity])
        for gravity in Gravity
    }
    grave, minor = urgency[Gravity.HIGH], urgency[Gravity.LOW]
    won = pairs(grave, minor)
    flags = [each for each in judged if each.flagged]
    n_check = len(judged) - len(genuine)
    right = sum(each.labels.to_check for each in flags)
    found = wilson(right, n_check)
    spared = wilson(len(genuine) - (len(flags) - right), len(genuine))
    return Scores(
        float(won.mean()) if won.size else None,
        interval(won, rng) if won.size else None,
        grave.size,
        minor.size,
        found,
        spared,
        wilson(right, len(flags)),
        base_rate,
        _at(base_rate, found, spared) if flags else Share(None, None, None, 0),
        missing,
    )


def _at(base_rate: float, found: Share, spared: Share) -> Share:
    """The precision that a share of calls to check implies (Bayes)."""

    def implied(sensitivity: float | None, specificity: float | None) -> float | None:
        if sensitivity is None or specificity is None:
            return None
        return implied_precision(base_rate, sensitivity, specificity)

    return Share(
        implied(found.value, spared.value),
        implied(found.low, spared.low),
        implied(found.high, spared.high),
        found.n + spared.n,
    )


def from_assessed(labels: Labels, assessed: Mapping[str, Any]) -> Judged:
    """Of an `assessed` as the service tells it."""
    return Judged(labels, assessed["urgency"]["value"], assessed["check"]["flagged"])


def pairs(grave: Reals, minor: Reals) -> Reals:
    """1 for each pair in order, 0.5 for a tie, 0 else; [..., n] and [..., m] give [..., n, m]."""
    above = grave[..., :, None] - minor[..., None, :]
    return np.asarray((above > 0) + 0.5 * (above == 0))


def interval(won: Reals, rng: np.random.Generator) -> tuple[float, float]:
    """95 % bootstrap interval of the mean of `pairs`, [n, m], drawing either side apart."""
    n, m = won.shape
    drawn = [won[rng.integers(n, size=n)][:, rng.integers(m, size=m)].mean() for _ in range(_DRAWS)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)
