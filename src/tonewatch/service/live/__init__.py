"""Live calls: the WebSocket at `/api/v1/live`, what hears them and what keeps them.

`install` hangs them into the application; `Live` puts the parts together. Other programs and pages
hear of calls through `state.bus`.
"""

from fastapi import FastAPI
from starlette.websockets import WebSocket

from tonewatch.service.live.live import Live
from tonewatch.service.state import State

PATH = "/api/v1/live"


def install(app: FastAPI, state: State) -> None:
    """Add the route, and the hooks to the state."""
    live = Live(state)
    state.on_start.append(live.start)
    state.on_drain.append(live.drain)
    state.live_elsewhere = live.elsewhere

    @app.websocket(PATH)
    async def call(socket: WebSocket) -> None:
        await live.serve(socket)
