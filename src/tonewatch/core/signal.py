"""The signal that every part of Tonewatch works on: 16 kHz, mono, float32 in [-1, 1].

Telephone speech arrives at 8 kHz and studio speech at 44.1 or 48 kHz; 16 kHz keeps all that the
former has and what emotion needs of the latter (the corpora are distributed at 16 kHz or above).
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tonewatch.core.errors import BadSamplesError

RATE_HZ = 16_000
"""Analysis rate in Hz."""

Samples: TypeAlias = NDArray[np.float32]
"""Mono samples, shape [n], float32, nominally in [-1, 1]."""

Frames: TypeAlias = NDArray[np.float32]
"""One feature vector a frame, shape [n_frames, n_features], float32."""

_LOUDEST = 2.0**32  # squares of more overflow float32


def checked(samples: Samples) -> Samples:
    """The samples as they are, if they can be heard.

    Raises:
        BadSamplesError: not one-dimensional floats, or NaN, infinite or beyond 2**32.
    """
    samples = np.asarray(samples)
    if samples.ndim != 1 or not np.issubdtype(samples.dtype, np.floating):
        raise BadSamplesError(
            f"expected mono float samples of shape [n], came {samples.dtype} of shape "
            f"{list(samples.shape)}; push one channel at a time, divide 16-bit integers by 32768"
        )
    # NaN compares as false, so that one comparison finds all three.
    good = np.abs(samples) < _LOUDEST
    if not good.all():
        raise BadSamplesError(
            "expected finite samples in [-1, 1], came NaN, infinity or more than 2**32 at sample "
            f"{int(good.argmin())}; drop the block or mend its source"
        )
    return samples
