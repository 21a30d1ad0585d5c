"""Short-time power spectra, Slaney's area-normalised mel bands and decibels, as librosa gives them.

The networks that came before Tonewatch's own were trained on librosa's features, so their windows
are described in its terms: frames are centred (the signal is padded with zeros by half an FFT at
both ends), mel triangles have equal area, levels are in decibels. `features` is the other,
streaming definition. This module does not know which network asks.

Source: librosa 0.11, documentation of `stft`, `filters.mel` and `power_to_db`; the tests hold its
numbers.
"""

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tonewatch.audio.features import hz_to_mel, mel_to_hz
from tonewatch.core.signal import Samples

Window = Literal["hann", "hamming"]


@lru_cache(maxsize=16)
def periodic_window(kind: Window, size: int, fft_samples: int) -> NDArray[np.float64]:
    """A periodic window of `size`, in the middle of `fft_samples` zeros, shape [fft_samples]."""
    low = {"hann": 0.5, "hamming": 0.54}[kind]
    window = low - (1 - low) * np.cos(2 * np.pi * np.arange(size) / size)
    left = (fft_samples - size) // 2
    return np.pad(window, (left, fft_samples - size - left))


def power_spectrum(
    samples: Samples,
    *,
    fft_samples: int,
    hop_samples: int,
    window: Window = "hann",
    window_samples: int | None = None,
) -> NDArray[np.float64]:
    """|STFT|^2 of centred frames.

    Args:
        samples: shape [n].
        fft_samples: FFT length.
        hop_samples: step between frames.
        window: its form.
        window_samples: its length; that of the FFT by default.

    Returns:
        Shape [1 + n // hop_samples, fft_samples // 2 + 1].
    """
    half = fft_samples // 2
    padded = np.pad(np.asarray(samples, np.float64), half)
    framed = np.lib.stride_tricks.sliding_window_view(padded, fft_samples)[::hop_samples]
    shape = periodic_window(window, window_samples or fft_samples, fft_samples)
    spectrum = np.fft.rfft(framed * shape)
    return np.asarray(spectrum.real**2 + spectrum.imag**2)


@lru_cache(maxsize=16)
def mel_bands(
    rate_hz: int, fft_samples: int, n_bands: int, high_hz: float | None = None
) -> NDArray[np.float64]:
    """Triangles of equal area on Slaney's mel scale, shape [fft_samples // 2 + 1, n_bands]."""
    bins_hz = np.fft.rfftfreq(fft_samples, 1 / rate_hz)
    ends = hz_to_mel(np.array([0.0, rate_hz / 2 if high_hz is None else high_hz]))
    edges_hz = mel_to_hz(np.linspace(ends[0], ends[1], n_bands + 2))
    low, centre, high = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising = (bins_hz[:, None] - low) / (centre - low)
    falling = (high - bins_hz[:, None]) / (high - centre)
    return np.asarray(np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low))


def decibels(
    power: NDArray[np.float64],
    *,
    reference: float = 1.0,
    floor: float = 1e-10,
    range_db: float = 80,
) -> NDArray[np.float64]:
    """10 log10(power / reference), at least `floor`, at most `range_db` under the loudest."""
    levels = 10 * np.log10(np.maximum(power, floor) / max(reference, floor))
    return np.asarray(np.maximum(levels, levels.max() - range_db))
