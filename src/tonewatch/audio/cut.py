"""Recordings cut to their speech, or to one length.

Where speech is, the caller says; it knows no bundle.
"""

from collections.abc import Sequence

import numpy as np

from tonewatch.core.errors import SettingsError
from tonewatch.core.signal import RATE_HZ, Samples


def trim(samples: Samples, speech: Sequence[tuple[float, float]], pad_s: float = 0.15) -> Samples:
    """Take the silence off both ends, all but `pad_s`; pauses within stay.

    Args:
        samples: shape [n], 16 kHz.
        speech: segments of speech in seconds, in order; without any, nothing is taken off.
        pad_s: what is left before the first and after the last of them.
    """
    if not speech:
        return samples
    first = max(0, round((speech[0][0] - pad_s) * RATE_HZ))
    last = min(len(samples), round((speech[-1][1] + pad_s) * RATE_HZ))
    return samples[first:last]


def clip(samples: Samples, length_s: float) -> Samples:
    """Give a recording one length: the loudest stretch of a longer one, silence after a shorter.

    Args:
        samples: shape [n], 16 kHz.
        length_s: in seconds.

    Raises:
        SettingsError: a length that is not positive.
    """
    if not 0 < length_s < float("inf"):
        raise SettingsError(f"expected a length above 0 s, came {length_s:g} s")
    wanted = max(1, round(length_s * RATE_HZ))
    if len(samples) <= wanted:
        return np.pad(samples, (0, wanted - len(samples)))
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    start = int(np.argmax(energy[wanted:] - energy[:-wanted]))
    return samples[start : start + wanted]
