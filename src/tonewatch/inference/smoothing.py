"""From several windows to one judgement: smoothing along a stream, and the summary of all of it.

Both average logarithms of probabilities (a geometric mean, renormalised): one confident window
does not outweigh many that disagree, and no window is counted for what it did not hear. Smoothed
probabilities lag and are less sure than the calibrated ones, so smoothing is off by default.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonewatch.core.errors import SettingsError
from tonewatch.core.events import EmotionEstimated
from tonewatch.inference.calibration import Calibration, log_normalise

_LEAST = 1e-12  # a probability that underflowed must not veto a label for ever


@dataclass(frozen=True, slots=True)
class Emotion:
    """What was heard in a whole recording; fields as in `EmotionEstimated`."""

    label: str
    confidence: float
    certain: bool
    probabilities: dict[str, float]


class Smoother:
    """Exponential smoothing of log-probabilities over windows.

    What was heard before counts for less, the longer ago: after a pause, for next to nothing.

    Args:
        time_s: time constant in seconds; 0 leaves every window as it is.
    """

    def __init__(self, time_s: float) -> None:
        if not (math.isfinite(time_s) and time_s >= 0):
            raise SettingsError(f"expected a smoothing of 0 s or more, came {time_s:g} s")
        self._time_s = time_s
        self._last: tuple[NDArray[np.float64], float] | None = None

    def push(self, log_probabilities: NDArray[np.float64], end_s: float) -> NDArray[np.float64]:
        """Take the next window; return its smoothed log-probabilities.

        Args:
            log_probabilities: shape [n_labels].
            end_s: where the window ends.
        """
        if self._last is not None and self._time_s:
            before, before_s = self._last
            keep = math.exp(-(end_s - before_s) / self._time_s)
            log_probabilities = log_normalise(keep * before + (1 - keep) * log_probabilities)
        self._last = log_probabilities, end_s
        return log_probabilities


class Summary:
    """The emotion over all windows so far, each weighted by its speech.

    It keeps two running sums, so a call may be of any length.
    """

    def __init__(self, labels: Sequence[str], calibration: Calibration) -> None:
        self._labels = tuple(labels)
        self._calibration = calibration
        self._logs = np.zeros(len(self._labels))
        self._weight_s = 0.0

    def add(self, window: EmotionEstimated) -> None:
        """Take the next window."""
        probabilities = np.array([window.probabilities[label] for label in self._labels])
        self._logs += window.speech_s * np.log(np.maximum(probabilities, _LEAST))
        self._weight_s += window.speech_s

    def emotion(self) -> Emotion | None:
        """None while there was no window."""
        if not self._weight_s:
            return None
        mean = np.exp(log_normalise(self._logs / self._weight_s))
        best = int(mean.argmax())
        confidence = float(mean[best])
        return Emotion(
            self._labels[best],
            confidence,
            self._calibration.is_certain(confidence),
            dict(zip(self._labels, mean.tolist(), strict=True)),
        )


def summarise(windows: Sequence[EmotionEstimated], calibration: Calibration) -> Emotion | None:
    """The emotion over all windows; None without any."""
    if not windows:
        return None
    summary = Summary(list(windows[0].probabilities), calibration)
    for window in windows:
        summary.add(window)
    return summary.emotion()
