"""What a telephone does to speech: band limits, noise, G.711 companding, lost packets.

A simulation for training, evaluation and tests; it does not know real codecs' speech models (GSM,
AMR) and places no call. The band is that of ITU-T G.712 telephony, 300 to 3400 Hz; loss concealment
follows the idea of GSM 06.11: the last packet again, fading to silence within 320 ms.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import soxr
from numpy.typing import NDArray

from tonewatch.audio import g711
from tonewatch.core.errors import BadSamplesError, SettingsError
from tonewatch.core.signal import RATE_HZ, Samples

LINE_RATE_HZ = 8_000
"""Sampling rate of the line in Hz."""

_PACKET = LINE_RATE_HZ // 50  # 20 ms, the frame of GSM and AMR
_MEAN_BURST_PACKETS = 2.0
_FADE_PACKETS = 16  # 320 ms
_FRAME = RATE_HZ // 50
_ACTIVE_BELOW_PEAK_DB = 30.0
_TAPS = 161  # a transition of about 165 Hz (Hamming, 3.3 * rate / taps)


@dataclass(frozen=True)
class TelephoneChannel:
    """Settings of the simulated line.

    Attributes:
        codec: companding law, "ulaw" or "alaw".
        low_hz: lower edge (-6 dB) of the band in Hz.
        high_hz: upper edge (-6 dB) of the band in Hz.
        snr_db: speech to noise ratio in dB, both measured before the band limits and the speech
            over its active 20 ms frames only; None adds no noise.
        packet_loss: expected share of 20 ms packets lost, in [0, 1); in bursts of two on
            average, and of more above 2/3.

    Raises:
        SettingsError: a value is out of its range.
    """

    codec: g711.Law = "ulaw"
    low_hz: float = 300.0
    high_hz: float = 3400.0
    snr_db: float | None = None
    packet_loss: float = 0.0

    def __post_init__(self) -> None:
        if self.codec not in ("ulaw", "alaw"):
            raise SettingsError(f"codec: expected 'ulaw' or 'alaw', got {self.codec!r}.")
        if not 0 <= self.low_hz < self.high_hz <= LINE_RATE_HZ / 2:
            raise SettingsError(
                f"Telephone band: expected 0 <= low_hz < high_hz <= {LINE_RATE_HZ // 2}, "
                f"got {self.low_hz} to {self.high_hz} Hz."
            )
        if self.snr_db is not None and not math.isfinite(self.snr_db):
            raise SettingsError(f"snr_db: expected a finite number or None, got {self.snr_db}.")
        if not 0 <= self.packet_loss < 1:
            raise SettingsError(f"packet_loss: expected 0 <= p < 1, got {self.packet_loss}.")


def telephone(
    samples: Samples,
    settings: TelephoneChannel,
    *,
    rng: np.random.Generator,
    noise: Samples | None = None,
) -> Samples:
    """Send 16 kHz speech down a simulated line.

    Args:
        samples: speech, shape [n], 16 kHz.
        settings: the line.
        rng: draws the noise (or where in `noise` to begin) and the lost packets; nothing else is
            random, and a line without noise and loss draws nothing.
        noise: noise to add at `settings.snr_db`, shape [m], 16 kHz, repeated when shorter; None
            means white noise.

    Returns:
        The far end, shape [n], 16 kHz, within [-1, 1], not delayed.
        Silence stays silence under u-law; A-law has no zero and rests at 8/32768.

    Raises:
        BadSamplesError: `samples` or `noise` has NaN or infinite values.
    """
    for name, values in (("samples", samples), ("noise", noise)):
        if values is not None and not np.isfinite(values).all():
            raise BadSamplesError(f"telephone() expected finite {name}, got NaN or infinity.")
    if samples.size == 0:
        return np.zeros(0, np.float32)
    speech = samples.astype(np.float32, copy=False)
    if settings.snr_db is not None:
        speech = speech + _noise_at(speech, settings.snr_db, rng, noise)
    line = soxr.resample(speech, RATE_HZ, LINE_RATE_HZ)
    line = _band_pass(line, settings.low_hz, settings.high_hz)
    pcm = np.rint(np.clip(line * 32768, -32768, 32767)).astype(np.int16)
    far = g711.decode(g711.encode(pcm, settings.codec), settings.codec)
    line = far.astype(np.float32) * np.float32(1 / 32768)
    if settings.packet_loss > 0:
        line = _lose_packets(line, settings.packet_loss, rng)
    far_end = _fit(soxr.resample(line, LINE_RATE_HZ, RATE_HZ), samples.size)
    return np.clip(far_end, -1, 1)  # a clipped line rings beyond when resampled


def active_level(samples: Samples) -> float:
    """Root mean square over the 20 ms frames within 30 dB of the loudest one.

    Pauses thus do not lower the noise that a given SNR means. Zero for silence; `samples` are at
    16 kHz.
    """
    whole = samples.size // _FRAME * _FRAME
    frames = samples[:whole].reshape(-1, _FRAME) if whole else samples.reshape(1, -1)
    power = np.einsum("ij,ij->i", frames, frames, dtype=np.float64) / max(frames.shape[1], 1)
    active = power[power >= power.max(initial=0.0) * 10 ** (-_ACTIVE_BELOW_PEAK_DB / 10)]
    return math.sqrt(float(active.mean())) if active.size else 0.0


def _noise_at(
    speech: Samples, snr_db: float, rng: np.random.Generator, noise: Samples | None
) -> Samples:
    if noise is None or noise.size == 0:
        added = rng.standard_normal(speech.size, dtype=np.float32)
    else:
        start = int(rng.integers(noise.size))
        added = np.resize(np.roll(noise, -start), speech.size).astype(np.float32, copy=False)
    level = math.sqrt(float(np.mean(np.square(added, dtype=np.float64))))
    if level == 0:
        return np.zeros_like(speech)
    gain = active_level(speech) / level * 10 ** (-snr_db / 20)
    return added * np.float32(gain)


@lru_cache(maxsize=64)
def _band_taps(low_hz: float, high_hz: float) -> NDArray[np.float32]:
    """A windowed-sinc band-pass at the line's rate; linear phase, so that nothing is delayed."""
    n = np.arange(_TAPS) - _TAPS // 2
    low, high = 2 * low_hz / LINE_RATE_HZ, 2 * high_hz / LINE_RATE_HZ
    ideal = high * np.sinc(high * n) - low * np.sinc(low * n)
    taps: NDArray[np.float32] = (ideal * np.hamming(_TAPS)).astype(np.float32)
    return taps


def _band_pass(line: Samples, low_hz: float, high_hz: float) -> Samples:
    half = _TAPS // 2
    return np.convolve(line, _band_taps(low_hz, high_hz))[half : half + line.size]


def _lose_packets(line: Samples, loss: float, rng: np.random.Generator) -> Samples:
    """Lose packets by a two-state (Gilbert) chain; conceal each by the last one that came."""
    count = -(-line.size // _PACKET)
    leave = min(1 / _MEAN_BURST_PACKETS, (1 - loss) / loss)
    enter = loss / (1 - loss) * leave
    lost = np.zeros(count, dtype=bool)
    state = bool(rng.random() < loss)
    for i, draw in enumerate(rng.random(count)):
        lost[i] = state
        state = bool(draw >= leave) if state else bool(draw < enter)
    index = np.arange(count)
    source = np.maximum.accumulate(np.where(lost, -1, index))
    age = (index - source)[:, None] + np.arange(_PACKET) / _PACKET  # in packets
    gain = np.where(lost[:, None], np.clip(1 - (age - 1) / _FADE_PACKETS, 0, 1), 1.0)
    gain[source < 0] = 0  # lost before any packet came
    packets = _fit(line, count * _PACKET).reshape(count, _PACKET)[np.maximum(source, 0)]
    return (packets * gain.astype(np.float32)).reshape(-1)[: line.size]


def _fit(samples: Samples, size: int) -> Samples:
    """Cut or zero-pad to `size`."""
    if samples.size >= size:
        return samples[:size]
    return np.pad(samples, (0, size - samples.size))
