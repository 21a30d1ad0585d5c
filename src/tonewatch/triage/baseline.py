"""How aroused a caller is against this caller's own speech before.

People differ in how they speak by more than moods differ (docs/why/honesty.md), so the same number
means little in another voice. Arousal here is the emotions' probabilities weighed by Russell's
circumplex (1980), roughly: a number to compare with itself, not a measurement. It does not know
when a caller was aroused from the start; that shows in other cues, never as a fall.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

AROUSAL: Mapping[str, float] = {
    "angry": 1.0,
    "fearful": 1.0,
    "surprised": 0.8,
    "happy": 0.7,
    "painful": 0.8,
    "stressful": 0.8,
    "disgust": 0.4,
    "drunk": 0.3,
    "neutral": 0.2,
    "sad": 0.2,
    "calm": 0.1,
    "bored": 0.0,
}
"""From 0 (at rest) to 1; others 0."""

WARM_UP = 5
"""So many windows make a baseline."""

LEAST_DEVIATION = 0.05
"""Voices that hardly vary would turn every breath into an alarm."""

FULL_DEVIATIONS = 4.0
"""So many deviations above the baseline are a rise of full strength."""


@dataclass(frozen=True, slots=True)
class Rise:
    """One window against all before it.

    Attributes:
        start_s: where the window begins.
        end_s: where it ends.
        arousal: of the window.
        baseline: mean of those before.
        deviations: how many standard deviations above it; below 0 when calmer.
        strength: from 0 to 1; 0 when not above.
    """

    start_s: float
    end_s: float
    arousal: float
    baseline: float
    deviations: float
    strength: float


class Baseline:
    """A caller's arousal so far: mean and deviation of all windows (Welford, 1962)."""

    def __init__(self) -> None:
        self._n = 0
        self._mean = 0.0
        self._squares = 0.0

    def push(self, start_s: float, end_s: float, probabilities: Mapping[str, float]) -> Rise | None:
        """Compare a window to those before, then count it among them; None while warming up."""
        value = arousal(probabilities)
        rise = None
        if self._n >= WARM_UP:
            deviation = max(sqrt(self._squares / self._n), LEAST_DEVIATION)
            above = (value - self._mean) / deviation
            strength = min(max(above / FULL_DEVIATIONS, 0.0), 1.0)
            rise = Rise(start_s, end_s, value, self._mean, above, strength)
        self._n += 1
        step = value - self._mean
        self._mean += step / self._n
        self._squares += step * (value - self._mean)
        return rise


def arousal(probabilities: Mapping[str, float]) -> float:
    """The arousal that emotions' probabilities carry."""
    return sum(AROUSAL.get(label, 0.0) * p for label, p in probabilities.items())
