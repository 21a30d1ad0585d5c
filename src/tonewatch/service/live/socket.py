"""One WebSocket of a live call: who sends, messages, audio in, events out.

Whatever the client does, all that happens is that its own connection is closed, with a reason; its
call waits for it a while. `docs/reference/live.md` is the protocol.
"""

import asyncio
import json
from contextlib import suppress
from typing import Any

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketDisconnect

from tonewatch.call.events import EndReason
from tonewatch.core.errors import NotFoundError, UnavailableError
from tonewatch.service.auth.guard import Principal, is_same_origin, principal_of
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.live.line import Line
from tonewatch.service.live.messages import Close, End, HangUp, Open, Resume, first, later
from tonewatch.service.live.switchboard import Switchboard
from tonewatch.service.problems import AWAY, Refusal
from tonewatch.service.state import State

_OPEN_S = 10.0
_SEND_S = 10.0
_SILENT_S = 60.0
_FIRST_BYTES = 64_000
_REASON_BYTES = 123  # RFC 6455, section 5.5

_SAID_GOODBYE = 1000


class Connection:
    """One WebSocket, from its first message to its close."""

    def __init__(self, socket: WebSocket, state: State, switchboard: Switchboard) -> None:
        self._socket = socket
        self._state = state
        self._switchboard = switchboard
        self._largest = state.settings.max_frame_kb * 10**3
        self._news = asyncio.Event()
        self._skip = 0
        self._log = structlog.get_logger("tonewatch.live")

    async def run(self) -> None:
        """Serve it."""
        await self._socket.accept()
        try:
            line, seen, reply = await self._begin()
            try:
                await self._send(reply)
                await self._serve(line, seen)
            finally:
                self._release(line)
        except HangUp as why:
            await self._close(why.code, why.message)
        except (WebSocketDisconnect, UnavailableError) as error:
            if isinstance(error, UnavailableError):
                self._log.error("database away", error=str(error))
                await self._close(Close.FULL, AWAY)

    async def _begin(self) -> tuple[Line, int, dict[str, Any]]:
        """Open or resume a call; give its line, the number of the last event seen, the reply."""
        try:
            async with asyncio.timeout(_OPEN_S):
                message = await self._receive()
        except TimeoutError:
            raise HangUp(
                Close.SILENT, f"expected `open` or `resume` within {_OPEN_S:g} s, came nothing"
            ) from None
        text = message.get("text")
        if text is None or len(text) > _FIRST_BYTES:
            raise HangUp(
                Close.BAD_MESSAGE, "expected `open` or `resume` first, came something else"
            )
        asked = first(text)
        who = await self._who(asked.key)
        if isinstance(asked, Open):
            line, seen = self._switchboard.open(who, asked), 0
        else:
            line, seen = self._switchboard.resume(who, asked), asked.event
        self._take(line)
        if isinstance(asked, Resume) and asked.position is not None:
            self._skip = max(0, line.received_bytes - asked.position)
        reply = {
            "type": "opened" if isinstance(asked, Open) else "resumed",
            "call_id": line.call_id,
            "received_bytes": line.received_bytes,
            "received_s": round(line.received_s, 3),
            "resume_s": self._state.settings.resume_s,
        }
        return line, seen, reply

    async def _who(self, key: str) -> Principal:
        connection: HTTPConnection = self._socket
        if key:
            # As if it had come in the header, for browsers can send none.
            headers = [(b"authorization", f"Bearer {key}".encode("latin-1", "replace"))]
            connection = HTTPConnection(dict(self._socket.scope) | {"headers": headers})
        try:
            who = await run_in_threadpool(principal_of, connection, self._state)
        except (Refusal, NotFoundError) as error:
            detail = error.detail if isinstance(error, Refusal) else str(error)
            raise HangUp(Close.NOT_SIGNED_IN, detail) from error
        if who is None:
            raise HangUp(
                Close.NOT_SIGNED_IN,
                "expected an API key (Authorization: Bearer tw_…, or `key` in the first message) "
                "or a session, came none that holds",
            )
        # No token protects a session here, and browsers connect to anywhere.
        if who.session is not None and not is_same_origin(self._socket, self._state):
            raise HangUp(Close.NOT_ALLOWED, "expected a page of this site, another one asked")
        if not who.may(Permission.CALLS_LIVE):
            raise HangUp(
                Close.NOT_ALLOWED,
                f"expected the permission {Permission.CALLS_LIVE.value}, which {who.actor} does "
                "not have; ask an administrator",
            )
        return who

    def _take(self, line: Line) -> None:
        """Hold the line; who held it before lets go."""
        before, line.connection = line.connection, self
        if isinstance(before, Connection):
            before._news.set()
        loop = asyncio.get_running_loop()

        def tell() -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody is there any more
                loop.call_soon_threadsafe(self._news.set)

        line.on_news = tell
        self._news.set()

    def _release(self, line: Line) -> None:
        """Let go of the line, unless another connection has it; it may come back for a while."""
        if line.connection is self:
            line.connection = line.on_news = None
            self._switchboard.broken(line)

    async def _serve(self, line: Line, seen: int) -> None:
        listening = asyncio.create_task(self._listen(line))
        telling = asyncio.create_task(self._tell(line, seen))
        try:
            done, _ = await asyncio.wait({listening, telling}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            if listening in done and not telling.done():
                # The client ended it: what is still to come is told first.
                await telling
            await self._bid_farewell(line)
        finally:
            for task in (listening, telling):
                task.cancel()
            await asyncio.gather(listening, telling, return_exceptions=True)

    async def _listen(self, line: Line) -> None:
        """Take audio until the client ends the call."""
        while True:
            try:
                async with asyncio.timeout(_SILENT_S):
                    message = await self._receive()
            except TimeoutError:
                raise HangUp(
                    Close.SILENT, f"expected audio, or `end`; came nothing for {_SILENT_S:g} s"
                ) from None
            except WebSocketDisconnect as left:
                if left.code == _SAID_GOODBYE and line.connection is self:
                    self._switchboard.end(line, EndReason.HUNG_UP)
                raise
            if line.connection is not self:
                continue
            data = message.get("bytes")
            if data is None:
                end: End = later(message.get("text") or "")
                self._switchboard.end(line, EndReason(end.reason))
                return
            if len(data) > self._largest:
                raise HangUp(
                    Close.TOO_BIG,
                    f"expected frames of at most {self._largest} bytes, came {len(data)}",
                )
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            if len(data) > skipped:
                self._switchboard.receive(line, data[skipped:] if skipped else data)

    async def _tell(self, line: Line, seen: int) -> None:
        """Send events until the call is over, or another connection has it."""
        while True:
            self._news.clear()
            over = line.over  # before what is told: nothing follows the end
            for told in line.since(seen):
                seen = told.number
                await self._send_text(told.text)
                if told.since is not None:
                    waited_s = self._switchboard.clock() - told.since
                    self._state.metrics.event_latency.observe(waited_s)
            if over:
                return
            if line.connection is not self:
                raise HangUp(Close.TAKEN_OVER, "another connection took this call up")
            await self._news.wait()

    async def _bid_farewell(self, line: Line) -> None:
        if line.broke:
            await self._close(Close.BROKE, line.failure or "")
        elif line.failure is not None:
            await self._close(Close.BAD_AUDIO, line.failure)
        elif line.ended_as == EndReason.DRAINED.value:
            await self._close(Close.DRAINED, "the service is being stopped; the call is kept")
        elif line.ended_as == EndReason.REVOKED.value:
            await self._close(
                Close.REVOKED,
                "expected a key and a user that may send calls, they may no longer: the key was "
                "revoked, or the session ended; the call is kept",
            )
        else:
            await self._close(Close.ENDED, "")

    async def _receive(self) -> Any:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1006))
        return message

    async def _send(self, message: dict[str, Any]) -> None:
        await self._send_text(json.dumps(message))

    async def _send_text(self, text: str) -> None:
        try:
            async with asyncio.timeout(_SEND_S):
                await self._socket.send_text(text)
        except TimeoutError:
            raise HangUp(Close.TOO_FAST, "expected events to be read, they are not") from None

    async def _close(self, code: Close, message: str) -> None:
        """Tell why, as a message where it is an error, for a close's reason is short."""
        with suppress(WebSocketDisconnect, RuntimeError, TimeoutError, HangUp):
            async with asyncio.timeout(_SEND_S):
                if code not in (Close.ENDED, Close.DRAINED):
                    word = code.name.lower()
                    await self._send(
                        {"type": "error", "code": int(code), "kind": word, "message": message}
                    )
                reason = message.encode()[:_REASON_BYTES].decode(errors="ignore")
                await self._socket.close(int(code), reason)
