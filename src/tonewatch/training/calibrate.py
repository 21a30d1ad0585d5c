"""Probabilities that mean what they say, and the rule for "unsure".

One temperature (Guo et al., ICML 2017) divides all logits; it moves no decision. It is fitted, and
the threshold of "certain" set, on recordings of speakers that were neither trained on nor tested.
This module knows probabilities and answers only.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Fit:
    """What calibration found.

    Attributes:
        temperature: divisor of the logits.
        threshold: top probability from which on an answer is called certain.
        certain_share: share of the calibration answers at or above it.
        certain_error: share of those that were wrong.
        n: number of calibration answers.
    """

    temperature: float
    threshold: float
    certain_share: float
    certain_error: float
    n: int


def sharpen(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Probabilities after dividing their logits by `temperature`, shape [n, K]; zeros stay zero."""
    with np.errstate(divide="ignore"):
        logits = np.log(probabilities) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def negative_log_likelihood(
    probabilities: NDArray[np.float64], target: NDArray[np.int64], weights: NDArray[np.float64]
) -> float:
    """Weighted mean of -log p(target)."""
    picked = probabilities[np.arange(len(target)), target]
    return float(np.average(-np.log(np.maximum(picked, 1e-12)), weights=weights))


def fit(
    probabilities: NDArray[np.float64],
    target: NDArray[np.int64],
    weights: NDArray[np.float64],
    *,
    wanted_accuracy: float = 0.87,
    least_share: float = 0.52,
) -> Fit:
    """Fit the temperature by likelihood, then the threshold.

    The threshold is the lowest at which the certain answers are right `wanted_accuracy` of the
    time; where that leaves fewer than `least_share` of the answers, the one that keeps that share.

    Args:
        probabilities: uncalibrated, shape [n, K]; labels a corpus lacks are zero.
        target: shape [n].
        weights: shape [n], for example so that each corpus counts the same.
        wanted_accuracy: of the answers called certain.
        least_share: of answers to be called certain.
    """
    # A grid of 1 % steps: the likelihood is flat about its best point.
    temperatures = np.exp(np.arange(np.log(0.3), np.log(4.0), 0.01))
    costs = [
        negative_log_likelihood(sharpen(probabilities, t), target, weights) for t in temperatures
    ]
    temperature = float(temperatures[int(np.argmin(costs))])
    calibrated = sharpen(probabilities, temperature)
    top, right = calibrated.max(axis=1), calibrated.argmax(axis=1) == target
    order = np.argsort(-top, kind="stable")
    share = np.cumsum(weights[order]) / weights.sum()
    accuracy = np.cumsum(right[order] * weights[order]) / np.cumsum(weights[order])
    enough = np.flatnonzero((accuracy >= wanted_accuracy) & (share >= least_share))
    last = int(enough[-1]) if len(enough) else int(np.searchsorted(share, least_share))
    last = min(last, len(order) - 1)
    return Fit(
        temperature=temperature,
        threshold=float(top[order[last]]),
        certain_share=float(share[last]),
        certain_error=float(1 - accuracy[last]),
        n=len(target),
    )
