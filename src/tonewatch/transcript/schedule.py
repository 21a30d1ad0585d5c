"""Which speech is recognised next, and which is given up: the pool's rules, without its processes.

The call of the highest priority goes first, and among equals what has waited longest. A worker has
a few utterances under way; a more urgent call takes the place of a less urgent one, whose utterance
then ends where it is. Speech that waited too long is given up. Pure: clocks, threads and processes
are the pool's.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from tonewatch.core.errors import CallError, SettingsError
from tonewatch.core.events import Event, NotTranscribed, WordsRecognised
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.transcript.backend import Recognised
from tonewatch.transcript.segments import Piece, Segmenter, SegmentSettings

Key: TypeAlias = tuple[str, int]
"""A call's id and a channel of it."""

Told: TypeAlias = tuple[Key, Event]

_MOST_S = 1.0  # of one task, so that an urgent call waits for no long one
_STALLED_S = 2.0


@dataclass(frozen=True)
class PoolSettings:
    """When the pool gives way.

    Attributes:
        longest_wait_s: when speech has waited for longer, all of its channel that waited for half
            as long is given up: few gaps, not many small ones.
        utterances: how many utterances a worker has under way at a time.
        answer_within_s: a worker that takes longer for one piece is ended and started again.
        load_within_s: the same for its start.
        nice: added to the niceness of the processes, where the system knows it.
        segments: where utterances are cut.
    """

    longest_wait_s: float = 15.0
    utterances: int = 3
    answer_within_s: float = 120.0
    load_within_s: float = 120.0
    nice: int = 10
    segments: SegmentSettings = field(default_factory=SegmentSettings)

    def __post_init__(self) -> None:
        lengths = (self.longest_wait_s, self.answer_within_s, self.load_within_s)
        if min(lengths) <= 0 or self.utterances < 1 or self.nice < 0:
            raise SettingsError(
                f"expected lengths above 0 s, 1 utterance or more and nice >= 0, came {self}; "
                "correct them"
            )


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker is asked to do next: hear samples of a channel, end its utterance, or both.

    Attributes:
        key: of the channel.
        start_s: where its first sample lies.
        samples: shape [n], n >= 0.
        begins: whether an utterance begins with it.
        ends: whether one ends with it.
    """

    key: Key
    start_s: float
    samples: Samples
    begins: bool
    ends: bool


@dataclass(slots=True)
class _Channel:
    key: Key
    segmenter: Segmenter
    waiting: deque[tuple[Piece, float]] = field(default_factory=deque)
    worker: int | None = None  # where its utterance is under way
    cut: bool = False  # its utterance is to end before what waits
    settled_s: float = 0.0  # up to here its words are final, or given up
    sent_s: float = 0.0
    served: float = 0.0
    closed: bool = False

    @property
    def over(self) -> bool:
        return self.closed and self.worker is None and not self.waiting


class Schedule:
    """The channels of all calls, what waits, and what is under way."""

    def __init__(self, settings: PoolSettings | None = None) -> None:
        self._settings = settings or PoolSettings()
        self._channels: dict[Key, _Channel] = {}
        self._priorities: dict[str, float] = {}
        self._closing: set[str] = set()

    def open(self, call_id: str, channel: int) -> None:
        key = (call_id, channel)
        if key in self._channels:
            raise CallError(f"channel {channel} of call {call_id!r} is open already; open it once")
        self._channels[key] = _Channel(key, Segmenter(self._settings.segments))

    def push(self, call_id: str, channel: int, samples: Samples, now: float) -> None:
        found = self._find(call_id, channel)
        found.waiting.extend((piece, now) for piece in found.segmenter.push(samples))

    def speech(
        self, call_id: str, channel: int, start_s: float, end_s: float | None, now: float
    ) -> list[Told]:
        """Take note of speech; tells what of it is kept no more."""
        found = self._find(call_id, channel)
        missed = found.segmenter.missed(start_s) if end_s is None else None
        pieces = found.segmenter.started(start_s) if end_s is None else found.segmenter.ended()
        found.waiting.extend((piece, now) for piece in pieces)
        return [(found.key, NotTranscribed(*missed))] if missed else []

    def judged(self, call_id: str, channel: int, until_s: float) -> None:
        self._find(call_id, channel).segmenter.judged(until_s)

    def set_priority(self, call_id: str, value: float) -> None:
        if self._of(call_id):
            self._priorities[call_id] = value

    def close(self, call_id: str, now: float) -> None:
        self._closing.add(call_id)
        for found in self._of(call_id):
            found.closed = True
            found.waiting.extend((piece, now) for piece in found.segmenter.finish())

    def closed(self) -> list[str]:
        """The calls that are over by now; each is told once."""
        for key in [key for key, found in self._channels.items() if found.over]:
            del self._channels[key]
        over = [call_id for call_id in self._closing if not self._of(call_id)]
        for call_id in over:
            self._closing.discard(call_id)
            self._priorities.pop(call_id, None)
        return over

    def waiting_s(self) -> float:
        return sum(
            piece.samples.size / RATE_HZ
            for found in self._channels.values()
            for piece, _ in found.waiting
        )

    def take(self, worker: int, now: float) -> Task | None:
        """What a free worker is to do next; None if there is nothing for it."""
        mine = [found for found in self._channels.values() if found.worker == worker]
        for found in mine:
            if found.cut:
                return self._cut(found)
        ready = [
            found
            for found in self._channels.values()
            if found.waiting and found.worker in (None, worker)
        ]
        for found in sorted(ready, key=lambda one: (-self._priority(one), one.waiting[0][1])):
            if found.worker is None and len(mine) >= self._settings.utterances:
                victim = min(mine, key=lambda one: (self._priority(one), one.served))
                stalled = [one for one in mine if not one.waiting and now - one.served > _STALLED_S]
                if stalled:
                    return self._cut(stalled[0])
                if self._priority(victim) < self._priority(found):
                    return self._cut(victim)
                continue
            if (task := self._next(found, worker, now)) is not None:
                return task
        return None

    def answered(
        self, task: Task, recognised: Sequence[Recognised], *, failed: bool = False
    ) -> list[Told]:
        """Take the answer to a task, and whether the recogniser failed at the rest of it."""
        found = self._channels[task.key]
        for each in recognised:
            if isinstance(each, WordsRecognised) and each.final:
                found.settled_s = max(found.settled_s, each.end_s)
        told: list[Told] = [(task.key, each) for each in recognised]
        if failed:
            told += self._lose(found)
        elif task.ends:
            found.worker, found.cut = None, False
            found.settled_s = found.sent_s
        return told

    def lost(self, worker: int) -> list[Told]:
        """Take it that a worker is gone, with all that it had under way."""
        return [
            told
            for found in list(self._channels.values())
            if found.worker == worker
            for told in self._lose(found)
        ]

    def give_up(self, now: float, *, everything: bool = False) -> list[Told]:
        """Give up what has waited too long, or all that waits."""
        told: list[Told] = []
        for found in self._channels.values():
            waited_s = now - found.waiting[0][1] if found.waiting else 0.0
            if found.waiting and (everything or waited_s > self._settings.longest_wait_s):
                limit_s = -1.0 if everything else self._settings.longest_wait_s / 2
                told += self._drop(found, now - limit_s)
        return told

    def _find(self, call_id: str, channel: int) -> _Channel:
        found = self._channels.get((call_id, channel))
        if found is None or found.closed:
            raise CallError(
                f"expected an open channel, came {channel} of call {call_id!r}; open it first, "
                "and push nothing after close"
            )
        return found

    def _of(self, call_id: str) -> list[_Channel]:
        return [found for key, found in self._channels.items() if key[0] == call_id]

    def _priority(self, found: _Channel) -> float:
        return self._priorities.get(found.key[0], 0.0)

    def _cut(self, found: _Channel) -> Task:
        found.cut = False
        return Task(found.key, found.sent_s, np.zeros(0, np.float32), begins=False, ends=True)

    def _next(self, found: _Channel, worker: int, now: float) -> Task | None:
        taken: list[Piece] = []
        size = 0
        while found.waiting and not (taken and taken[-1].ends):
            piece = found.waiting[0][0]
            if size >= _MOST_S * RATE_HZ and piece.samples.size:
                break
            found.waiting.popleft()
            taken.append(piece)
            size += piece.samples.size
        samples = np.concatenate([piece.samples for piece in taken])
        begins = found.worker is None
        if begins and not size:  # the end of an utterance that was cut there, or given up
            return None
        if begins:
            found.settled_s = taken[0].start_s
        found.worker = worker
        found.sent_s, found.served = taken[-1].end_s, now
        return Task(found.key, taken[0].start_s, samples, begins, taken[-1].ends)

    def _lose(self, found: _Channel) -> list[Told]:
        start_s, end_s = found.settled_s, found.sent_s
        found.worker, found.cut = None, False
        found.settled_s = end_s
        return [(found.key, NotTranscribed(start_s, end_s))] if end_s > start_s else []

    def _drop(self, found: _Channel, before: float) -> list[Told]:
        told: list[Told] = []
        start_s: float | None = None
        end_s = 0.0
        while found.waiting and found.waiting[0][1] < before:
            piece, _ = found.waiting.popleft()
            start_s = piece.start_s if start_s is None else start_s
            end_s = piece.end_s
            if piece.ends or not found.waiting or found.waiting[0][1] >= before:
                if end_s > start_s:
                    told.append((found.key, NotTranscribed(start_s, end_s)))
                start_s = None
        found.cut = found.worker is not None
        return told
