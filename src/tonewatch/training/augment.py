"""Copies of a recording as other microphones, lines, voices and places would have given it.

Works on samples, before features: speed and pitch (`audio.voice`), noise at a given SNR, a line,
gain. What acts on finished frames (SpecAugment, mixup) is in `batches`.
Every function takes its random generator; the same generator gives the same copy.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tonewatch.audio.telephone import TelephoneChannel, active_level, telephone
from tonewatch.audio.voice import change_pitch, change_speed
from tonewatch.core.signal import Samples


@dataclass(frozen=True)
class AugmentSettings:
    """How copies are drawn; probabilities are independent of each other.

    Attributes:
        copies: copies of each recording, the untouched one included.
        telephone: share of the other copies that go through a telephone channel.
        noise: share of the others that get noise.
        speed: range of speed factors.
        pitch_semitones: largest pitch change either way.
        pitch: share of the other copies whose pitch is changed (the rest change speed).
        snr_db: range of signal-to-noise ratios.
        gain_db: range of gains.
    """

    copies: int = 8
    telephone: float = 0.6
    noise: float = 0.6
    pitch: float = 0.3
    speed: tuple[float, float] = (0.88, 1.12)
    pitch_semitones: float = 2.0
    snr_db: tuple[float, float] = (0.0, 35.0)
    gain_db: tuple[float, float] = (-10.0, 8.0)


def add_noise(samples: Samples, noise: Samples, snr_db: float) -> Samples:
    """Add `noise`, repeated or cut to fit, `snr_db` under the samples' active level."""
    noise_level = float(np.sqrt(np.mean(np.square(noise)))) or 1.0
    gain = active_level(samples) / noise_level * 10 ** (-snr_db / 20)
    return (samples + gain * np.resize(noise, len(samples))).astype(np.float32)


def one_copy(
    samples: Samples,
    noises: Sequence[Samples],
    settings: AugmentSettings,
    rng: np.random.Generator,
) -> tuple[Samples, Samples]:
    """Draw one copy.

    Args:
        samples: shape [n], 16 kHz.
        noises: noise recordings to draw from; white noise is always among them.
        settings: how to draw.
        rng: source of every choice.

    Returns:
        The copy, and the same copy before noise and line (same length), which tells where
        the speech is.
    """
    if rng.random() < settings.pitch:
        limit = settings.pitch_semitones
        clean = change_pitch(samples, rng.uniform(-limit, limit))
    else:
        clean = change_speed(samples, rng.uniform(*settings.speed))
    clean = clean * np.float32(10 ** (rng.uniform(*settings.gain_db) / 20))
    copy = clean
    if rng.random() < settings.noise:
        pick = int(rng.integers(len(noises) + 1))
        if pick < len(noises):
            noise = np.roll(noises[pick], int(rng.integers(len(noises[pick]))))
        else:
            noise = rng.standard_normal(len(clean), np.float32)
        copy = add_noise(copy, noise, rng.uniform(*settings.snr_db))
    if rng.random() < settings.telephone:
        line = TelephoneChannel(
            codec="ulaw" if rng.random() < 0.5 else "alaw",
            low_hz=rng.uniform(200, 350),
            high_hz=rng.uniform(3200, 3700),
            snr_db=rng.uniform(10, 40),
            packet_loss=0.0 if rng.random() < 0.7 else rng.uniform(0, 0.05),
        )
        copy = telephone(copy, line, rng=rng)
    return copy, clean
