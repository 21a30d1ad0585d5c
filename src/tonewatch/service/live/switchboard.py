"""All live calls of this process: opened, taken up again after a broken connection, ended.

All of it runs on the event loop; the engine's threads only hand over what ended. It knows no
socket: a connection is whatever object holds a line.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence

from tonewatch.call.call import Call
from tonewatch.call.events import CallEvent, EndReason
from tonewatch.call.roles import Role
from tonewatch.core.errors import AudioError
from tonewatch.service.auth.guard import Principal
from tonewatch.service.live.engine import Engine
from tonewatch.service.live.line import Block, Line
from tonewatch.service.live.messages import Close, HangUp, Open, Resume
from tonewatch.service.live.recorder import Recorder
from tonewatch.service.state import State

AHEAD_S = 10.0
"""How much more audio may come than time has passed since the call began."""

Listeners = Callable[[str, Sequence[Role]], Sequence[Callable[[Block | int], None]]]

_WAITING_BYTES = 4 << 20
_GAP = (
    "expected the stream to go on at byte {}, came {}; only whole frames of samples may be left "
    "out, none of Opus, and no more than time has passed"
)


class Switchboard:
    """The live calls.

    Args:
        state: the service's; its settings limit the calls.
        engine: hears them.
        recorder: keeps their audio; None where none is kept.
        sent_by: told who sends a call, before it begins.
        listeners: who else takes a call's audio, by its id and channels.
        clock: the monotonic time.

    Attributes:
        lines: the live calls by id.
        clock: as given.
        loop: the event loop, once the service runs.
    """

    def __init__(
        self,
        state: State,
        engine: Engine,
        recorder: Recorder | None,
        sent_by: Callable[[str, str], None],
        listeners: Listeners,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lines: dict[str, Line] = {}
        self._state = state
        self._engine = engine
        self._recorder = recorder
        self._sent_by = sent_by
        self._listeners = listeners
        self.clock = clock
        self._senders: dict[str, Principal] = {}
        self._graces: dict[str, asyncio.TimerHandle] = {}
        self._empty = asyncio.Event()
        self._empty.set()
        self.loop: asyncio.AbstractEventLoop | None = None

    def open(self, who: Principal, asked: Open) -> Line:
        """Begin a call.

        Raises:
            HangUp: no call may begin now, or not such a one.
        """
        self._check_room(who)
        state = self._state
        call = Call(
            uuid.uuid4().hex,
            asked.channels,
            state.predictor,
            metadata=asked.metadata,
            clock=state.clock,
        )
        try:
            line = Line(
                call,
                asked.encoding,
                asked.rate_hz,
                owner=_owner(who),
                actor=who.actor,
                now=self.clock(),
            )
        except AudioError as error:
            raise HangUp(Close.BAD_MESSAGE, str(error)) from error
        if self._recorder is not None and asked.record:
            line.on_audio.append(self._recorder.open(line.call_id, len(asked.channels)))
        line.on_audio += self._listeners(line.call_id, call.channels)
        self.lines[line.call_id] = line
        self._senders[line.call_id] = who
        self._empty.clear()
        self._sent_by(line.call_id, line.actor)
        self._engine.begin(line)
        state.metrics.calls_started.inc()
        state.metrics.calls_open.set(len(self.lines))
        return line

    def resume(self, who: Principal, asked: Resume) -> Line:
        """Take a call up again.

        Raises:
            HangUp: it is not live here, not theirs, too far ahead of time, or what was said of its
                bytes cannot be.
        """
        line = self.lines.get(asked.call_id)
        if line is None or line.over or line.owner != _owner(who):
            raise HangUp(
                Close.NO_SUCH_CALL,
                f"expected a live call of yours, came {asked.call_id!r}, which is none (any more); "
                "open a new one; GET /api/v1/calls has those that ended",
            )
        now = self.clock()
        _check_time(line, now)
        ahead = (asked.position or 0) - line.received_bytes
        if ahead > 0:
            if ahead > line.bytes_of(AHEAD_S - line.ahead_s(now)):
                raise HangUp(Close.BAD_MESSAGE, _GAP.format(line.received_bytes, "a longer gap"))
            if not line.skip_to(asked.position or 0, now):
                raise HangUp(Close.BAD_MESSAGE, _GAP.format(line.received_bytes, "a gap"))
            self._engine.wake(line)
        if grace := self._graces.pop(line.call_id, None):
            grace.cancel()
        self._senders[line.call_id] = who
        return line

    def receive(self, line: Line, data: bytes) -> None:
        """Take further bytes of a call, unless it is ending.

        Raises:
            HangUp: with them, more would have come than time has passed; none of them are taken.
        """
        if line.ending:  # a stream that is no audio is to be told so, not that it came too fast
            return
        now = self.clock()
        _check_time(line, now, len(data))
        line.receive(data, now)
        if line.has_news:
            self._engine.wake(line)

    def tell(self, call_id: str, events: Sequence[CallEvent]) -> bool:
        """Let events be told that were found elsewhere; from any thread.

        Returns:
            Whether they will be; not when the call is over.
        """
        line = self.lines.get(call_id)
        if line is None or not line.add(events):
            return False
        self._engine.wake(line)
        return True

    def end(self, line: Line, reason: EndReason) -> None:
        """Let a call end once all that came is heard."""
        self._engine.end(line, reason)

    def broken(self, line: Line) -> None:
        """Note that a call's connection is gone; it may come back for a while."""
        if line.over or line.call_id in self._graces:
            return
        self._graces[line.call_id] = asyncio.get_running_loop().call_later(
            self._state.settings.resume_s, self._engine.end, line, EndReason.DISCONNECTED
        )

    def over(self, line: Line) -> None:
        """Forget a call that is over; called in a thread of the engine."""
        if self._recorder is not None:
            self._recorder.close(line.call_id)
        if self.loop is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._forget, line)

    def senders(self) -> dict[str, Principal]:
        """Who sends each live call, by its id."""
        return dict(self._senders)

    def revoke(self, call_id: str) -> None:
        """End a call whose sender may no longer be here."""
        if line := self.lines.get(call_id):
            self._engine.end(line, EndReason.REVOKED)

    async def drain(self) -> None:
        """End all calls; return when they are over."""
        for line in list(self.lines.values()):
            self._engine.end(line, EndReason.DRAINED)
        await self._empty.wait()

    def _forget(self, line: Line) -> None:
        if grace := self._graces.pop(line.call_id, None):
            grace.cancel()
        if self.lines.pop(line.call_id, None) is None:
            return
        del self._senders[line.call_id]
        if not self.lines:
            self._empty.set()
        metrics = self._state.metrics
        metrics.calls_open.set(len(self.lines))
        metrics.calls_ended.labels(line.ended_as).inc()
        # Of the longest channel, less what was lost on average: it is summed over channels.
        call = line.call
        heard_s = call.heard_s - call.dropped_s / len(call.channels)
        metrics.heard.labels("live").inc(max(0.0, heard_s))

    def _check_room(self, who: Principal) -> None:
        settings = self._state.settings
        if self._state.draining:
            raise HangUp(Close.DRAINED, "expected a running service, it is stopping; try again")
        if not self._engine.hearing:
            raise HangUp(Close.MODEL_OFF, "expected the model to be on, it is switched off")
        if len(self.lines) >= settings.max_calls:
            raise HangUp(
                Close.FULL,
                f"expected fewer than {settings.max_calls} live calls, there are that many; try "
                "again later",
            )
        owner = _owner(who)
        if sum(line.owner == owner for line in self.lines.values()) >= settings.max_calls_per_key:
            raise HangUp(
                Close.TOO_MANY,
                f"expected at most {settings.max_calls_per_key} live calls of one key or user, "
                "came one more; end one, or ask for a higher limit",
            )


def _check_time(line: Line, now: float, n_bytes: int = 0) -> None:
    if line.waiting_bytes + n_bytes > _WAITING_BYTES:
        raise HangUp(
            Close.TOO_FAST,
            f"expected at most {_WAITING_BYTES >> 20} MiB that wait to be decoded, came more; send "
            "audio as it is recorded, or resume later",
        )
    if line.ahead_s(now, n_bytes) > AHEAD_S:
        raise HangUp(
            Close.TOO_FAST,
            f"expected audio as it is recorded, at most {AHEAD_S:g} s ahead, came more; send "
            "it in real time, or upload a recording",
        )


def _owner(who: Principal) -> str:
    return f"user {who.user.id}" if who.key is None else f"key {who.key.id}"
