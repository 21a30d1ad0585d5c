"""NiceGUI under `/ui` of the service, with the service's state at hand in each request.

NiceGUI is one for each process and runs in one event loop. Where several services share a process,
as in tests, the first that starts has the dashboard until it stops, and the others answer 503.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import nicegui
from fastapi import FastAPI, Request
from nicegui import ui
from starlette.responses import RedirectResponse
from starlette.types import Receive, Scope, Send

from tonewatch.service.dashboard.watch import Watch
from tonewatch.service.problems import respond
from tonewatch.service.state import State

PATH = "/ui"
STATIC = f"{PATH}/static"

_RECONNECT_S = 15.0


class _Dashboard:
    """ASGI: NiceGUI's pages, for one service."""

    holder: "_Dashboard | None" = None

    def __init__(self, state: State) -> None:
        self._state = state
        self._watch = Watch(state.bus)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _Dashboard.holder is not self:
            if scope["type"] == "http":
                detail = "expected the process's one dashboard, another service of it has it"
                await respond(Request(scope), 503, detail)(scope, receive, send)
            return
        # A state of its own: the middleware of others must not see it.
        scope["state"] = {**scope.get("state", {}), "tonewatch": self._state, "watch": self._watch}
        await nicegui.app(scope, receive, send)

    def running(self) -> AbstractAsyncContextManager[None]:
        return self._run()

    @asynccontextmanager
    async def _run(self) -> AsyncIterator[None]:
        if _Dashboard.holder is not None:
            yield
            return
        _Dashboard.holder = self
        try:
            async with nicegui.app.router.lifespan_context(nicegui.app):
                self._watch.start()
                yield
        finally:
            await self._watch.stop()
            _Dashboard.holder = None


def mount(app: FastAPI, state: State) -> None:
    """Serve the dashboard from when `app` starts until it stops."""
    dashboard = _Dashboard(state)
    _set_up()
    outer = app.router.lifespan_context

    @asynccontextmanager
    async def life(app: Any) -> AsyncIterator[Any]:
        async with outer(app) as inner, dashboard.running():
            yield inner

    app.router.lifespan_context = life
    app.mount(PATH, dashboard)

    @app.get("/", include_in_schema=False)
    def home() -> RedirectResponse:
        return RedirectResponse(f"{PATH}/")


@cache
def _set_up() -> None:
    """Tell NiceGUI how to be, once.

    It wants an application to mount itself on; that one is thrown away, as here a new one may come
    when NiceGUI runs already.
    """
    ui.run_with(
        FastAPI(),
        mount_path=PATH,
        title="Tonewatch",
        favicon=Path(__file__).parent / "static" / "favicon.svg",
        dark=None,
        tailwind=False,
        reconnect_timeout=_RECONNECT_S,
        binding_refresh_interval=None,
        show_welcome_message=False,
    )
    nicegui.app.add_static_files("/static", Path(__file__).parent / "static", max_cache_age=0)
