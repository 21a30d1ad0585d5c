"""From a network's logits to probabilities that mean what they say, and to certain or unsure.

Applies what training fitted; it does not fit anything. Temperature scaling is Guo et al., "On
Calibration of Modern Neural Networks" (ICML 2017); the bias moves the prior of each label.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonewatch.core.errors import SettingsError


@dataclass(frozen=True)
class Calibration:
    """Stored in every bundle.

    Attributes:
        temperature: logits are divided by it.
        bias: added to each label's logit after that; empty for none.
        certain_threshold: the confidence from which an estimate is certain.
        certain_error: the share of wrong ones among the certain, on speakers outside training;
            None when it was not measured.
    """

    temperature: float = 1.0
    bias: tuple[float, ...] = ()
    certain_threshold: float = 0.5
    certain_error: float | None = None

    def __post_init__(self) -> None:
        if not (np.isfinite(self.temperature) and self.temperature > 0):
            raise SettingsError(f"expected a temperature above 0, came {self.temperature}")
        if not np.isfinite(self.bias).all():
            raise SettingsError(f"expected finite biases, came {self.bias}")
        if not 0 <= self.certain_threshold <= 1:
            raise SettingsError(
                f"expected a certain_threshold in [0, 1], came {self.certain_threshold}"
            )

    def log_probabilities(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Logits [..., n_labels] -> natural logarithms of calibrated probabilities."""
        z = np.asarray(logits, np.float64) / self.temperature
        if self.bias:
            z = z + np.asarray(self.bias)
        return log_normalise(z)

    def is_certain(self, confidence: float) -> bool:
        """Whether an estimate of this confidence is told as certain."""
        return confidence >= self.certain_threshold


def log_normalise(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-softmax over the last axis."""
    z = z - z.max(axis=-1, keepdims=True)
    return np.asarray(z - np.log(np.exp(z).sum(axis=-1, keepdims=True)), np.float64)
