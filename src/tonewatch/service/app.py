"""The application: all parts put together, from the start of the process to its end.

Made, it brings the database up to date and makes the first administrator; started, it marks calls
that a crash left open; told to stop, it lets live calls end and be kept first.
"""

from asyncio import create_task, sleep, wait
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware

from tonewatch import __version__
from tonewatch.core.errors import TonewatchError
from tonewatch.service import dashboard, live, problems
from tonewatch.service.bus import EXPIRED_AFTER_S
from tonewatch.service.headers import SecurityHeaders
from tonewatch.service.limits import BodyLimit
from tonewatch.service.logs import RequestLog
from tonewatch.service.rest import (
    audit,
    bundles,
    calls,
    decisions,
    drift,
    gravity,
    health,
    keys,
    model,
    notes,
    policy,
    queue,
    recordings,
    retention,
    session,
    studio,
    takes,
    transcripts,
    users,
)
from tonewatch.service.rest.describe import API, tell_permission
from tonewatch.service.settings import Settings
from tonewatch.service.state import SYSTEM, Clock, State, now
from tonewatch.service.takes import LARGEST_TAKE

_ABOUT = """\
Hears emotion in calls and recordings, second by second, and says how sure it is. It learnt from
acted speech; it is no lie detector, and decides nothing without a person.

Every error is a problem detail (RFC 9457) of the media type `application/problem+json`.
"""


def create_app(settings: Settings, clock: Clock = now) -> FastAPI:
    """The application, ready to be started; its state is at `app.state.tonewatch`.

    Raises:
        SettingsError: the data folder cannot be made.
        StoreError: the database does not answer, or is of a newer version.
        BundleError: the bundle does not fit.
    """
    state = State.open(settings, clock)

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        try:
            for start in state.on_start:
                await start()
            elsewhere = await _mark_interrupted(state)
            tasks = [
                create_task(_sweep_hourly(state)),
                create_task(_mark_expired(state, elsewhere)),
            ]
            yield
            for task in tasks:
                task.cancel()
            await wait(tasks)
            await state.drain()
        finally:
            await run_in_threadpool(state.close)

    app = FastAPI(
        title="Tonewatch",
        version=__version__,
        description=_ABOUT,
        lifespan=life,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{API}/openapi.json",
        middleware=[
            Middleware(SecurityHeaders, https=settings.url.startswith("https:")),
            Middleware(RequestLog, metrics=state.metrics),
            Middleware(
                BodyLimit,
                largest=settings.max_body_kb * 10**3,
                uploads={
                    f"{API}/recordings": settings.max_upload_mb * 10**6,
                    f"{API}/studio/takes": max(settings.max_body_kb * 10**3, LARGEST_TAKE),
                },
            ),
        ],
    )
    app.state.tonewatch = state
    problems.install(app)
    rest = APIRouter(prefix=API)
    of_calls = (calls, transcripts, notes, decisions)
    triage = (queue, gravity, policy, drift)
    parts = (session, recordings, *of_calls, *triage, bundles, model, users, keys, audit, retention)
    for part in (*parts, studio, takes):
        rest.include_router(part.router)
    app.include_router(rest)
    app.include_router(health.router)
    live.install(app, state)
    dashboard.install(app, state)
    _describe(app)
    return app


async def _mark_interrupted(state: State) -> frozenset[str]:
    """Calls that no process holds any more were cut off by a crash; gives those that one holds."""
    elsewhere = await state.live_elsewhere()
    await run_in_threadpool(_mark, state, elsewhere)
    return elsewhere


async def _mark_expired(state: State, elsewhere: frozenset[str]) -> None:
    """Mark calls that seemed another process's at the start, though that one had just died.

    Of these alone: while Redis is away nobody can tell of calls that began since.
    """
    log = structlog.get_logger("tonewatch.service")
    is_done = not elsewhere
    while not is_done:
        await sleep(EXPIRED_AFTER_S)
        try:
            held = {call.started.call_id for call in state.bus.calls()}
            await run_in_threadpool(_mark, state, held, elsewhere)
            is_done = True
        except TonewatchError as error:  # the database may be away; later it may answer
            log.error("calls_not_marked", kind=error.kind, error=str(error))


def _mark(state: State, keep: Iterable[str], among: frozenset[str] | None = None) -> None:
    if marked := state.calls.mark_interrupted(keep, among):
        structlog.get_logger("tonewatch.service").warning("calls_interrupted", calls=marked)
        state.audit.append(SYSTEM, "calls_interrupted", "calls", {"calls": marked})


async def _sweep_hourly(state: State) -> None:
    log = structlog.get_logger("tonewatch.service")
    while True:
        await sleep(3600)
        try:
            await run_in_threadpool(state.sweep)
        except TonewatchError as error:  # the database may be away; the next hour tries again
            log.error("sweep_failed", kind=error.kind, error=str(error))
        except Exception as error:  # nobody else would tell that nothing goes any more
            log.error("sweep_failed", exc_info=error)


def _describe(app: FastAPI) -> None:
    """OpenAPI, with the shape of every error, which the routes refer to."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            problem = problems.Problem.model_json_schema(
                ref_template="#/components/schemas/{model}"
            )
            shapes = schema["components"]["schemas"]
            shapes |= problem.pop("$defs") | {"Problem": problem}
            for path in schema["paths"].values():
                for operation in path.values():
                    tell_permission(operation)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
