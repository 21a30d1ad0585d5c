"""Which page lies where, and that nobody sees one without signing in and the permission for it."""

from collections.abc import Awaitable, Callable
from functools import cache

from nicegui import ui
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tonewatch.service.dashboard import (
    administration,
    call,
    calls,
    microphone,
    models,
    queue,
    recording,
    recordings,
    search,
    sign_in,
    studio,
    triage,
)
from tonewatch.service.dashboard.frame import PLACES, frame
from tonewatch.service.dashboard.mount import PATH
from tonewatch.service.dashboard.parts import empty
from tonewatch.service.dashboard.visit import Visit

Build = Callable[[Visit], Awaitable[None]]

_PATIENCE_S = 30.0
"""So long a page may take to be built: on a busy machine late is better than an error."""


def _page(path: str) -> ui.page:
    return ui.page(path, response_timeout=_PATIENCE_S)


@cache
def register() -> None:
    """Tell NiceGUI all pages, once."""

    @_page("/signin")
    async def signin_page(request: Request) -> Response | None:
        visit = await Visit.of(request)
        next_page = request.query_params.get("next", "")
        if visit.who is not None:
            return RedirectResponse(f"{PATH}/")
        sign_in.build(visit, next_page)
        return None

    @_page("/password")
    async def password_page(request: Request) -> None:
        visit = await Visit.of(request)
        sign_in.build(visit, token=request.query_params.get("token", "") or "-")

    @_page("/")
    async def calls_page(request: Request) -> Response | None:
        return await _show(request, "calls", calls.build)

    @_page("/queue")
    async def queue_page(request: Request) -> Response | None:
        return await _show(request, "queue", queue.build)

    @_page("/calls/{call_id}")
    async def call_page(request: Request, call_id: str) -> Response | None:
        return await _show(request, "calls", lambda visit: call.build(visit, call_id))

    @_page("/recordings")
    async def recordings_page(request: Request) -> Response | None:
        return await _show(request, "recordings", recordings.build)

    @_page("/recordings/{recording_id}")
    async def recording_page(request: Request, recording_id: str) -> Response | None:
        return await _show(
            request, "recordings", lambda visit: recording.build(visit, recording_id)
        )

    @_page("/microphone")
    async def microphone_page(request: Request) -> Response | None:
        return await _show(request, "microphone", microphone.build)

    @_page("/studio")
    async def studio_page(request: Request) -> Response | None:
        return await _show(request, "studio", studio.build)

    @_page("/triage")
    async def triage_page(request: Request) -> Response | None:
        return await _show(request, "triage", triage.build)

    @_page("/models")
    async def models_page(request: Request) -> Response | None:
        return await _show(request, "models", models.build)

    @_page("/administration")
    async def administration_page(request: Request) -> Response | None:
        return await _show(request, "administration", administration.build)

    @_page("/search")
    async def search_page(request: Request) -> Response | None:
        return await _show(request, "", search.build)


async def _show(request: Request, place: str, build: Build) -> Response | None:
    visit = await Visit.of(request)
    if visit.who is None:
        return RedirectResponse(visit.sign_in_address)
    needs = next((each.needs for each in PLACES if each.key == place), ())
    if not visit.who.may_any(needs):
        with frame(visit, place, visit.texts(f"place.{place}")):
            empty(visit.texts("state.not_allowed"), visit.texts("state.not_allowed_note"), "lock")
        return None
    visit.needs = needs
    await build(visit)
    return None
