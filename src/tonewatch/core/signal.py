"""The signal that every part of Tonewatch works on: 16 kHz, mono, float32 in [-1, 1].

Telephone speech arrives at 8 kHz and studio speech at 44.1 or 48 kHz; 16 kHz keeps all that the
former has and what emotion needs of the latter (the corpora are distributed at 16 kHz or above).
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
"""Analysis rate in Hz."""

Samples: TypeAlias = NDArray[np.float32]
"""Mono samples, shape [n], float32, nominally in [-1, 1]."""

Frames: TypeAlias = NDArray[np.float32]
"""One feature vector a frame, shape [n_frames, n_features], float32."""
