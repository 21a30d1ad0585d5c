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


class Waiting:
    """Samples that wait until there are enough, in memory that is taken once.

    Pieces of all lengths, kept and joined for a hundred streams, would leave the memory full of
    holes.

    Args:
        longest: most samples that are ever waited for.
    """

    def __init__(self, longest: int) -> None:
        self._room = np.empty(longest, np.float32)
        self._size = 0

    @property
    def samples(self) -> Samples:
        """What waits, shape [n]; only valid until more is put to it."""
        return self._room[: self._size]

    def fill(self, samples: Samples, enough: int) -> tuple[Samples | None, Samples]:
        """Take of `samples`, shape [n], what is missing to `enough`.

        Returns:
            The samples that waited, shape [enough], when there are so many now, else None (only
            valid until more is put to it); and those that are left over.
        """
        end = self._size + min(enough - self._size, len(samples))
        taken = end - self._size
        self._room[self._size : end] = samples[:taken]
        self._size = 0 if end == enough else end
        return self._room[:end] if end == enough else None, samples[taken:]

    def clear(self) -> None:
        """Let nothing wait any more."""
        self._size = 0
