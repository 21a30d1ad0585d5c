"""How a take came out: its level, clipping, noise and speech, and whether to keep or retake it.

Where the speech is, the caller may say (a bundle's voice activity); without it, it is told by
energy, which takes any loud sound for speech. Pure: samples and seconds in, words out.

The level is the root mean square over the frames of speech; the noise that over the others, or
where speech fills the take over its quietest tenth. Full scale is 1.0, 0 dBFS.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tonewatch.core.errors import BadSamplesError, SettingsError
from tonewatch.core.signal import RATE_HZ, Samples

Span = tuple[float, float]
"""Start and end of a segment of speech, in seconds."""

_FRAME = RATE_HZ // 50  # 20 ms
_FLOOR_DBFS = -96.0  # 16 bits hold no less
_FULL_SCALE = 0.99
_SPEECH_OVER_NOISE_DB = 10.0
_SPEECH_ABOVE_DBFS = -50.0
_QUIETEST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured in a take.

    Attributes:
        duration_s: its length.
        speech_s: how much of it is speech.
        level_dbfs: of the speech; -96 for digital silence.
        peak_dbfs: of the loudest sample.
        snr_db: speech to noise; None without speech, 96 where the rest is digital silence.
        clipping: share of its samples at full scale.
    """

    duration_s: float
    speech_s: float
    level_dbfs: float
    peak_dbfs: float
    snr_db: float | None
    clipping: float


@dataclass(frozen=True)
class Limits:
    """From where on a take is worth another try.

    Attributes:
        quietest_dbfs: level of its speech.
        loudest_dbfs: level of its speech.
        least_snr_db: speech to noise.
        most_clipping: share of samples at full scale; two in a thousand can be heard.
        shortest_s: its length.
        longest_s: its length.
        least_speech_s: speech in it.
    """

    quietest_dbfs: float = -38.0
    loudest_dbfs: float = -6.0
    least_snr_db: float = 15.0
    most_clipping: float = 0.0005
    shortest_s: float = 0.7
    longest_s: float = 12.0
    least_speech_s: float = 0.4

    def __post_init__(self) -> None:
        if not (self.quietest_dbfs < self.loudest_dbfs and self.shortest_s < self.longest_s):
            raise SettingsError(
                f"expected the quietest level below the loudest and the shortest length below the "
                f"longest, came {self}; correct them"
            )


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that a check found.

    Attributes:
        word: `no_speech`, `too_short`, `too_long`, `too_quiet`, `too_loud`, `clipped` or `noisy`.
        found: what was measured.
        advice: what to do about it.
    """

    word: str
    found: str
    advice: str


WORDS = ("no_speech", "too_short", "too_long", "too_quiet", "too_loud", "clipped", "noisy")
"""Every word that a remark may have."""


def measure(samples: Samples, speech: Sequence[Span] | None = None) -> Measured:
    """Measure a take.

    Args:
        samples: shape [n], 16 kHz.
        speech: segments of speech in seconds; None tells speech by its energy.

    Raises:
        BadSamplesError: NaN or infinite samples.
    """
    if not np.isfinite(samples).all():
        raise BadSamplesError("expected finite samples in a take, came NaN or infinity; record it")
    magnitude = np.abs(samples)
    power = _frame_powers(samples)
    heard = _by_energy(power) if speech is None else _by_spans(len(power), speech)
    snr_db: float | None = None
    level_dbfs = _db(float(power.mean())) if len(power) else _FLOOR_DBFS
    if heard.any():
        loud = float(power[heard].mean())
        noise = _noise_power(power, heard)
        level_dbfs = _db(loud)
        snr_db = min(-_FLOOR_DBFS, max(0.0, _db(max(loud - noise, 0.0)) - _db(noise)))
    return Measured(
        duration_s=len(samples) / RATE_HZ,
        speech_s=float(heard.sum()) * _FRAME / RATE_HZ,
        level_dbfs=level_dbfs,
        peak_dbfs=_db(float(magnitude.max(initial=0.0)) ** 2),
        snr_db=snr_db,
        clipping=float((magnitude >= _FULL_SCALE).mean()) if len(samples) else 0.0,
    )


LIMITS = Limits()


def remarks(measured: Measured, limits: Limits = LIMITS) -> tuple[Remark, ...]:
    """What speaks against keeping a take, the worst first; nothing is the advice to keep it."""
    found: list[Remark] = []

    def add(word: str, what: str, advice: str) -> None:
        found.append(Remark(word, what, advice))

    # Judged as it is told: else -38.04 would be "-38, at least -38 is good".
    m = replace(
        measured,
        duration_s=round(measured.duration_s, 2),
        speech_s=round(measured.speech_s, 2),
        level_dbfs=round(measured.level_dbfs, 1),
        snr_db=None if measured.snr_db is None else round(measured.snr_db, 1),
    )
    if m.speech_s < limits.least_speech_s:
        what = f"{m.speech_s:g} s of speech, at least {limits.least_speech_s:g} s are needed"
        add("no_speech", what, "check that the microphone is on, and speak the whole sentence")
    if m.duration_s < limits.shortest_s:
        what = f"{m.duration_s:g} s long, at least {limits.shortest_s:g} s are needed"
        add("too_short", what, "wait a moment before and after the sentence")
    if m.duration_s > limits.longest_s:
        what = f"{m.duration_s:g} s long, at most {limits.longest_s:g} s are taken"
        add("too_long", what, "speak one sentence, and stop after it")
    if m.clipping > limits.most_clipping:
        what = f"{m.clipping:.2%} of the samples are at full scale"
        add("clipped", what, "turn the microphone down, or step back from it")
    elif m.level_dbfs > limits.loudest_dbfs:
        what = f"speech at {m.level_dbfs:g} dBFS, at most {limits.loudest_dbfs:g} is good"
        add("too_loud", what, "turn the microphone down, or step back from it")
    if m.snr_db is not None:
        if m.level_dbfs < limits.quietest_dbfs:
            what = f"speech at {m.level_dbfs:g} dBFS, at least {limits.quietest_dbfs:g} is good"
            add("too_quiet", what, "turn the microphone up, or come closer")
        if m.snr_db < limits.least_snr_db:
            what = f"{m.snr_db:g} dB over the noise, at least {limits.least_snr_db:g} is good"
            add("noisy", what, "find a quieter room, or come closer to the microphone")
    return tuple(found)


def _frame_powers(samples: Samples) -> NDArray[np.float64]:
    """Mean square of each 20 ms, the last samples of less left out; of fewer than one, of all."""
    whole = len(samples) // _FRAME * _FRAME
    frames = samples[:whole].reshape(-1, _FRAME) if whole else samples.reshape(1, -1)
    if not frames.size:
        return np.zeros(0)
    return np.asarray(np.square(frames, dtype=np.float64).mean(axis=1))


def _by_energy(power: NDArray[np.float64]) -> NDArray[np.bool_]:
    if not len(power):
        return np.zeros(0, bool)
    quiet = max(float(np.quantile(power, _QUIETEST_SHARE)), 10 ** (_FLOOR_DBFS / 10))
    least = max(quiet * 10 ** (_SPEECH_OVER_NOISE_DB / 10), 10 ** (_SPEECH_ABOVE_DBFS / 10))
    return power > least


def _by_spans(n_frames: int, speech: Sequence[Span]) -> NDArray[np.bool_]:
    middle_s = (np.arange(n_frames) + 0.5) * _FRAME / RATE_HZ
    heard = np.zeros(n_frames, bool)
    for start_s, end_s in speech:
        heard |= (middle_s >= start_s) & (middle_s < end_s)
    return heard


def _noise_power(power: NDArray[np.float64], heard: NDArray[np.bool_]) -> float:
    quiet = power[~heard]
    if len(quiet) < _QUIETEST_SHARE * len(power):  # speech from end to end
        quiet = np.sort(power)[: max(1, round(_QUIETEST_SHARE * len(power)))]
    # Digital silence was put there, and is not the room; the median, as a door that slams is not.
    quiet = quiet[quiet > 0] if (quiet > 0).any() else quiet
    return float(np.median(quiet))


def _db(power: float) -> float:
    return 10 * math.log10(max(power, 10 ** (_FLOOR_DBFS / 10)))
