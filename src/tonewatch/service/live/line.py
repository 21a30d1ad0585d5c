"""One live call as the service holds it: what waits to be heard, the call, and what it told.

Bytes come in on the event loop, `hear` works on them in a thread of the engine; a lock guards what
both touch. Each event is numbered and kept for a while, so that a client whose connection broke
misses none. It knows no socket and no store.
"""

import math
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from tonewatch.call.call import Call
from tonewatch.call.events import (
    CallEnded,
    CallEvent,
    CallStarted,
    EndReason,
    Heard,
)
from tonewatch.call.formats import Encoding, StreamDecoder
from tonewatch.core.errors import AudioError
from tonewatch.core.events import EmotionEstimated, NoSpeech
from tonewatch.core.signal import RATE_HZ
from tonewatch.service.live.chunks import SAMPLE_BYTES, SILENCE, Chunk, joined
from tonewatch.service.live.told import Told, unnumbered

LONGEST_WAIT_S = 5.0
"""What waited longer to be heard is dropped: later events would help nobody."""

_TOGETHER_S = 0.4
"""Less audio waits for more, unless it completes a window: a turn costs much the same for any
length. What a killed process has not heard is lost, so it cannot be longer."""
_DECODED_S = 30.0  # in one turn, as a few bytes of Opus may be long
_LONGEST_PUSH_S = 120.0  # over all channels; the backlog of a broken connection fits in one frame
_FAR_AHEAD_S = 30.0
"""Who is so far ahead of time, which of Opus is known only when it is decoded, loses the call."""
_TURN_S = 2.0  # one call's share before the next one has its turn
_KEPT = 120  # events kept of each channel for a client that comes back: of more than 40 s of speech

Block = NDArray[np.float32]


class Line:
    """One live call.

    Args:
        call: the call, not begun.
        encoding: how its samples are written.
        rate_hz: their rate.
        owner: who may take it up again.
        actor: who sends it, for the audit.
        now: the monotonic time.

    Attributes:
        received_bytes: how far the stream has come.
        over: whether `call_ended` is told.
        ended_as: its reason.
        connection: whoever sends the audio now; None while the connection is broken.
        on_news: called in the engine's thread when there is something to send.
        on_audio: each called in the engine's thread with each decoded block, shape
            [n, channels], or number of lost samples: for the recording, and for what is said.
        failure: what was wrong with the audio; None where nothing was.
        broke: whether the failure is the service's.
    """

    def __init__(
        self,
        call: Call,
        encoding: Encoding,
        rate_hz: int,
        *,
        owner: str,
        actor: str,
        now: float,
    ) -> None:
        self.call = call
        self.call_id = call.call_id
        self.owner = owner
        self.actor = actor
        self.opened_at = now
        self.received_bytes = 0
        self.over = False
        self.ended_as = ""
        self.failure: str | None = None
        self.broke = False
        self.connection: object | None = None
        self.on_news: Callable[[], None] | None = None
        self.on_audio: list[Callable[[Block | int], None]] = []
        self.queued = False  # the engine's
        self._frame_bytes = SAMPLE_BYTES.get(encoding, 0) * len(call.channels)
        self._encoding = encoding
        self._rate_hz = rate_hz
        self._decoder = StreamDecoder(
            encoding, rate_hz, len(call.channels), max_push_s=_LONGEST_PUSH_S
        )
        self._lock = threading.Lock()
        self._chunks: deque[Chunk] = deque()
        self._blocks: deque[tuple[Block | int, float]] = deque()
        self._waiting_bytes = 0
        self._enough_bytes = 0
        # What others found out about the call, with its text, to be told in the engine's turn.
        self._more: deque[tuple[CallEvent, str]] = deque()
        # Bounded, as where nobody is scored no window takes any away.
        self._arrivals: deque[tuple[int, float]] = deque(maxlen=4096)
        self._lost = {"source": 0, "queue": 0}
        self._decoded = 0
        self._heard = 0
        self._ending: EndReason | None = None
        self._told: deque[Told] = deque(maxlen=_KEPT * len(call.channels))
        self._number = 0

    # On the event loop.

    @property
    def received_s(self) -> float:
        """Seconds of audio that came; of Opus, as far as it is decoded."""
        if self._frame_bytes:
            return self.received_bytes / self._frame_bytes / self._rate_hz
        return self._decoded / RATE_HZ

    def ahead_s(self, now: float, n_bytes: int = 0) -> float:
        """How much more audio came than time has passed, if so many bytes more come."""
        more_s = n_bytes / self._frame_bytes / self._rate_hz if self._frame_bytes else 0.0
        return self.received_s + more_s - (now - self.opened_at)

    @property
    def waiting_s(self) -> float:
        """Seconds decoded and not heard yet."""
        return (self._decoded - self._heard) / RATE_HZ

    @property
    def waiting_bytes(self) -> int:
        """Bytes not decoded yet."""
        return self._waiting_bytes

    @property
    def ending(self) -> bool:
        """Whether it takes no more audio."""
        return self._ending is not None

    @property
    def has_news(self) -> bool:
        """Whether the engine has something to do here."""
        with self._lock:
            enough = self._chunks and self._waiting_bytes >= self._enough_bytes
            return bool(enough or self._ending or self._more) and not self.over

    def receive(self, data: bytes, now: float) -> None:
        """Take further bytes of the stream; those that come after its end are left out."""
        with self._lock:
            if self._ending is not None:
                return
            self.received_bytes += len(data)
            self._waiting_bytes += len(data)
            self._chunks.append((data, now))

    def skip_to(self, position: int, now: float) -> bool:
        """Take note that the bytes before `position` will never come; it is after those that did.

        Returns:
            Whether that can be: no gap may be in Opus or end within a frame of samples.
        """
        if not self._frame_bytes or position % self._frame_bytes:
            return False
        with self._lock:
            if self._ending is not None:
                return True
            half = -self.received_bytes % self._frame_bytes
            if half:  # what came of a frame is completed by silence
                self._chunks.append((SILENCE[self._encoding] * half, now))
            n_frames = (position - self.received_bytes) // self._frame_bytes
            self._chunks.append((n_frames, now))
            self._enough_bytes = 0
            self.received_bytes = position
        return True

    def bytes_of(self, seconds: float) -> float:
        """How many bytes of the stream are so long; of Opus nobody knows, and it is 0."""
        return seconds * self._rate_hz * self._frame_bytes

    def add(self, events: Sequence[CallEvent]) -> bool:
        """Let events be told that were found elsewhere, before the call's end; from any thread.

        Returns:
            Whether they will be; not when the call is over.
        """
        ready = [(event, unnumbered(event)) for event in events]
        with self._lock:
            if not self.over:
                self._more.extend(ready)
            return not self.over

    def end(self, reason: EndReason) -> None:
        """Let the call end once all that waits is heard; the first reason counts."""
        with self._lock:
            self._ending = self._ending or reason

    def since(self, number: int) -> list[Told]:
        """What was told after the event of that number, as far as it is still kept."""
        with self._lock:
            if not self._told or self._told[-1].number <= number:
                return []
            return [told for told in self._told if told.number > number]

    @property
    def number(self) -> int:
        """That of the last event."""
        return self._number

    # In a thread of the engine, one at a time.

    def begin(self) -> list[CallEvent]:
        """Begin the call."""
        events = self.call.start()
        assert isinstance(events[0], CallStarted)
        self._started_at = events[0].started_at
        return self._tell(events)

    def hear(self, now: float, *, hearing: bool = True) -> tuple[list[CallEvent], bool]:
        """Hear what waits, at most one turn; return the events, and whether more waits.

        Args:
            now: the monotonic time.
            hearing: whether the model may hear; if not, what waits is dropped and nothing judged.
        """
        with self._lock:
            chunks, ending = list(self._chunks), self._ending
            self._chunks.clear()
            self._waiting_bytes = 0
        if self.over:
            return [], False
        events: list[CallEvent] = []
        left: list[Chunk] = []
        try:
            if self.failure is None:
                left = self._decode(chunks, now)
            if ending is not None and not left:  # the second time it gives nothing
                self._keep(self._decoder.finish(), now)
        except AudioError as error:
            self.failure = str(error)
            ending = self._ending = EndReason.ERROR
        if self._decoder.mixed_down:
            events += self.call.mixed_down()
        events += self._drop_old(now, hearing=hearing)
        events += self._push(_TURN_S)
        if ending is not None and not self._blocks and not left:
            events += self.call.finish(ending, judge=hearing)
        self._enough_bytes = self._until_news()
        self._put_back(left)
        return self._tell(events), bool(self._blocks or left) and not self.over

    def take_lost(self) -> dict[str, float]:
        """Seconds lost since the last time, over all channels: at the `source`, in the `queue`."""
        lost, self._lost = self._lost, dict.fromkeys(self._lost, 0)
        return {where: n * len(self.call.channels) / RATE_HZ for where, n in lost.items()}

    def fail(self) -> list[CallEvent]:
        """End the call at once, as the service broke over it."""
        events = self.call.finish(EndReason.ERROR)
        if not events:  # it broke over its end, which it tells but once
            heard_s, dropped_s = self.call.heard_s, self.call.dropped_s
            at = self._started_at + timedelta(seconds=heard_s)
            events = [CallEnded(self.call_id, at, EndReason.ERROR, heard_s, dropped_s, None)]
        return self._tell(events)

    def _put_back(self, chunks: Sequence[Chunk]) -> None:
        with self._lock:
            self._chunks.extendleft(reversed(chunks))
            self._waiting_bytes += sum(len(data) for data, _ in chunks if isinstance(data, bytes))

    def _until_news(self) -> int:
        """Bytes after which hearing is worth a turn; of Opus nobody knows, and it is 0."""
        wanted = self.call.wanted
        seconds = _TOGETHER_S if wanted is None else min(_TOGETHER_S, wanted / RATE_HZ)
        return math.ceil(seconds * self._rate_hz) * self._frame_bytes

    def _decode(self, chunks: Sequence[Chunk], now: float) -> list[Chunk]:
        """Decode a turn's share; return what is left for the next one."""
        most_bytes = math.ceil(_TOGETHER_S * self._rate_hz) * self._frame_bytes
        left = deque(joined(chunks, most_bytes))
        until = self._decoded + _DECODED_S * RATE_HZ
        while left and self._decoded < until:
            data, at = left.popleft()
            if isinstance(data, int):
                tail, n_lost = self._decoder.gap(data)
                self._keep(tail, at)
                self._arrived(n_lost, at)
            else:
                self._keep(self._decoder.push(data), at)
            if self.ahead_s(now) > _FAR_AHEAD_S:
                raise AudioError(
                    "live stream: expected audio as it is recorded, came more than "
                    f"{_FAR_AHEAD_S:g} s ahead; send it in real time, or upload a recording"
                )
        return list(left)

    def _keep(self, blocks: list[Block], at: float) -> None:
        for block in blocks:
            self._arrived(block, at)

    def _arrived(self, block: Block | int, at: float) -> None:
        n_samples = block if isinstance(block, int) else len(block)
        if not n_samples:
            return
        self._blocks.append((block, at))
        self._decoded += n_samples
        self._arrivals.append((self._decoded, at))
        for take in self.on_audio:
            take(block)

    def _drop_old(self, now: float, *, hearing: bool) -> list[CallEvent]:
        lost = 0
        while self._blocks and (not hearing or now - self._blocks[0][1] > LONGEST_WAIT_S):
            block, _ = self._blocks.popleft()
            n_samples = block if isinstance(block, int) else len(block)
            self._lost["source" if isinstance(block, int) else "queue"] += n_samples
            lost += n_samples
        return self._lose(lost, judge=hearing)

    def _push(self, most_s: float) -> list[CallEvent]:
        events: list[CallEvent] = []
        ready: list[Block] = []
        n_left = int(most_s * RATE_HZ)
        while self._blocks and n_left > 0:
            block, at = self._blocks.popleft()
            if isinstance(block, int):
                events += self._hear(ready)
                self._lost["source"] += block
                events += self._lose(block)
                ready = []
                continue
            if len(block) > n_left:
                self._blocks.appendleft((block[n_left:], at))
                block = block[:n_left]
            n_left -= len(block)
            ready.append(block)
        return events + self._hear(ready)

    def _hear(self, blocks: list[Block]) -> list[CallEvent]:
        if not blocks:
            return []
        block = np.concatenate(blocks)
        events: list[CallEvent] = []
        for channel in range(len(self.call.channels)):
            events += self.call.push(channel, np.ascontiguousarray(block[:, channel]))
        self._heard += len(block)
        return events

    def _lose(self, n_samples: int, *, judge: bool = True) -> list[CallEvent]:
        if not n_samples:
            return []
        self._heard += n_samples
        events: list[CallEvent] = []
        for channel in range(len(self.call.channels)):
            events += self.call.drop(channel, n_samples, judge=judge)
        return events

    def _tell(self, events: list[CallEvent]) -> list[CallEvent]:
        """Number the events and keep them to be sent."""
        # Encoded before the lock is taken: the event loop must not wait for that.
        told = [(event, unnumbered(event), self._arrived_at(event)) for event in events]
        with self._lock:
            more = [(event, text, None) for event, text in self._more]
            self._more.clear()
            if events and isinstance(events[-1], CallEnded):
                told[-1:-1] = more  # nothing follows the end
                self.over, self.ended_as = True, events[-1].reason.value
            else:
                told += more
            for _, text, since in told:
                self._number += 1
                self._told.append(Told(self._number, f'{text}, "number": {self._number}}}', since))
        if not told:
            return []
        if self.on_news is not None:
            self.on_news()
        return [event for event, _, _ in told]

    def _arrived_at(self, event: CallEvent) -> float | None:
        if not isinstance(event, Heard) or not isinstance(event.event, EmotionEstimated | NoSpeech):
            return None
        n_samples = round(event.event.end_s * RATE_HZ)
        # Other channels may end the same window; the last arrival of before stays.
        while len(self._arrivals) > 1 and self._arrivals[0][0] < n_samples:
            self._arrivals.popleft()
        return self._arrivals[0][1] if self._arrivals else None
