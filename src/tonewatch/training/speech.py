"""Where the speech is in a clean recording: the target that the speech head learns.

Only the level is used, which is enough in clean recordings and would not be in noisy ones; the
network sees noisy copies with the clean copy's answer.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tonewatch.core.signal import Samples

RANGE_DB = 32.0
"""Frames further than this under the loud ones are pauses."""


def speech_mask(clean: Samples, n_frames: int, hop_samples: int) -> NDArray[np.bool_]:
    """Speech or pause for each frame.

    Args:
        clean: shape [n], a recording without noise.
        n_frames: how many frames to answer for.
        hop_samples: step between frames.

    Returns:
        Shape [n_frames]. Gaps under 150 ms are bridged; bursts under 50 ms (90 ms once smoothed)
        are dropped.
    """
    padded = np.pad(clean, (0, max(0, n_frames * hop_samples - len(clean))))
    power = np.mean(np.square(padded[: n_frames * hop_samples].reshape(n_frames, -1)), axis=1)
    smooth = np.convolve(power, np.ones(5) / 5, "same") if n_frames >= 5 else power
    level_db = 10 * np.log10(smooth + 1e-12)
    loud_db = np.percentile(level_db, 95)
    if loud_db < -70:
        return np.zeros(n_frames, bool)
    mask = level_db > loud_db - RANGE_DB
    mask = _drop_runs(mask, value=False, shorter_than=15)
    return _drop_runs(mask, value=True, shorter_than=9)


def _drop_runs(mask: NDArray[np.bool_], *, value: bool, shorter_than: int) -> NDArray[np.bool_]:
    """Flip inner runs of `value` that are too short."""
    out = mask.copy()
    edges = np.flatnonzero(np.diff(mask.astype(np.int8))) + 1
    for begin, end in pairwise(edges):
        if mask[begin] == value and end - begin < shorter_than:
            out[begin:end] = not value
    return out
