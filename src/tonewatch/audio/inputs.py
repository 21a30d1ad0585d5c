"""What a whole-window network takes: from the samples of one window to one array.

One definition for training and for serving: a bundle carries the settings (`input` in
`bundle.json`), and both sides call `make`. Every window is judged by itself, so nothing is
remembered between two. A window shorter than what the network takes is followed by zeros; of a
longer one the last part is taken. This module does not know networks, labels or streams.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import soxr
from numpy.typing import NDArray

from tonewatch.audio.mfcc import N_BANDS, mfcc_means
from tonewatch.audio.spectrum import decibels, mel_bands, periodic_window, power_spectrum
from tonewatch.core.errors import SettingsError
from tonewatch.core.signal import RATE_HZ, Samples

Array = NDArray[np.float32]

_LEAST_SPREAD = 1e-5  # of samples: under the step of 16 bits there is only silence to normalise


class WindowInput(Protocol):
    """The settings of one kind of input; a frozen dataclass whose `kind` has a default."""

    @property
    def kind(self) -> str:
        """Its name in `bundle.json`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of what `make` returns."""

    @property
    def longest_s(self) -> float | None:
        """Longest window that is heard whole; None for any."""

    def make(self, samples: Samples) -> Array:
        """Take a window, shape [n], n >= 1, 16 kHz; return `shape`, float32."""


@dataclass(frozen=True)
class MfccMean:
    """Means over the window of librosa's MFCCs.

    At 16 kHz: at librosa's 22,050 Hz the bands above what is heard would hold nothing but the
    floor.

    Attributes:
        n_coefficients: how many, 1 to 128.
        rate_hz: the window is resampled to it; another than 16 kHz is for tables made elsewhere.
    """

    n_coefficients: int = 40
    rate_hz: int = RATE_HZ
    kind: Literal["mfcc_mean"] = "mfcc_mean"
    longest_s: ClassVar[None] = None

    def __post_init__(self) -> None:
        if not 1 <= self.n_coefficients <= N_BANDS:
            raise SettingsError(
                f"expected 1 to {N_BANDS} coefficients of an mfcc_mean, came {self.n_coefficients}"
            )
        _positive(self, "rate_hz")

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.n_coefficients,)

    def make(self, samples: Samples) -> Array:
        if self.rate_hz != RATE_HZ:
            samples = soxr.resample(np.asarray(samples, np.float32), RATE_HZ, self.rate_hz)
        return mfcc_means(samples, self.n_coefficients, self.rate_hz)


@dataclass(frozen=True)
class LogMelFrames:
    """Overlapping squares cut from a log-mel spectrogram of the z-normalised window.

    Levels are decibels under the loudest, 80 of them, so neither gain nor line level is in them.

    Attributes:
        n_samples: length of the window.
        n_bands: mel bands.
        high_hz: upper edge of the last.
        fft_samples: FFT length.
        window_samples: length of the Hamming window.
        hop_samples: step between spectra.
        width: spectra a square.
        step: spectra between two squares.
    """

    n_samples: int = 49_100
    n_bands: int = 128
    high_hz: float = 4000.0
    fft_samples: int = 512
    window_samples: int = 256
    hop_samples: int = 128
    width: int = 128
    step: int = 64
    kind: Literal["log_mel_frames"] = "log_mel_frames"

    def __post_init__(self) -> None:
        _positive(self, "n_samples", "n_bands", "hop_samples", "width", "step")
        if not 0 < self.high_hz <= RATE_HZ / 2:
            raise SettingsError(f"expected 0 < high_hz <= {RATE_HZ // 2}, came {self.high_hz}")
        if not 0 < self.window_samples <= self.fft_samples:
            raise SettingsError(
                f"expected 0 < window_samples <= fft_samples, came {self.window_samples}, "
                f"{self.fft_samples}"
            )
        if self.shape[0] < 1:
            raise SettingsError(
                f"expected n_samples for {self.width} spectra, came {self.n_samples}: lengthen it"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        n_spectra = 1 + self.n_samples // self.hop_samples
        return (1 + (n_spectra - self.width) // self.step, self.n_bands, self.width)

    @property
    def longest_s(self) -> float:
        return self.n_samples / RATE_HZ

    def make(self, samples: Samples) -> Array:
        power = power_spectrum(
            _fit(_z_normalised(samples), self.n_samples),
            fft_samples=self.fft_samples,
            hop_samples=self.hop_samples,
            window="hamming",
            window_samples=self.window_samples,
        )
        bands = power @ mel_bands(RATE_HZ, self.fft_samples, self.n_bands, self.high_hz)
        levels = decibels(bands, reference=float(bands.max())).T
        starts = range(0, self.shape[0] * self.step, self.step)
        return np.stack([levels[:, at : at + self.width] for at in starts]).astype(np.float32)


@dataclass(frozen=True)
class LogSpectrogram:
    """Natural logarithm of the power spectral density, frames not centred.

    As `scipy.signal.spectrogram` with a periodic Hann window, no detrending and density scaling.

    Attributes:
        rate_hz: the window is resampled to it.
        n_samples: length of the window at that rate.
        window_samples: length of the Hann window (20 ms).
        hop_samples: step between spectra (10 ms).
        floor: density added before the logarithm.
    """

    rate_hz: int = 22_050
    n_samples: int = 70_000
    window_samples: int = 441
    hop_samples: int = 221
    floor: float = 1e-10
    kind: Literal["log_spectrogram"] = "log_spectrogram"

    def __post_init__(self) -> None:
        _positive(self, "rate_hz", "n_samples", "window_samples", "hop_samples", "floor")
        if self.n_samples < self.window_samples:
            raise SettingsError(
                f"expected n_samples >= window_samples, came {self.n_samples}, "
                f"{self.window_samples}"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        n_spectra = 1 + (self.n_samples - self.window_samples) // self.hop_samples
        return (n_spectra, self.window_samples // 2 + 1)

    @property
    def longest_s(self) -> float:
        return self.n_samples / self.rate_hz

    def make(self, samples: Samples) -> Array:
        if self.rate_hz != RATE_HZ:
            samples = soxr.resample(np.asarray(samples, np.float32), RATE_HZ, self.rate_hz)
        fitted = _fit(samples, self.n_samples).astype(np.float64)
        framed = np.lib.stride_tricks.sliding_window_view(fitted, self.window_samples)
        window = periodic_window("hann", self.window_samples, self.window_samples)
        spectrum = np.fft.rfft(framed[:: self.hop_samples] * window)
        power = (spectrum.real**2 + spectrum.imag**2) / (self.rate_hz * np.sum(window**2))
        power[:, 1 : (self.window_samples + 1) // 2] *= 2  # one-sided
        return np.asarray(np.log(power + self.floor), np.float32)


@dataclass(frozen=True)
class RawSamples:
    """The z-normalised samples themselves, for networks that begin with the waveform.

    Attributes:
        n_samples: length of the window.
    """

    n_samples: int = 48_000
    kind: Literal["samples"] = "samples"

    def __post_init__(self) -> None:
        _positive(self, "n_samples")

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.n_samples,)

    @property
    def longest_s(self) -> float:
        return self.n_samples / RATE_HZ

    def make(self, samples: Samples) -> Array:
        return _fit(_z_normalised(samples), self.n_samples)


@dataclass(frozen=True)
class Egemaps:
    """The 88 functionals of eGeMAPS v02 (Eyben and others, 2016), by openSMILE.

    openSMILE is an extra (`egemaps`) under a licence that allows research and private use only.
    """

    kind: Literal["egemaps"] = "egemaps"
    shape: ClassVar[tuple[int, ...]] = (88,)
    longest_s: ClassVar[None] = None

    def make(self, samples: Samples) -> Array:
        # openSMILE's wrapper casts to 16 bits without clipping: 1.0 would become -1.0.
        clipped = np.clip(np.asarray(samples, np.float32), -1, 32_767 / 32_768)
        values = _smile().process_signal(clipped, RATE_HZ)
        return np.asarray(np.nan_to_num(values.to_numpy(np.float32)[0]))


KINDS: Mapping[str, type[MfccMean | LogMelFrames | LogSpectrogram | RawSamples | Egemaps]] = {
    "mfcc_mean": MfccMean,
    "log_mel_frames": LogMelFrames,
    "log_spectrogram": LogSpectrogram,
    "samples": RawSamples,
    "egemaps": Egemaps,
}
"""What `input.kind` in `bundle.json` may be."""


@lru_cache(maxsize=1)
def _smile() -> Any:
    try:
        import opensmile
    except ModuleNotFoundError as error:
        raise SettingsError(
            "expected openSMILE for an input of kind egemaps, it is not installed: pip install "
            "'tonewatch[egemaps]' (its licence allows research and private use only)"
        ) from error
    return opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02,
        feature_level=opensmile.FeatureLevel.Functionals,
    )


def _fit(samples: Samples, n_samples: int) -> Array:
    """The last `n_samples`, or all and then zeros."""
    last = np.asarray(samples[-n_samples:], np.float32)
    return np.pad(last, (0, n_samples - len(last)))


def _z_normalised(samples: Samples) -> Array:
    """Mean 0, deviation 1; silence stays silent."""
    wide = np.asarray(samples, np.float64)
    spread = max(float(wide.std()), _LEAST_SPREAD)
    return np.asarray((wide - wide.mean()) / spread, np.float32)


def _positive(settings: Any, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        if not (math.isfinite(value) and value > 0):
            raise SettingsError(f"expected {name} above 0 for {settings.kind}, came {value}")
