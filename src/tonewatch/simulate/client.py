"""One call, sent into a live service as if it were spoken now, and what the service tells of it.

A client of docs/reference/live.md that knows nothing else of the service. It needs `websockets`,
which the extra `service` has. It does not take a broken call up again: that is counted.
"""

import asyncio
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from tonewatch.call.roles import Role
from tonewatch.core.errors import PlayError, SettingsError
from tonewatch.core.signal import RATE_HZ

CHUNK_S = 0.1
"""So much is sent at a time."""

_PATH = "/api/v1/live"
_CONNECT_S = 60.0
_END_S = 60.0
_REFUSALS = {
    4401: "name a key that holds, with --key or TONEWATCH_KEY",
    4403: "make a key with the scope calls:live (dashboard, Administration)",
    4503: "switch the model on (dashboard, top bar)",
}
"""Closes after which no other call would fare better, and what to do."""


@dataclass(frozen=True, slots=True)
class Where:
    """A live service.

    Attributes:
        address: of its WebSocket.
        key: an API key with the scope `calls:live`.
        record: whether it is to keep the audio.
    """

    address: str
    key: str
    record: bool = True


@dataclass
class Met:
    """What a call met.

    Attributes:
        call_id: its name in the service; empty if it was not taken.
        reason: why it ended, in the service's word; empty if it did not tell.
        trouble: what went wrong, in a sentence.
        windows: how many were told.
        roles: of whom.
        latency_s: of each window, from its last sample, sent, to its event, here.
        late_s: the most by which this side itself sent too late.
        sent_s: how much was sent.
        dropped_s: audio that the service lost.
        words_s: speech whose words were recognised.
        given_up_s: speech that no recogniser was free for.
        assessments: how many were told.
        assessed: the last; None without, or where scoring was switched off.
    """

    call_id: str = ""
    reason: str = ""
    trouble: str = ""
    windows: int = 0
    roles: set[str] = field(default_factory=set)
    latency_s: list[float] = field(default_factory=list)
    late_s: float = 0.0
    sent_s: float = 0.0
    dropped_s: float = 0.0
    words_s: float = 0.0
    given_up_s: float = 0.0
    assessments: int = 0
    assessed: Mapping[str, Any] | None = None


def live_address(url: str) -> str:
    """The WebSocket's address of a service.

    Raises:
        SettingsError: it is no address.
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    schemes = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
    if parts.scheme not in schemes or not parts.netloc:
        raise SettingsError(
            f"expected a service's address like http://127.0.0.1:8765, came {url!r}; correct it"
        )
    path = parts.path.rstrip("/")
    path = path if path.endswith(_PATH) else path + _PATH
    return f"{schemes[parts.scheme]}://{parts.netloc}{path}"


def chunks(samples: NDArray[np.float32]) -> Iterable[bytes]:
    """A call of shape [n, channels], cut as it is sent: 16-bit samples, interleaved."""
    size = round(CHUNK_S * RATE_HZ)
    whole = np.clip(np.rint(samples * 32768.0), -32768, 32767).astype("<i2")
    for start in range(0, len(whole), size):
        yield whole[start : start + size].tobytes()


async def send(
    where: Where,
    audio: Iterable[bytes],
    roles: Sequence[Role],
    metadata: Mapping[str, str],
    stop: asyncio.Event,
    met: Met,
) -> None:
    """Send a call in real time, and note in `met` what comes of it, until it is over.

    Args:
        where: to whom.
        audio: 16-bit samples at 16 kHz, interleaved, `CHUNK_S` at a time.
        roles: who is on each channel.
        metadata: what is kept with the call.
        stop: when it is set, the call hangs up.
        met: filled as it goes, so that a display can follow.

    Raises:
        PlayError: no service is there, or it takes no call from here at all.
    """
    try:
        socket = await connect(
            where.address,
            additional_headers={"Authorization": f"Bearer {where.key}"},
            compression=None,
            max_size=None,
            proxy=None,
            open_timeout=_CONNECT_S,
        )
    except (OSError, TimeoutError, WebSocketException) as error:
        raise _not_there(where.address, error) from error
    async with socket:
        try:
            asked = {
                "type": "open",
                "encoding": "pcm_s16le",
                "rate_hz": RATE_HZ,
                "channels": list(roles),
                "metadata": dict(metadata),
                "record": where.record,
            }
            await socket.send(json.dumps(asked))
            opened = json.loads(await socket.recv())
            if opened["type"] != "opened":
                _refused(opened, met)
                return
            met.call_id = opened["call_id"]
            began = time.perf_counter()
            reading = asyncio.create_task(_read(socket, began, met))
            try:
                await _speak(socket, audio, 2 * len(roles) * RATE_HZ, began, stop, met)
                await asyncio.wait_for(reading, _END_S)
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
        except TimeoutError:
            met.trouble = met.trouble or f"the service did not end the call within {_END_S:g} s"
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd is not None else 1006
            met.trouble = met.trouble or f"the connection broke (code {code})"


async def _speak(
    socket: ClientConnection,
    audio: Iterable[bytes],
    bytes_per_s: int,
    began: float,
    stop: asyncio.Event,
    met: Met,
) -> None:
    for data in audio:
        if stop.is_set():
            break
        # A sample can be sent once it is spoken.
        due = began + met.sent_s + len(data) / bytes_per_s
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        met.late_s = max(met.late_s, time.perf_counter() - due)
        await socket.send(data)
        met.sent_s += len(data) / bytes_per_s
    reason = "hung_up" if stop.is_set() else "finished"
    await socket.send(json.dumps({"type": "end", "reason": reason}))


async def _read(socket: ClientConnection, began: float, met: Met) -> None:
    async for text in socket:
        now = time.perf_counter()
        message: dict[str, Any] = json.loads(text)
        kind = message["type"]
        if kind == "call_ended":
            met.reason = message["reason"]
            met.dropped_s = message["dropped_s"]
        elif kind == "error":
            met.trouble = message["message"]
        elif kind == "assessed":
            met.assessments += 1
            # An empty one takes back the one before.
            met.assessed = message if message["urgency"] else None
        elif kind == "heard":
            _hear(message, now - began, met)


def _hear(message: Mapping[str, Any], now_s: float, met: Met) -> None:
    event = message["event"]
    kind = event["type"]
    if kind == "words_recognised" and event["final"]:
        met.words_s += event["end_s"] - event["start_s"]
    elif kind == "not_transcribed":
        met.given_up_s += event["end_s"] - event["start_s"]
    elif kind in ("emotion_estimated", "no_speech"):
        met.windows += 1
        met.roles.add(message["role"])
        # The chunk in which the window's last sample was, if it was a whole one.
        spoken_s = ceil(round(event["end_s"] / CHUNK_S, 6)) * CHUNK_S
        if spoken_s <= met.sent_s + 1e-6:
            met.latency_s.append(now_s - spoken_s)


def _refused(message: Mapping[str, Any], met: Met) -> None:
    told = message.get("message") or f"an unknown answer, {message.get('type')!r}"
    advice = _REFUSALS.get(message.get("code", 0))
    if advice is not None:
        raise PlayError(f"the service takes no calls from here: {told}; {advice}")
    met.trouble = told


def _not_there(address: str, error: Exception) -> PlayError:
    why = str(error) or type(error).__name__
    if isinstance(error, InvalidStatus):
        why = f"it answered with status {error.response.status_code}"
    return PlayError(
        f"expected a live service at {address}, came: {why}; start one with `tonewatch serve`, or "
        "correct its address"
    )
