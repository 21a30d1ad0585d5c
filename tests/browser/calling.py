"""Calls for pages to show: the sample, sent by WebSocket as a telephone exchange would send it."""

import json
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

import httpx
import numpy as np
import soundfile
from numpy.typing import NDArray
from websockets.sync.client import connect

from browser.conftest import SAMPLE

_STEP_S = 0.2
_WAIT_S = 240.0
_AT_ONCE_S = 9.0  # the service takes audio up to ten seconds ahead of time


def key_of(url: str, cookies: Mapping[str, str]) -> str:
    """An API key of whoever is signed in."""
    with httpx.Client(base_url=url, cookies=dict(cookies), timeout=_WAIT_S) as client:
        headers = {"X-CSRF-Token": cookies["tonewatch_csrf"]}
        body = {"name": "telephone exchange", "scopes": ["calls:live"]}
        answer = client.post("/api/v1/keys", json=body, headers=headers)
        answer.raise_for_status()
        secret: str = answer.json()["secret"]
        return secret


class Calling:
    """One call, live while the block lasts; `told` are the events that came back.

    Args:
        url: the service's.
        key: an API key.
        metadata: of the call.
        from_s: where in the sample it begins.
        channels: who is on each.
    """

    def __init__(
        self,
        url: str,
        key: str,
        metadata: Mapping[str, str],
        from_s: float = 0.0,
        channels: tuple[str, ...] = ("caller",),
    ) -> None:
        self.call_id = ""
        self._url = url.replace("http", "ws", 1) + "/api/v1/live"
        self._key = key
        self._open = {
            "type": "open",
            "encoding": "pcm_s16le",
            "rate_hz": 16_000,
            "channels": list(channels),
            "metadata": dict(metadata),
        }
        samples, _ = soundfile.read(SAMPLE, dtype="int16")
        samples = np.roll(samples, -int(from_s * 16_000))
        self._samples: NDArray[np.int16] = np.repeat(samples[:, None], len(channels), axis=1)
        self._over = threading.Event()
        self._opened = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._opened.wait(_WAIT_S), "the call was not opened"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        headers = {"Authorization": f"Bearer {self._key}"}
        # Its events are not read, so no pong would be: none is asked for, and the queue is endless.
        with connect(
            self._url,
            additional_headers=headers,
            open_timeout=_WAIT_S,
            ping_interval=None,
            max_queue=None,
        ) as socket:
            socket.send(json.dumps(self._open))
            self.call_id = json.loads(socket.recv(_WAIT_S))["call_id"]
            begun = time.monotonic()
            n_sent = 0
            first = True
            while not self._over.is_set() or first:
                due = int((time.monotonic() - begun + _AT_ONCE_S) * 16_000)
                while due - n_sent >= _STEP_S * 16_000:
                    until = min(due, n_sent + 16_000)
                    where = np.arange(n_sent, until) % len(self._samples)
                    socket.send(self._samples[where].tobytes())
                    n_sent = until
                if first:
                    self._opened.set()
                first = False
                with suppress(TimeoutError):  # what is not read is no longer kept alive either
                    while True:
                        socket.recv(0)
                self._over.wait(_STEP_S)
            socket.send(json.dumps({"type": "end", "reason": "hung_up"}))
            while json.loads(socket.recv(_WAIT_S))["type"] != "call_ended":
                pass
