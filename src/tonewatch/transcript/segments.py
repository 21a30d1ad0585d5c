"""Cuts a stream into utterances, from what is told of where speech is.

The analyser tells of speech a while after its samples came, so some seconds are kept to go back to,
and all that came in a burst until it is judged, if one says how far judging is.
What came after the end of speech and before that was told is passed on as well: at most a second,
and a pause shorter than that does not end an utterance. Long speech is cut at a pause, which may be
the shallower the longer the utterance is; the numbers are choices, not measurements.
It knows no recogniser and does not itself judge what is speech.
"""

from dataclasses import dataclass

import numpy as np

from tonewatch.core.errors import SettingsError
from tonewatch.core.signal import RATE_HZ, Samples

_FRAME = RATE_HZ // 50
_PAUSE_FRAMES = 10  # 0.2 s
_PAUSE_DEPTH_DB = 25.0


@dataclass(frozen=True)
class SegmentSettings:
    """Where utterances are cut.

    Attributes:
        cut_after_s: from this length on, an utterance ends at the next pause within speech.
        longest_s: it ends here at the latest.
        lead_s: kept before the start of speech, as voice activity may miss a soft consonant.
        remember_s: how far before what is judged already the start of speech may lie.
        backlog_s: kept at the most while it is not judged.
    """

    cut_after_s: float = 8.0
    longest_s: float = 15.0
    lead_s: float = 0.2
    remember_s: float = 4.0
    backlog_s: float = 30.0

    def __post_init__(self) -> None:
        if not 0 < self.cut_after_s < self.longest_s:
            raise SettingsError(
                "expected 0 < cut_after_s < longest_s, came "
                f"{self.cut_after_s}, {self.longest_s}; lower the first or raise the second"
            )
        if not 0 <= self.lead_s <= self.remember_s <= self.backlog_s:
            raise SettingsError(
                "expected 0 <= lead_s <= remember_s <= backlog_s, came "
                f"{self.lead_s}, {self.remember_s}, {self.backlog_s}; correct them"
            )


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of an utterance.

    Attributes:
        start_s: where its first sample lies in the stream.
        samples: shape [n], n >= 0.
        ends: whether the utterance ends with it.
    """

    start_s: float
    samples: Samples
    ends: bool

    @property
    def end_s(self) -> float:
        return self.start_s + self.samples.size / RATE_HZ


class Segmenter:
    """The utterances of one stream."""

    def __init__(self, settings: SegmentSettings | None = None) -> None:
        self._settings = settings or SegmentSettings()
        self._kept = np.zeros(0, np.float32)
        self._heard = 0  # samples so far; the last len(_kept) of them are kept
        self._judged = 0
        self._passed = 0  # up to here they belong to an utterance already
        self._speaking = False
        self._ending = False
        self._begin_utterance()

    def push(self, samples: Samples) -> list[Piece]:
        """Take further samples, shape [n]; return those that are speech."""
        pieces = self._end() if self._ending else []
        self._kept = np.concatenate([self._kept, samples.astype(np.float32, copy=False)])
        self._heard += samples.size
        if self._speaking:
            return pieces + self._pass_on()
        self._forget()
        return pieces

    def judged(self, until_s: float) -> None:
        """Take it that what began before `until_s` and is speech was told, or will be at once."""
        self._judged = max(self._judged, min(round(until_s * RATE_HZ), self._heard))
        self._forget()

    def missed(self, start_s: float) -> tuple[float, float] | None:
        """What is kept no more of speech that began at `start_s`: from and to, in seconds.

        Where it ended is not known yet, so that silence may be within.
        """
        first = max(round(start_s * RATE_HZ), self._passed)
        kept = self._heard - self._kept.size
        return (first / RATE_HZ, kept / RATE_HZ) if first < kept else None

    def started(self, start_s: float) -> list[Piece]:
        """Speech began at `start_s`, which may lie behind."""
        start = round((start_s - self._settings.lead_s) * RATE_HZ)
        pieces = []
        if self._ending and start > self._passed:
            pieces = self._end()
        self._ending = False
        if not self._speaking:
            self._speaking = True
            first = min(max(start, self._passed, self._heard - self._kept.size), self._heard)
            self._kept = self._kept[self._kept.size - (self._heard - first) :]
            self._begin_utterance()
        return pieces + self._pass_on()

    def ended(self) -> list[Piece]:
        """Speech ended; the utterance does with the next samples, if no speech began before."""
        self._ending = self._speaking
        return []

    def finish(self) -> list[Piece]:
        """End the stream."""
        return self._end() if self._speaking else []

    def _forget(self) -> None:
        first = max(
            self._judged - round(self._settings.remember_s * RATE_HZ),
            self._heard - round(self._settings.backlog_s * RATE_HZ),
        )
        if (n_old := first - (self._heard - self._kept.size)) > 0:
            self._kept = self._kept[n_old:].copy()

    def _begin_utterance(self) -> None:
        self._length = 0  # frames of the utterance, and what is left of one
        self._rest = np.zeros(0, np.float32)
        self._peak = 0.0
        self._quiet = 0

    def _end(self) -> list[Piece]:
        self._speaking = self._ending = False
        return [Piece(self._heard / RATE_HZ, np.zeros(0, np.float32), True)]

    def _pass_on(self) -> list[Piece]:
        pieces = []
        while self._kept.size:
            first = self._heard - self._kept.size
            cut = self._find_cut(self._kept)
            size = self._kept.size if cut is None else cut
            pieces.append(Piece(first / RATE_HZ, self._kept[:size], cut is not None))
            self._kept = self._kept[size:]
            if cut is not None:
                self._begin_utterance()
        self._kept = np.zeros(0, np.float32)
        self._passed = self._heard
        return pieces

    def _find_cut(self, samples: Samples) -> int | None:
        """After how many of these samples the utterance is to be cut; takes note of them."""
        before = self._rest.size
        whole = np.concatenate([self._rest, samples])
        n_frames = whole.size // _FRAME
        frames = whole[: n_frames * _FRAME].reshape(-1, _FRAME)
        powers = np.einsum("ij,ij->i", frames, frames).tolist()
        for number, power in enumerate(powers, 1):
            self._length += 1
            self._peak = max(self._peak, power)
            self._quiet = self._quiet + 1 if power <= self._peak * self._depth() else 0
            if self._length * _FRAME >= self._settings.longest_s * RATE_HZ or (
                self._quiet >= _PAUSE_FRAMES
                and self._length * _FRAME >= self._settings.cut_after_s * RATE_HZ
            ):
                return max(number * _FRAME - before, 0)
        self._rest = whole[n_frames * _FRAME :].copy()
        return None

    def _depth(self) -> float:
        """The power of a pause as a share of the loudest frame's."""
        at_s = self._length * _FRAME / RATE_HZ
        span_s = self._settings.longest_s - self._settings.cut_after_s
        late = min(max((at_s - self._settings.cut_after_s) / span_s, 0.0), 1.0)
        return float(10 ** (-_PAUSE_DEPTH_DB * (1 - late) / 10))
