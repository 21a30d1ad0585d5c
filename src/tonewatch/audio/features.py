"""Log-mel and MFCC features: one definition for training and serving, for streams and whole files.

Beside them stands the salience of pitches, where a network asks for it. Every frame depends on its
own samples alone, so a stream cut anywhere gives the frames of the whole file. Frames are not
centred: frame i covers samples [i * hop, i * hop + reach), and its bands the last `window` of them.

The mel scale and its triangles are Slaney's (Auditory Toolbox, 1998: linear to 1 kHz, then
logarithmic); band energies are sums of the window-normalised power spectrum, so that white noise
of variance v gives v per FFT bin, whatever the window. NumPy's real FFT over many frames at once
takes under half the time of a frame-by-frame C++ filter bank (bench/features.py).

This module does not know voices, windows of analysis or networks.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tonewatch.audio.salience import pitch_salience
from tonewatch.core.errors import SettingsError
from tonewatch.core.signal import RATE_HZ, Frames, Samples


@dataclass(frozen=True)
class FeatureSettings:
    """What a frame is; stored in every bundle.

    Attributes:
        kind: `log_mel` gives `n_bands` natural logarithms of band energy; `mfcc` the first
            `n_coefficients` of their orthonormal DCT-II.
        window_samples: length of the Hann window at 16 kHz.
        hop_samples: step between frames at 16 kHz.
        fft_samples: FFT length, at least `window_samples`.
        low_hz: lower edge of the first triangle.
        high_hz: upper edge of the last triangle.
        floor: energy added to each band before the logarithm; digital silence becomes log(floor).
        n_pitches: numbers after them, the salience of so many pitches (`audio.salience`).
        pitch_samples: length of the Hann window that pitches are looked for in, even.
    """

    kind: Literal["log_mel", "mfcc"] = "log_mel"
    n_bands: int = 64
    n_coefficients: int = 20
    window_samples: int = 400
    hop_samples: int = 160
    fft_samples: int = 512
    low_hz: float = 50.0
    high_hz: float = 8000.0
    floor: float = 1e-8
    n_pitches: int = 0
    pitch_samples: int = 1024

    def __post_init__(self) -> None:
        if not 0 < self.hop_samples <= self.window_samples <= self.fft_samples:
            raise SettingsError(
                "expected 0 < hop_samples <= window_samples <= fft_samples, came "
                f"{self.hop_samples}, {self.window_samples}, {self.fft_samples}"
            )
        if not 0 <= self.low_hz < self.high_hz <= RATE_HZ / 2:
            raise SettingsError(
                f"expected 0 <= low_hz < high_hz <= {RATE_HZ / 2:.0f}, came "
                f"{self.low_hz}, {self.high_hz}"
            )
        if self.floor <= 0:
            raise SettingsError(f"expected a positive floor, came {self.floor}")
        short = self.pitch_samples < self.window_samples or self.pitch_samples % 2
        if self.n_pitches < 0 or (self.n_pitches and short):
            raise SettingsError(
                "expected n_pitches of 0 or more and pitch_samples, even, of window_samples or "
                f"more, came {self.n_pitches}, {self.pitch_samples} and {self.window_samples}"
            )

    @property
    def n_features(self) -> int:
        """Length of one frame's vector."""
        first = self.n_bands if self.kind == "log_mel" else self.n_coefficients
        return first + self.n_pitches

    @property
    def reach_samples(self) -> int:
        """Samples that a frame covers."""
        return self.pitch_samples if self.n_pitches else self.window_samples

    @property
    def lead_samples(self) -> int:
        """Zeros before a stream with which a frame is whole as soon as its hop is."""
        return self.reach_samples - self.hop_samples

    def n_frames(self, n_samples: int) -> int:
        """Whole frames in `n_samples` samples."""
        return max(0, 1 + (n_samples - self.reach_samples) // self.hop_samples)


def hz_to_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's mel scale: 200/3 Hz a mel up to 1 kHz, then 27 mels for each factor of 6.4."""
    linear = hz * 3 / 200
    log = 15 + 27 * np.log(np.maximum(hz, 1e-9) / 1000) / np.log(6.4)
    return np.where(hz < 1000, linear, log)


def mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse of `hz_to_mel`."""
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


def mel_filters(settings: FeatureSettings) -> NDArray[np.float32]:
    """Triangles of peak 1 on the mel scale, shape [fft_samples // 2 + 1, n_bands]."""
    bins_hz = np.fft.rfftfreq(settings.fft_samples, 1 / RATE_HZ)
    ends = hz_to_mel(np.array([settings.low_hz, settings.high_hz]))
    edges_hz = mel_to_hz(np.linspace(ends[0], ends[1], settings.n_bands + 2))
    low, centre, high = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising = (bins_hz[:, None] - low) / (centre - low)
    falling = (high - bins_hz[:, None]) / (high - centre)
    return np.asarray(np.maximum(0, np.minimum(rising, falling)), np.float32)


def dct_matrix(n_in: int, n_out: int) -> NDArray[np.float32]:
    """Orthonormal DCT-II, shape [n_in, n_out]."""
    angles = np.pi / n_in * (np.arange(n_in)[:, None] + 0.5) * np.arange(n_out)
    matrix = np.sqrt(2 / n_in) * np.cos(angles)
    matrix[:, 0] /= np.sqrt(2)
    return np.asarray(matrix, np.float32)


@lru_cache(maxsize=16)
def _hann(size: int) -> NDArray[np.float32]:
    """Periodic, scaled to unit energy: the power spectrum does not depend on its length."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    return np.asarray(window / np.sqrt(np.sum(window**2)), np.float32)


@lru_cache(maxsize=16)
def _tables(settings: FeatureSettings) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    is_mfcc = settings.kind == "mfcc"
    dct = dct_matrix(settings.n_bands, settings.n_coefficients) if is_mfcc else None
    return mel_filters(settings), dct


def extract(samples: Samples, settings: FeatureSettings) -> Frames:
    """All whole frames of `samples`.

    Args:
        samples: shape [n], 16 kHz mono.
        settings: what a frame is.

    Returns:
        Shape [settings.n_frames(n), settings.n_features], float32.
    """
    n_frames = settings.n_frames(len(samples))
    if n_frames == 0:
        return np.zeros((0, settings.n_features), np.float32)
    filters, dct = _tables(settings)
    samples = np.ascontiguousarray(samples, np.float32)
    step = samples.strides[0]
    framed = np.lib.stride_tricks.as_strided(
        samples,
        (n_frames, settings.reach_samples),
        (step * settings.hop_samples, step),
        writeable=False,
    )
    size = settings.window_samples
    spectrum = np.fft.rfft(framed[:, -size:] * _hann(size), settings.fft_samples)
    power = spectrum.real**2 + spectrum.imag**2
    bands = np.log(power.astype(np.float32) @ filters + np.float32(settings.floor))
    found = np.asarray(bands if dct is None else bands @ dct, np.float32)
    if not settings.n_pitches:
        return found
    pitches = pitch_salience(framed, _hann(settings.pitch_samples), settings.n_pitches)
    return np.concatenate([found, pitches], axis=1)


class FeatureStream:
    """Frames of a stream: `push` any number of samples, get the frames they complete."""

    def __init__(self, settings: FeatureSettings) -> None:
        self.settings = settings
        self._rest: Samples = np.zeros(0, np.float32)

    def push(self, samples: Samples) -> Frames:
        """Take samples, shape [n], n >= 0; return the frames now whole, shape [k, n_features]."""
        joined = np.concatenate([self._rest, np.asarray(samples, np.float32)])
        frames = extract(joined, self.settings)
        self._rest = joined[len(frames) * self.settings.hop_samples :].copy()
        return frames
