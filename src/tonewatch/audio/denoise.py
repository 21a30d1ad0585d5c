"""Less of a steady noise in a recording: a gate for each band of its spectrum.

The noise of each band is told from the recording itself, by its quietest moments. What does not
stand out of it is turned down, smoothly over time and bands so that no tones are left over. The
idea of a gate a band, with a floor and not down to nothing, is Boll's: "Suppression of acoustic
noise in speech using spectral subtraction", IEEE Transactions on ASSP 27(2), 1979. Noise that
changes, and other voices, stay.
"""

import numpy as np
from numpy.typing import NDArray

from tonewatch.core.errors import BadSamplesError
from tonewatch.core.signal import Samples

_SIZE = 512  # 32 ms
_STEP = _SIZE // 4
_QUIETEST = 0.15  # share of the frames in which nobody speaks, at the least
_OVER_NOISE_DB = 9.0
_SOFT_DB = 2.0
_SMOOTH_FRAMES = 5
_SMOOTH_BANDS = 5
_SILENT = 1e-7  # a frame's power; of one with the last of 16 bits as noise it is 1e-5


def denoise(samples: Samples, reduction_db: float = 18.0) -> Samples:
    """Turn steady noise down.

    Args:
        samples: shape [n], 16 kHz.
        reduction_db: by how much at the most.

    Returns:
        As many samples, not delayed.

    Raises:
        BadSamplesError: NaN or infinite samples.
    """
    if not np.isfinite(samples).all():
        raise BadSamplesError("denoise() expected finite samples, got NaN or infinity.")
    if samples.size == 0:
        return np.zeros(0, np.float32)
    window = np.hanning(_SIZE + 1)[:_SIZE]
    padded = np.pad(samples.astype(np.float64), (_SIZE, _SIZE + -samples.size % _STEP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _SIZE)[::_STEP] * window
    spectrum = np.fft.rfft(frames, axis=1)
    power = np.square(np.abs(spectrum))
    inside = power[_SIZE // _STEP : -_SIZE // _STEP]  # frames that hold none of the padding
    gain = _gains(power, _noise(inside if len(inside) else power), reduction_db)
    heard = np.fft.irfft(spectrum * gain, _SIZE, axis=1) * window
    out = np.zeros(padded.size)
    for number, frame in enumerate(heard):
        out[number * _STEP : number * _STEP + _SIZE] += frame
    # Windows a quarter apart: their squares sum to 1.5.
    return np.asarray(out[_SIZE : _SIZE + samples.size] / 1.5, np.float32)


def _noise(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean power of each band over the quietest frames, shape [bands].

    Digital silence was put there and is not the room; it counts only where there is nothing else.
    """
    audible = power.sum(axis=1) > _SILENT
    power = power[audible] if audible.any() else power
    count = max(1, round(_QUIETEST * len(power)))
    quietest = np.argsort(power.sum(axis=1), kind="stable")[:count]
    return np.asarray(power[quietest].mean(axis=0))


def _gains(
    power: NDArray[np.float64], noise: NDArray[np.float64], reduction_db: float
) -> NDArray[np.float64]:
    """Gain of each frame and band, from the floor up to 1."""
    over_db = 10 * np.log10(_smooth(power) / np.maximum(noise, 1e-20) + 1e-12)
    opened = 1 / (1 + np.exp(-np.clip((over_db - _OVER_NOISE_DB) / _SOFT_DB, -50, 50)))
    return np.asarray(10 ** (-reduction_db / 20 * (1 - _smooth(opened))))


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over neighbouring frames and bands, the edges repeated."""
    for axis, width in ((0, _SMOOTH_FRAMES), (1, _SMOOTH_BANDS)):
        reach = [(0, 0), (0, 0)]
        reach[axis] = (width // 2, width // 2)
        total = np.cumsum(np.pad(values, reach, "edge"), axis=axis)
        total = np.concatenate([np.zeros_like(np.take(total, [0], axis)), total], axis)
        n = values.shape[axis]
        later, sooner = np.arange(width, width + n), np.arange(n)
        values = (np.take(total, later, axis) - np.take(total, sooner, axis)) / width
    return values
