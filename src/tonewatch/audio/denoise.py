"""Less of a steady noise in a recording: a gate for each band of its spectrum.

The noise of each band is told from the recording itself, by its quietest moments. What does not
stand out of it is turned down, smoothly over time and bands so that no tones are left over. The
idea of a gate a band, with a floor and not down to nothing, is Boll's: "Suppression of acoustic
noise in speech using spectral subtraction", IEEE Transactions on ASSP 27(2), 1979. Noise that
changes, and other voices, stay.
"""

from collections.abc import Callable, Iterator

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
_BLOCK = 2048  # frames at once, 16 s: memory does not grow with the recording
_REACH = 2 * (_SMOOTH_FRAMES // 2)  # frames either way that a gain depends on, smoothed twice
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
    padded = np.pad(samples, (_SIZE, _SIZE + -samples.size % _STEP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _SIZE)[::_STEP]

    def spectrum(chosen: slice | NDArray[np.intp]) -> NDArray[np.complex128]:
        return np.fft.rfft(frames[chosen] * window, axis=1)

    inside = slice(_SIZE // _STEP, -_SIZE // _STEP)  # frames that hold none of the padding
    numbers = np.arange(len(frames))
    noise = _noise(spectrum, numbers[inside] if len(numbers[inside]) else numbers)
    out = np.zeros(padded.size, np.float32)
    for start in range(0, len(frames), _BLOCK):
        first, last = max(0, start - _REACH), min(len(frames), start + _BLOCK + _REACH)
        around = spectrum(slice(first, last))
        gained = around * _gains(_power(around), noise, reduction_db)
        own = gained[start - first : start - first + _BLOCK]
        for number, frame in enumerate(np.fft.irfft(own, _SIZE, axis=1) * window, start):
            out[number * _STEP : number * _STEP + _SIZE] += frame
    # Windows a quarter apart: their squares sum to 1.5.
    return out[_SIZE : _SIZE + samples.size] / np.float32(1.5)


def _power(spectrum: NDArray[np.complex128]) -> NDArray[np.float64]:
    return np.square(np.abs(spectrum))


def _noise(
    spectrum: Callable[[NDArray[np.intp]], NDArray[np.complex128]], numbers: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Mean power of each band over the quietest of these frames, shape [bands].

    Digital silence was put there and is not the room; it counts only where there is nothing else.
    """

    def blocks(chosen: NDArray[np.intp]) -> Iterator[NDArray[np.float64]]:
        for start in range(0, len(chosen), _BLOCK):
            yield _power(spectrum(chosen[start : start + _BLOCK]))

    loudness = np.concatenate([power.sum(axis=1) for power in blocks(numbers)])
    audible = loudness > _SILENT
    if audible.any():
        numbers, loudness = numbers[audible], loudness[audible]
    count = max(1, round(_QUIETEST * len(numbers)))
    quietest = numbers[np.argsort(loudness, kind="stable")[:count]]
    total = np.sum([power.sum(axis=0) for power in blocks(quietest)], axis=0)
    return np.asarray(total / count)


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
