"""A client of `/api/v1/live`, and calls to send."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from service.running import SAMPLE, Service
from tonewatch.audio.decode import AudioFile
from tonewatch.service.auth.permissions import Permission
from tonewatch.store.users import UserRole
from voices import voice

RATE_HZ = 16_000
PATIENCE_S = 120.0


@cache
def sample_call() -> NDArray[np.int16]:
    """The call that ships with the project, 16 kHz mono, some 30 s."""
    with AudioFile(SAMPLE) as audio:
        samples = np.concatenate(list(audio.blocks()))
    return np.asarray(np.clip(np.rint(samples * 32768), -32768, 32767), np.int16)


def spoken(seconds: float, emotion: str = "angry", speaker: int = 0) -> NDArray[np.int16]:
    """Made-up voices, one after the other."""
    n = int(seconds * RATE_HZ)
    one = [voice(emotion, speaker, take) for take in range(n // 19_200 + 1)]
    return np.asarray(np.concatenate(one)[:n] * 32767, np.int16)


def as_float(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """As decoders give them."""
    return samples.astype(np.float32) * np.float32(1 / 32768)


def key(service: Service, *scopes: Permission, name: str | None = None) -> str:
    """The secret of a new key of a call-taker."""
    user = service.user(UserRole.CALL_TAKER, name)
    _, secret = service.state.keys.create("test", scopes or [Permission.CALLS_LIVE], user.id, None)
    return secret


class Talk:
    """One connection.

    Attributes:
        heard: the messages that came, in order.
    """

    def __init__(self, url: str, secret: str | None = None, **more: Any) -> None:
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        headers |= more.pop("headers", {})
        address = url.replace("http://", "ws://") + "/api/v1/live"
        self.socket: ClientConnection = connect(
            address,
            additional_headers=headers,
            compression=None,
            max_size=None,
            proxy=None,
            ping_interval=None,
            open_timeout=PATIENCE_S,
            **more,
        ).__enter__()
        self.heard: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def say(self, kind: str, **fields: Any) -> None:
        self.socket.send(json.dumps({"type": kind, **fields}))

    def open(self, **fields: Any) -> str:
        """Open a call; return its id."""
        settings = {"encoding": "pcm_s16le", "rate_hz": RATE_HZ, "channels": ["caller"]}
        self.say("open", **settings | fields)
        opened = self.next()
        assert opened["type"] == "opened", opened
        call_id = opened["call_id"]
        assert isinstance(call_id, str)
        return call_id

    def send(self, samples: NDArray[np.int16] | bytes, chunk_bytes: int = 6_400) -> None:
        data = samples if isinstance(samples, bytes) else samples.astype("<i2").tobytes()
        for start in range(0, len(data), chunk_bytes):
            self.socket.send(data[start : start + chunk_bytes])

    def next(self, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        message = json.loads(self.socket.recv(timeout_s))
        assert isinstance(message, dict)
        self.heard.append(message)
        return message

    def until(self, kind: str) -> dict[str, Any]:
        """Read on to the next message of this type, or of the analyser's."""
        while True:
            message = self.next()
            if kind in (message["type"], message.get("event", {}).get("type")):
                return message

    def closed(self) -> tuple[int, str]:
        """Read to the end; return the code and reason of the close."""
        try:
            while True:
                self.next()
        except ConnectionClosed as closed:
            frame = closed.rcvd
            return (1006, "") if frame is None else (frame.code, frame.reason)

    def hang_up(self) -> tuple[int, str]:
        self.say("end")
        return self.closed()

    def windows(self) -> list[dict[str, Any]]:
        return windows(self.heard)

    def vanish(self) -> None:
        """Break the connection without a word."""
        self.socket.socket.shutdown(2)
        self.socket.socket.close()


def windows(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The windows among events, without their numbers."""
    kinds = ("emotion_estimated", "no_speech")
    heard = [message for message in messages if message["type"] == "heard"]
    return [message["event"] for message in heard if message["event"]["type"] in kinds]
