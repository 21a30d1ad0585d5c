"""MFCCs with librosa's values, for networks and tables that were made with librosa's.

Frames of 2048 samples (periodic Hann), centred, every 512; 128 Slaney mel bands up to half the
rate; decibels over 1.0 with a floor of 1e-10 and 80 dB of range; the first coefficients of the
orthonormal DCT-II. Equal to `librosa.feature.mfcc` (0.11) within the rounding of its float32: the
tests hold its numbers. The range of 80 dB is counted from the loudest frame of all that is given,
so the MFCCs of a part are not a part of the MFCCs; streams take them window by window.
"""

import numpy as np
from numpy.typing import NDArray

from tonewatch.audio.spectrum import decibels, mel_bands, power_spectrum
from tonewatch.core.errors import SettingsError
from tonewatch.core.signal import RATE_HZ, Frames, Samples

FFT_SAMPLES = 2048
HOP_SAMPLES = 512
N_BANDS = 128


def mfcc(samples: Samples, n_coefficients: int = 20, rate_hz: int = RATE_HZ) -> Frames:
    """MFCCs of each frame.

    Args:
        samples: shape [n], mono; none are one frame of silence.
        n_coefficients: how many, 1 to 128.
        rate_hz: of `samples`; nothing is resampled.

    Returns:
        Shape [1 + n // 512, n_coefficients]: librosa's, with time first.

    Raises:
        SettingsError: more coefficients than bands, or none.
    """
    if not 1 <= n_coefficients <= N_BANDS:
        raise SettingsError(f"expected 1 to {N_BANDS} coefficients, came {n_coefficients}")
    power = power_spectrum(samples, fft_samples=FFT_SAMPLES, hop_samples=HOP_SAMPLES)
    levels = decibels(power @ mel_bands(rate_hz, FFT_SAMPLES, N_BANDS))
    return (levels @ _dct(n_coefficients)).astype(np.float32)


def mfcc_means(samples: Samples, n_coefficients: int = 40, rate_hz: int = RATE_HZ) -> Samples:
    """The mean over time of each MFCC, shape [n_coefficients]; arguments as for `mfcc`."""
    return np.asarray(mfcc(samples, n_coefficients, rate_hz).mean(axis=0, dtype=np.float64), "f4")


def _dct(n_coefficients: int) -> NDArray[np.float64]:
    """Orthonormal DCT-II over the bands, shape [N_BANDS, n_coefficients]."""
    angles = np.pi / N_BANDS * (np.arange(N_BANDS)[:, None] + 0.5) * np.arange(n_coefficients)
    matrix = np.sqrt(2 / N_BANDS) * np.cos(angles)
    matrix[:, 0] /= np.sqrt(2)
    return np.asarray(matrix)
