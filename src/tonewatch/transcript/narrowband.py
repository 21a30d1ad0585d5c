"""Fills the band that a telephone leaves empty, for a recogniser that learnt from wideband speech.

In an empty band the logarithms of such a recogniser swing with what little leaks into it, and so
hide the speech below. A steady noise there, 40 dB under the speech, keeps them still; what that
saves PocketSphinx is in docs/why/transcript.md. It makes up no speech.
"""

import numpy as np

from tonewatch.audio.telephone import active_level
from tonewatch.core.signal import RATE_HZ, Samples

_EDGE_HZ = 4_200
_EMPTY = 1e-5  # of the power; recordings with 8 kHz of band have a hundred times that
_UNDER_SPEECH_DB = 40.0
_LOOP = RATE_HZ  # one second of noise, over and over


def is_narrow(samples: Samples) -> bool:
    """Whether there is nothing above the telephone's band; false for silence and for nothing."""
    power = np.abs(np.fft.rfft(samples.astype(np.float64))) ** 2 if samples.size else np.zeros(1)
    total = float(power.sum())
    upper = float(power[round(_EDGE_HZ / (RATE_HZ / 2) * power.size) :].sum())
    return total > 0 and upper < _EMPTY * total


class Filling:
    """The noise for one channel.

    Args:
        speech: some of its speech, shape [n]; tells the level.
    """

    def __init__(self, speech: Samples) -> None:
        spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(_LOOP))
        spectrum[: round(_EDGE_HZ * _LOOP / RATE_HZ)] = 0
        loop = np.fft.irfft(spectrum, _LOOP)
        level = active_level(speech) * 10 ** (-_UNDER_SPEECH_DB / 20)
        self._loop = (loop / loop.std() * level).astype(np.float32)
        self._at = 0

    def push(self, samples: Samples) -> Samples:
        """The same samples with the noise."""
        index = (self._at + np.arange(samples.size)) % _LOOP
        self._at = (self._at + samples.size) % _LOOP
        filled: Samples = samples + self._loop[index]
        return filled
