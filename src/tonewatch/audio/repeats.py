"""Finds sound that came before in the same stream, as when a recording is played again.

A person can say the same words again, but not with the same timing and pitch to a few hundredths of
a second. So the test is no model of replaying: it is whether two stretches are the same sound. Each
frame has 32 bits: whether the difference between neighbouring bands rose since the frame before
(Haitsma and Kalker, "A highly robust audio fingerprinting system", ISMIR 2002; hops here are longer
and what is compared are amplitudes). Bits of small changes, which noise turns, do not count. A
stretch whose bits agree with earlier ones far beyond chance is told. Sounds that repeat within
themselves (tones, sirens, ringing) are left out. How often it is right and wrong:
`python -m bench repeats`, docs/why/sounds.md.

It does not know what a sound is, who made it, nor whether it is a sign of anything: alarm systems
play recorded messages too. A recording that is played once is not found.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from tonewatch.core.errors import SettingsError
from tonewatch.core.signal import RATE_HZ, Samples, Waiting

_HALF_HZ = RATE_HZ // 2
_WINDOW = 2048  # at half the rate: 0.256 s
_HOP = 512  # 0.064 s
_HOP_S = _HOP / _HALF_HZ
_BANDS = 33
_FROM_HZ, _TO_HZ = 300.0, 3000.0  # what a telephone lets through
_BATCH = 8  # frames heard together, about half a second
_BATCH_SAMPLES = _WINDOW + (_BATCH - 1) * _HOP

_SPARE = 1024  # frames of room beyond what is remembered, so that it moves once a minute

_PROBES = 8  # frames of a stretch that are looked for before the whole of it is
_SLACK = 0.1  # so much less may they agree, as fewer bits vary more
_LEAST_PROBED = 20
_LAGS = 1024  # compared together
_LEAST_LAG = 4  # windows that share no samples
_LIKE_ITSELF = 0.8
_LEAST_LIKE = 50
_HALVED_S = 10.0  # in so long the level that changes are measured by forgets half of a peak

_Bits = NDArray[np.uint32]


@dataclass(frozen=True)
class RepeatSettings:
    """What counts as the same sound.

    Attributes:
        length_s: so long a stretch is compared.
        agreement: the least share of its bits that agree; half of them do by chance.
        deviations: so many standard deviations more agree than coin tosses would, at least; of
            few bits nearly all must agree.
        least_change: the smallest change that counts, as a share of the loudest band of late.
        remember_s: how far back.
        apart_s: the earlier stretch ends so long before the later begins.
    """

    length_s: float = 3.0
    agreement: float = 0.93
    deviations: float = 12.0
    least_change: float = 0.03
    remember_s: float = 300.0
    apart_s: float = 0.5

    def __post_init__(self) -> None:
        if not 0.5 < self.agreement <= 1 or self.deviations <= 0 or self.least_change < 0:
            raise SettingsError(
                "expected an agreement above 0.5 and at most 1, deviations above 0 and a "
                f"least_change of 0 or more, came {self}; correct them"
            )
        if not 1 <= self.length_s <= self.length_s + self.apart_s < self.remember_s:
            raise SettingsError(
                "expected length_s of 1 or more, apart_s of 0 or more, and both together below "
                f"remember_s, came {self.length_s}, {self.apart_s} and {self.remember_s}"
            )


@dataclass(frozen=True, slots=True)
class Repeat:
    """The stretch from `start_s` to `end_s` is the sound that began at `earlier_s`.

    Attributes:
        start_s: where it begins.
        end_s: where it ends, as far as it was compared.
        earlier_s: where the same sound began before.
        agreement: the share of bits that agree; 0.5 is chance.
        n_bits: of so many.
    """

    start_s: float
    end_s: float
    earlier_s: float
    agreement: float
    n_bits: int


class Repeats:
    """The repeats of one stream, in bounded memory; one that goes on is told once."""

    def __init__(self, settings: RepeatSettings | None = None) -> None:
        self._settings = s = settings or RepeatSettings()
        self._length = round(s.length_s / _HOP_S)
        self._apart = self._length + round(s.apart_s / _HOP_S)
        self._most = round(s.remember_s / _HOP_S)
        self._waiting = Waiting(2 * _BATCH_SAMPLES)
        self._rest = np.zeros(0, np.float32)  # at half the rate, of the next frame
        self._n_samples = self._late = 0
        self._first = 0  # the number of the first frame that is remembered
        # All the room at once: arrays that grow with every stream would leave holes between them.
        self._room = np.full((2, self._most + _SPARE), 0, np.uint32)
        self._end = 0
        self._bits: _Bits = self._room[0, :0]
        self._count: _Bits = self._room[1, :0]  # those of `_bits` that count
        self._before = np.zeros(_BANDS - 1, np.float32)
        self._level = 0.0
        self._told_until = self._lag = 0

    def push(self, samples: Samples) -> list[Repeat]:
        """Take further samples, shape [n], n >= 0, finite; return the repeats they completed.

        What is told, and when, does not depend on how the stream is cut.
        """
        self._n_samples += samples.size
        late = min(self._late, samples.size)
        self._late -= late
        samples = samples[late:]
        told = []
        while samples.size:
            whole, samples = self._waiting.fill(samples, self._needed())
            if whole is not None:
                told += self._hear(whole)
        return told

    def skip(self, n_samples: int) -> None:
        """Take note that `n_samples` were lost: what lay in them is like nothing."""
        self._n_samples += n_samples
        self._waiting.clear()
        self._rest = np.zeros(0, np.float32)
        frame = -(-self._n_samples // (2 * _HOP))  # the first that begins after the gap
        self._late = frame * 2 * _HOP - self._n_samples
        n_lost = frame - self._first - self._bits.size
        n_quiet = min(n_lost, self._most)
        self._remember(np.zeros(n_quiet, np.uint32), np.zeros(n_quiet, np.uint32))
        self._first += n_lost - n_quiet

    def _needed(self) -> int:
        """Samples that complete a batch of frames."""
        return 2 * (_BATCH_SAMPLES - self._rest.size)

    def _hear(self, samples: Samples) -> list[Repeat]:
        # Half the rate is enough, and what folds down does so alike each time.
        half = np.concatenate([self._rest, samples[0::2] + samples[1::2]])
        self._rest = half[_BATCH * _HOP :].copy()
        frames = np.lib.stride_tricks.sliding_window_view(half, _WINDOW)[::_HOP]
        spectra = np.fft.rfft(frames * _TAPER, axis=1)[:, _EDGES[0] : _EDGES[-1]]
        powers = spectra.real**2 + spectra.imag**2
        energies = np.add.reduceat(powers, _EDGES[:-1] - _EDGES[0], axis=1)
        amplitudes = np.sqrt(energies)
        steps = np.diff(amplitudes, axis=1)
        changes = np.diff(np.vstack([self._before, steps]), axis=0)
        self._before = steps[-1]
        levels = self._levels(amplitudes.max(axis=1))
        counts = np.abs(changes) > self._settings.least_change * levels[:, None]
        self._remember(_packed(changes > 0), _packed(counts))
        return self._look()

    def _levels(self, peaks: NDArray[np.float32]) -> NDArray[np.float32]:
        """The greatest amplitude of late, at each of the frames."""
        levels = np.maximum.accumulate(np.append(self._level, peaks) / _FADED)[1:] * _FADED[1:]
        self._level = float(levels[-1])
        return np.asarray(levels, np.float32)

    def _remember(self, bits: _Bits, counts: _Bits) -> None:
        n_kept = min(self._bits.size, self._most - bits.size)
        self._first += self._bits.size - n_kept
        if self._end + bits.size > self._room.shape[1]:
            self._room[:, :n_kept] = self._room[:, self._end - n_kept : self._end].copy()
            self._end = n_kept
        self._room[:, self._end : self._end + bits.size] = bits, counts
        self._end += bits.size
        kept = slice(self._end - n_kept - bits.size, self._end)
        self._bits, self._count = self._room[0, kept], self._room[1, kept]

    def _look(self) -> list[Repeat]:
        """Whether the last stretch was there before."""
        s, length = self._settings, self._length
        begin = self._bits.size - length
        if begin < self._apart or self._first + begin < self._told_until:
            return []
        last, count = self._bits[begin:], self._count[begin:]
        least_bits = s.deviations**2  # of which all agree
        if np.bitwise_count(count).sum() < least_bits or self._repeats_within(begin):
            return []
        best: Repeat | None = None
        lag = 0
        for at in self._candidates(begin).tolist():
            both = count & self._count[at : at + length]
            n_bits = int(np.bitwise_count(both).sum())
            n_wrong = int(np.bitwise_count((last ^ self._bits[at : at + length]) & both).sum())
            agreement = 1 - n_wrong / max(n_bits, 1)
            least = s.agreement if best is None else best.agreement
            if agreement >= least and (2 * agreement - 1) * sqrt(n_bits) >= s.deviations:
                said = np.flatnonzero(both)  # the first and last that tell anything
                begins, ends = int(said[0]), int(said[-1])
                start_s, end_s, earlier_s = (
                    _middle_s(self._first + k) for k in (begin + begins, begin + ends, at + begins)
                )
                best, lag = Repeat(start_s, end_s, earlier_s, agreement, n_bits), begin - at
        if best is None:
            return []
        goes_on = self._first + begin < self._told_until + length and abs(lag - self._lag) <= 1
        self._told_until, self._lag = self._first + self._bits.size, lag
        return [] if goes_on else [best]

    def _candidates(self, begin: int) -> NDArray[np.intp]:
        """Where earlier stretches begin of which a few frames agree, those with most to compare."""
        n_lags = begin - self._apart + 1
        telling = np.argsort(np.bitwise_count(self._count[begin:]), kind="stable")[-_PROBES:]
        last = telling + begin
        found = []
        # In blocks: arrays a little larger each time would leave holes in the memory.
        for start in range(0, n_lags, _LAGS):
            at = telling[:, None] + np.arange(start, min(start + _LAGS, n_lags))
            both = self._count[at] & self._count[last, None]
            n_bits = np.bitwise_count(both).sum(axis=0, dtype=np.uint16)
            both &= self._bits[at] ^ self._bits[last, None]
            wrong = np.bitwise_count(both).sum(axis=0, dtype=np.uint16)
            may = (1 - self._settings.agreement + _SLACK) * n_bits
            found.append(start + np.flatnonzero((n_bits >= _LEAST_PROBED) & (wrong <= may)))
        return np.concatenate(found)

    def _repeats_within(self, begin: int) -> bool:
        """Whether the stretch is like itself a little earlier, as a tone or a siren is."""
        span = slice(begin - self._apart + 1, self._bits.size - _LEAST_LAG)
        view = np.lib.stride_tricks.sliding_window_view
        both = view(self._count[span], self._length) & self._count[begin:]
        differ = (view(self._bits[span], self._length) ^ self._bits[begin:]) & both
        n_bits = np.bitwise_count(both).sum(axis=1)
        n_wrong = np.bitwise_count(differ).sum(axis=1)
        alike = n_wrong <= (1 - _LIKE_ITSELF) * n_bits
        return bool(np.any(alike & (n_bits >= _LEAST_LIKE)))


def _packed(flags: NDArray[np.bool_]) -> _Bits:
    """Shape [n, 32] to [n]."""
    return np.packbits(flags, axis=1).view(np.uint32).ravel()


def _middle_s(frame: int) -> float:
    return (frame * _HOP + _WINDOW / 2) / _HALF_HZ


def _edges() -> NDArray[np.int64]:
    hz = np.geomspace(_FROM_HZ, _TO_HZ, _BANDS + 1)
    return np.round(hz * _WINDOW / _HALF_HZ).astype(np.int64)


_EDGES = _edges()
_TAPER = np.hanning(_WINDOW).astype(np.float32)
_FADED = 0.5 ** (np.arange(_BATCH + 1) * _HOP_S / _HALVED_S)
