"""Pitch salience: how strongly each pitch is heard, which bands of 25 ms cannot show.

A frame of 64 ms resolves the harmonics of any voice, a man's too. Its spectrum is compressed (the
square root of the magnitude), the envelope, a mean over 375 Hz, is taken away, and what is left is
summed with a comb's weights for each pitch, a cosine over frequency whose period is the pitch: an
autocorrelation of the flattened spectrum on an axis of semitones. The harmonics that a telephone
line lets through are enough. A clear voice has a strong peak at its pitch (and others an octave and
a twelfth below, which is for the network to tell), a breathy or rough one a weak peak, noise none;
the gain does not matter.

This module does not know hops, streams or networks.

Sources: Klapuri, "Multiple fundamental frequency estimation by summing harmonic amplitudes", ISMIR
2006 (the flattened spectrum, summed over harmonics); Camacho and Harris, "A sawtooth waveform
inspired pitch estimator", JASA 124 (2008) (the cosine comb and the square root).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tonewatch.core.signal import RATE_HZ

LOWEST_HZ = 60.0
"""The first pitch; each further one is a semitone above."""

_HIGHEST_HZ = RATE_HZ / 4  # of the spectrum that is looked at
_ENVELOPE_HZ = 375.0
_FLOOR = 1e-3  # added to the compressed spectrum's mean, so that silence has no pitch


@dataclass(frozen=True)
class _Tables:
    """What frames of one length are multiplied with.

    Attributes:
        used: bins of the spectrum that are looked at.
        turns: shape [bins], complex: by how much the odd samples come after the even ones.
        combs: shape [bins, n_pitches + 1]; the last column sums the spectrum.
    """

    used: slice
    turns: NDArray[np.complex64]
    combs: NDArray[np.float32]


@lru_cache(maxsize=8)
def _tables(size: int, n_pitches: int) -> _Tables:
    hz = np.fft.rfftfreq(size, 1 / RATE_HZ)
    used = slice(*np.searchsorted(hz, [LOWEST_HZ, _HIGHEST_HZ]).tolist())
    hz = hz[used]
    envelope = (np.abs(hz[:, None] - hz) <= _ENVELOPE_HZ / 2).astype(np.float64)
    envelope /= envelope.sum(0)
    # Each comb is the mean over its semitone: at high harmonics no pitch falls between two.
    semitones = np.arange(n_pitches)[:, None] + np.linspace(-0.5, 0.5, 9)
    pitches_hz = LOWEST_HZ * 2 ** (semitones / 12)
    combs = np.cos(2 * np.pi * hz[:, None, None] / pitches_hz).mean(2)
    combs -= envelope @ combs  # of the spectrum less its envelope: s - s @ envelope, all at once
    turns = np.exp(-2j * np.pi * hz / RATE_HZ).astype(np.complex64)
    return _Tables(used, turns, np.column_stack([combs, np.ones(len(hz))]).astype(np.float32))


def pitch_salience(
    framed: NDArray[np.float32], window: NDArray[np.float32], n_pitches: int
) -> NDArray[np.float32]:
    """Salience of pitches a semitone apart, from `LOWEST_HZ` on.

    Args:
        framed: samples, shape [n, size], 16 kHz, `size` even.
        window: of unit energy, shape [size].
        n_pitches: how many.

    Returns:
        Shape [n, n_pitches]: 0.1 (at 75 Hz) to 0.5 (at 400 Hz) at the pitch of a clear voice,
        within 0.1 of 0 in noise, 0 in silence.
    """
    tables = _tables(framed.shape[1], n_pitches)
    # The lower half of the spectrum is all that is asked for: the even samples' and the odd ones'
    # give it, in half the time of all samples' (one step of Cooley and Tukey, 1965).
    even, odd = (np.fft.rfft(framed[:, i::2] * window[i::2])[:, tables.used] for i in (0, 1))
    spectrum = even + tables.turns * odd
    compressed = np.sqrt(np.sqrt(spectrum.real**2 + spectrum.imag**2))
    summed = compressed @ tables.combs
    total = summed[:, -1:] + np.float32(_FLOOR * compressed.shape[1])
    return np.asarray(summed[:, :-1] / total, np.float32)
