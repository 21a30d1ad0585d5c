"""A signal that another library's features were computed of once, and are stored in the tests."""

import numpy as np
from numpy.typing import NDArray


def chirp(rate_hz: int, seconds: float = 1.0) -> NDArray[np.float32]:
    """A rising tone that fades in, a second tone from 0.4 s on and a weak third."""
    t = np.arange(int(rate_hz * seconds)) / rate_hz
    rising = 0.5 * np.sin(2 * np.pi * (220 * t + 150 * t**2))
    second = 0.1 * np.sin(2 * np.pi * 1330 * t) * (t > 0.4)
    third = 0.01 * np.sin(2 * np.pi * 3210 * t)
    return ((rising + second + third) * np.minimum(1, 4 * t)).astype(np.float32)
