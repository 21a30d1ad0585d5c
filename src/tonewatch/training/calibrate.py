"""Probabilities that mean what they say, and the rule for "unsure".

One temperature (Guo et al., ICML 2017) divides all logits, and then each label's bias is added: a
network asked about voices that it does not know answers some labels too often. Both are fitted, and
the threshold of "certain" set, on answers to speakers whom the answering network had not heard.
This module knows probabilities and answers only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

_BIAS_SPREAD = 0.5
"""Standard deviation of biases, expected before any answer is seen; few answers move them less."""

_TEMPERATURES = (0.3, 4.0)
_IMPOSSIBLE = -1e4  # the logarithm of a probability of zero
_LEAST = -27.0  # that of one that underflowed, though the label is true


@dataclass(frozen=True)
class Fit:
    """What calibration found.

    Attributes:
        temperature: divisor of the logits.
        threshold: top probability from which on an answer is called certain.
        certain_share: share of the calibration answers at or above it, by their weights.
        certain_error: share of those that were wrong, by their weights.
        n: number of calibration answers.
        bias: by label, added to its logit after the division; 0 for labels not in it.
    """

    temperature: float
    threshold: float
    certain_share: float
    certain_error: float
    n: int
    bias: Mapping[str, float] = field(default_factory=dict)

    def apply(
        self, probabilities: NDArray[np.float64], labels: Sequence[str]
    ) -> NDArray[np.float64]:
        """Probabilities [n, K] of these labels, calibrated; zeros stay zero."""
        bias = np.array([self.bias.get(label, 0.0) for label in labels])
        return sharpen(probabilities, self.temperature, bias)


def sharpen(
    probabilities: NDArray[np.float64],
    temperature: float,
    bias: NDArray[np.float64] | float = 0.0,
) -> NDArray[np.float64]:
    """Probabilities after dividing their logits by `temperature` and adding `bias`, shape [n, K].

    Zeros stay zero.
    """
    with np.errstate(divide="ignore"):
        logits = np.log(probabilities) / temperature + bias
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def fit(
    probabilities: NDArray[np.float64],
    target: NDArray[np.int64],
    weights: NDArray[np.float64],
    labels: Sequence[str] = (),
    *,
    wanted_accuracy: float = 0.87,
    least_share: float = 0.52,
) -> Fit:
    """Fit the temperature and the biases by likelihood, then the threshold.

    The threshold is the lowest at which the certain answers are right `wanted_accuracy` of the
    time; where that leaves fewer than `least_share` of the answers, the one that keeps that share.

    Args:
        probabilities: uncalibrated, shape [n, K]; labels a corpus lacks are zero.
        target: shape [n].
        weights: shape [n], for example so that each corpus counts the same.
        labels: names of the K; none for a temperature alone, without biases.
        wanted_accuracy: of the answers called certain.
        least_share: of answers to be called certain.
    """
    answered = np.flatnonzero(probabilities.any(axis=0))
    # A label that is never true here would be pushed away, whatever it is elsewhere.
    whole = bool(np.isin(answered, target).all())
    biased = answered if labels and whole else np.arange(0)
    temperature, bias = _likeliest(probabilities, target, weights, biased)
    calibrated = sharpen(probabilities, temperature, bias)
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
        bias={labels[i]: float(bias[i]) for i in biased.tolist()},
    )


def _likeliest(
    probabilities: NDArray[np.float64],
    target: NDArray[np.int64],
    weights: NDArray[np.float64],
    biased: NDArray[np.intp],
) -> tuple[float, NDArray[np.float64]]:
    """The temperature, and the biases [K] of the labels `biased`; a convex problem."""
    with np.errstate(divide="ignore"):
        logits = np.maximum(np.log(probabilities), _IMPOSSIBLE)
    rows = np.arange(len(target))
    logits[rows, target] = np.maximum(logits[rows, target], _LEAST)
    share = weights / weights.sum()
    true = np.zeros_like(logits)
    true[rows, target] = 1
    hold = 1 / (len(target) * _BIAS_SPREAD**2)

    def cost(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = at[0] * logits
        z[:, biased] += at[1:]
        z -= z.max(axis=1, keepdims=True)
        powers = np.exp(z)
        total = powers.sum(axis=1, keepdims=True)
        loss = share @ (np.log(total[:, 0]) - z[rows, target])
        slope = share[:, None] * (powers / total - true)
        steps = np.concatenate([[(slope * logits).sum()], slope[:, biased].sum(axis=0)])
        steps[1:] += hold * at[1:]
        return float(loss + hold / 2 * (at[1:] @ at[1:])), steps

    coldest, warmest = _TEMPERATURES
    bounds = [(1 / warmest, 1 / coldest), *[(None, None)] * len(biased)]
    start = np.concatenate([[1.0], np.zeros(len(biased))])
    best = minimize(cost, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    bias = np.zeros(probabilities.shape[1])
    bias[biased] = best[1:]
    return float(1 / best[0]), bias
