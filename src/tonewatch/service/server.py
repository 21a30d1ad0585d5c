"""Runs the application under uvicorn, and lets live calls end before connections are closed.

Uvicorn itself would close every WebSocket first, and only then tell the application.
"""

import signal
import socket
import sys
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from tonewatch.core.errors import SettingsError
from tonewatch.service.settings import Settings
from tonewatch.service.state import State

_SWITCH_S = 0.0005
"""How long one thread may keep Python to itself. The hearing thread hands Python on with each short
calculation, and would wait for most of the default of 5 ms to have it back: with 80 calls on two
cores, 95 % of the events came within 1.9 s; with this, within 0.5 s."""


class Server(uvicorn.Server):
    """Uvicorn's server, which drains before it shuts down, and tells when it listens."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[State], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready(self._state)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._state.drain()
        await super().shutdown(sockets)

    @property
    def _state(self) -> State:
        app = self.config.app
        assert isinstance(app, FastAPI)
        state = app.state.tonewatch
        assert isinstance(state, State)
        return state


def listen(settings: Settings) -> socket.socket:
    """The socket to listen on.

    Raises:
        SettingsError: the address is taken, or not of this machine.
    """
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
    except OSError as error:
        raise SettingsError(
            f"expected to listen on {settings.host}, port {settings.port}, came: {error}; "
            "set another TONEWATCH_PORT or TONEWATCH_HOST, or stop what listens there"
        ) from error
    return listener


def serve(
    app: FastAPI, settings: Settings, listener: socket.socket, on_ready: Callable[[State], None]
) -> bool:
    """Serve until SIGTERM or Ctrl+C; return whether it had started.

    Args:
        app: of `create_app`.
        settings: the same.
        listener: of `listen`.
        on_ready: called once requests are answered.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.believed,
        ws_max_size=settings.max_frame_kb * 10**3,
        ws_per_message_deflate=False,  # audio hardly shrinks, and inflating it costs time
        # A stuck download must not hold the process after its calls are kept.
        timeout_graceful_shutdown=10,
        timeout_keep_alive=30,
        lifespan="on",
    )
    sys.setswitchinterval(_SWITCH_S)
    server = Server(config, on_ready)
    # Uvicorn raises the signal that stopped it once more at its end; all is done by then.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    server.run(sockets=[listener])
    return server.started
