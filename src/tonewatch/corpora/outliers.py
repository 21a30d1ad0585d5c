"""Recordings that are unlike the others of their corpus, or heard as another label.

Unlike is what lies more than 3.5 robust deviations from the median (Iglewicz and Hoaglin, "How to
Detect and Handle Outliers", 1993). A recording that is told here is one to listen to, not one to
throw away: the odd one may be the best acted. Pure: it is given what was measured.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonewatch.corpora.quality import Measured, remarks

_LIMIT = 3.5
_FEWEST = 8  # recordings, from which on a median says something


@dataclass(frozen=True, slots=True)
class Heard:
    """What a network that did not know the speaker took a recording for.

    Attributes:
        label: the likeliest, of the network's labels.
        probability: of it.
        right: whether it is the label that the recording has in that scheme.
    """

    label: str
    probability: float
    right: bool


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording.

    Attributes:
        path: as it is listed.
        label: its emotion.
        measured: in it.
        heard: None where nobody asked a network.
    """

    path: str
    label: str
    measured: Measured
    heard: Heard | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about one recording.

    Attributes:
        path: as it is listed.
        word: `duration`, `level`, `snr`, `disagrees`, or a word of `quality.WORDS`.
        found: what was measured.
    """

    path: str
    word: str
    found: str


_MEASURES: tuple[tuple[str, str, Callable[[Measured], float | None]], ...] = (
    ("duration", "s", lambda m: m.duration_s),
    ("level", "dBFS", lambda m: m.level_dbfs),
    ("snr", "dB", lambda m: m.snr_db),
)


def outliers(clips: Sequence[Clip]) -> list[Finding]:
    """All findings, in the order of the recordings."""
    found: dict[str, list[Finding]] = {clip.path: [] for clip in clips}
    for word, unit, of in _MEASURES:
        values = [(clip.path, value) for clip in clips if (value := of(clip.measured)) is not None]
        numbers = np.array([value for _, value in values], np.float64)
        for (path, value), far in zip(values, _deviations(numbers).tolist(), strict=True):
            if abs(far) > _LIMIT:
                usual = f"usual are {np.median(numbers):.1f} {unit}"
                found[path].append(Finding(path, word, f"{value:.1f} {unit}, {usual}"))
    for clip in clips:
        for remark in remarks(clip.measured):
            found[clip.path].append(Finding(clip.path, remark.word, remark.found))
        if clip.heard is not None and not clip.heard.right:
            what = (
                f"labelled {clip.label}, heard as {clip.heard.label} ({clip.heard.probability:.0%})"
            )
            found[clip.path].append(Finding(clip.path, "disagrees", what))
    return [finding for each in found.values() for finding in each]


def _deviations(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Robust deviations from the median; zeros where the values are few or all alike."""
    if len(values) < _FEWEST:
        return np.zeros(len(values))
    away = values - np.median(values)
    spread = float(np.median(np.abs(away))) / 0.6745
    # Half of the values or more are the same: their mean deviation is left, as the authors say.
    spread = spread or float(np.abs(away).mean()) * 1.253314
    return away / spread if spread else np.zeros(len(values))
