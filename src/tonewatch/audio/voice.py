"""A recording as another voice would have spoken it: speed, tempo, pitch.

Speed is tape speed: tempo, pitch and formants together. Tempo alone is by WSOLA (Verhelst and
Roelands, ICASSP 1993); pitch is both, so that the length stays. All at 16 kHz.
"""

import numpy as np
import soxr

from tonewatch.core.signal import RATE_HZ, Samples


def change_speed(samples: Samples, factor: float) -> Samples:
    """Play `factor` times as fast; length becomes n / factor."""
    return np.asarray(soxr.resample(samples, RATE_HZ * factor, RATE_HZ, quality="MQ"), np.float32)


def change_tempo(samples: Samples, factor: float) -> Samples:
    """Speak `factor` times as fast at the same pitch (WSOLA, 32 ms frames, 8 ms search)."""
    size, search = 512, 128
    step = size // 2
    window = np.hanning(size + 1)[:size].astype(np.float32)
    n_out = int(len(samples) / factor)
    padded = np.pad(samples, (search, size * 2 + search))
    out = np.zeros(n_out + size * 2, np.float32)
    expected = padded[search : search + size]
    for at in range(0, n_out, step):
        centre = min(int(at * factor), len(samples)) + search
        region = padded[centre - search : centre + search + size]
        best = _most_alike(region, expected) if at else search
        begin = centre - search + best
        out[at : at + size] += padded[begin : begin + size] * window
        expected = padded[begin + step : begin + step + size]
        if len(expected) < size:
            break
    return out[:n_out]


def _most_alike(region: Samples, wanted: Samples) -> int:
    """Where in `region` the stretch most like `wanted` begins, by normalised correlation."""
    total = np.cumsum(np.square(region, dtype=np.float64))
    energy = total[len(wanted) - 1 :] - np.concatenate([[0.0], total[: -len(wanted)]])
    likeness = np.correlate(region, wanted, "valid") / np.sqrt(energy + 1e-9)
    return int(np.argmax(likeness))


def change_pitch(samples: Samples, semitones: float) -> Samples:
    """Move the pitch (and formants) by `semitones` at the same tempo."""
    factor = 2 ** (semitones / 12)
    return change_speed(change_tempo(samples, 1 / factor), factor)
