"""One call, live and afterwards: what was heard over its time axis, notes, decisions, export."""

from dataclasses import dataclass

from nicegui import ui
from starlette.concurrency import run_in_threadpool

from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard.call_table import bundle_of, name_of, state_of
from tonewatch.service.dashboard.components import Heard
from tonewatch.service.dashboard.decisions import decisions_and_notes
from tonewatch.service.dashboard.emotions import chip, labels_of, palette
from tonewatch.service.dashboard.frame import frame
from tonewatch.service.dashboard.mount import PATH
from tonewatch.service.dashboard.parts import (
    Loaded,
    button,
    confirm,
    empty,
    fact,
    link,
    moment,
    panel,
    tag,
)
from tonewatch.service.dashboard.recording import draw_later, model_facts
from tonewatch.service.dashboard.recording_table import length
from tonewatch.service.dashboard.visit import Visit
from tonewatch.service.dashboard.watch import Row, as_mapping, row_of
from tonewatch.store.calls import CallRecord, CallState, Window
from tonewatch.store.recordings import Recording

_EVERY_S = 0.5
_TELL_EVERY_S = 15.0


@dataclass(frozen=True, slots=True)
class _Found:
    call: CallRecord
    windows: tuple[Window, ...]
    recording: Recording | None


async def build(visit: Visit, call_id: str) -> None:
    """The page."""
    texts = visit.texts
    with frame(visit, "calls", texts("call.title"), heading=""):

        def get_now() -> _Found:
            state = visit.state
            call = state.calls.get(call_id)
            windows = state.calls.windows(call_id)
            recordings = state.recordings.list(call_id=call_id, per_page=1).items
            recording = recordings[0] if recordings else None
            if recording is not None and not state.blobs.exists(recording.sha256):
                recording = None
            _tell(visit, call, windows)
            return _Found(call, windows, recording)

        async def get() -> _Found:
            return await visit.run(Permission.CALLS_READ, get_now)

        def show(found: _Found) -> None:
            _head(visit, found.call, loaded)
            with tag("div", classes="columns"):
                with tag("div", classes="column-main"):
                    _heard(visit, found, loaded)
                with tag("aside", classes="column-side", aria_label=texts("call.about")):
                    if found.call.erased_at is None:
                        _whole(visit, found.call)
                        decisions_and_notes(visit, call_id)
                    _about(visit, found.call)

        loaded = Loaded(visit, get, show, is_page=True)


def _tell(visit: Visit, call: CallRecord, windows: tuple[Window, ...]) -> None:
    """Write into the audit what is shown."""
    labels = list(visit.state.predictor.bundle.info.labels)
    rows = [as_mapping(row_of(each, labels)) for each in windows if each.label is not None]
    if rows or call.emotion is not None:
        visit.state.shown.tell(
            visit.actor,
            f"call:{call.id}",
            bundle=bundle_of(call),
            emotion=call.emotion,
            windows=rows,
        )


def _head(visit: Visit, call: CallRecord, loaded: Loaded) -> None:
    texts = visit.texts
    with tag("div", classes="page-head"):
        with tag("div"):
            link(texts("call.back"), f"{PATH}/", "back")
            tag("h1", name_of(call.id, call.metadata), "breakable")
            with tag("p", classes="head-facts"):
                state_of(visit, call)
                for role in call.channels:
                    tag("span", texts.known(f"channel.{role}", role), "tag")
                notice = call.metadata.get("notice", "")
                tag("span", texts(f"call.notice_{'given' if notice == 'given' else 'unknown'}"))
        with tag("div", classes="actions"):
            if visit.may(Permission.CALLS_EXPORT):
                address = f"/api/v1/calls/{call.id}/export"
                link(texts("call.export"), address, "button", download=f"call-{call.id}.zip")
            if visit.may(Permission.CALLS_HOLD) and call.erased_at is None:
                _hold(visit, call, loaded)
            ended = call.state is not CallState.LIVE and call.erased_at is None
            if visit.may(Permission.CALLS_ERASE) and ended:
                _erase(visit, call, loaded)


def _hold(visit: Visit, call: CallRecord, loaded: Loaded) -> None:
    on = not call.legal_hold

    def work() -> None:
        with visit.state.database.begin():
            visit.state.calls.hold(call.id, on)
            visit.state.audit.append(visit.actor, "call.held", f"call:{call.id}", {"on": on})

    @visit.safely
    async def hold() -> None:
        await visit.run(Permission.CALLS_HOLD, work)
        await loaded.refresh()

    button(visit.texts("call.hold" if on else "call.unhold"), hold)


def _erase(visit: Visit, call: CallRecord, loaded: Loaded) -> None:
    texts = visit.texts

    @visit.safely
    async def erase() -> None:
        await visit.run(
            Permission.CALLS_ERASE, visit.state.retention.erase_call, call.id, actor=visit.actor
        )
        await loaded.refresh()

    async def ask() -> None:
        title, note = texts("call.erase_title"), texts("call.erase_note")
        confirm(visit, title, note, texts("call.erase"), erase)

    button(texts("call.erase"), ask, "quiet")


def _heard(visit: Visit, found: _Found, loaded: Loaded) -> None:
    texts, call = visit.texts, found.call
    if call.erased_at is not None:
        empty(texts("call.erased"), texts("call.erased_note"), "delete_forever")
        return
    live = visit.watch.bus.call(call.id) is not None
    judged = next((each.probabilities for each in found.windows if each.label), None)
    labels = labels_of(judged, visit.state.predictor.bundle.info.labels)
    rows = [row_of(window, labels) for window in found.windows]
    duration_s = max([call.duration_s, *(window.end_s for window in found.windows)])
    audio = "" if found.recording is None else f"/api/v1/recordings/{found.recording.id}/audio"
    heard = Heard(
        palette(labels, texts),
        texts("call.subject"),
        {
            "duration": duration_s,
            "windows": rows,
            "audio": "" if live else audio,
            "live": live,
        },
    )
    if live:
        _Feed(visit, call, heard, rows, loaded).start()
    elif found.recording is not None:
        draw_later(visit, heard, found.recording)


class _Feed:
    """Brings the windows of a live call to the browser, and into the audit that they were shown."""

    def __init__(
        self, visit: Visit, call: CallRecord, heard: Heard, rows: list[Row], loaded: Loaded
    ) -> None:
        self._visit = visit
        self._call = call
        self._heard = heard
        self._loaded = loaded
        self._there = {(row[0], row[1]) for row in rows}
        self._seen = 0
        self._untold: list[Row] = []
        self._timers: list[ui.timer] = []

    def start(self) -> None:
        """Look every half second from now on."""
        visit = self._visit
        self._timers = [
            ui.timer(_EVERY_S, visit.safely(self._look)),
            ui.timer(_TELL_EVERY_S, visit.safely(self._tell), immediate=False),
        ]
        ui.context.client.on_disconnect(self._tell_now)

    async def _look(self) -> None:
        watch = self._visit.watch
        windows, self._seen = watch.since(self._call.id, self._seen)
        new = [row for row in windows if (row[0], row[1]) not in self._there]
        if new:
            self._there.update((row[0], row[1]) for row in new)
            self._untold += new
            self._heard.push(new, max(row[2] for row in new))
        if watch.bus.call(self._call.id) is None:
            for timer in self._timers:
                timer.cancel()
            await self._tell()
            await self._await_end()

    async def _await_end(self) -> None:
        """The call is over; as soon as that is kept, show it as it is kept."""

        async def look() -> None:
            call = await run_in_threadpool(self._visit.state.calls.get, self._call.id)
            if call.state is not CallState.LIVE:
                timer.cancel()
                await self._loaded.refresh()

        timer = ui.timer(1.0, self._visit.safely(look))

    async def _tell(self) -> None:
        await self._visit.ask(Permission.CALLS_READ)
        await self._tell_now()

    async def _tell_now(self) -> None:
        untold, self._untold = self._untold, []
        rows = [as_mapping(row) for row in untold if row[3] is not None]
        if rows:
            await run_in_threadpool(
                self._visit.state.shown.tell,
                self._visit.actor,
                f"call:{self._call.id}",
                bundle=bundle_of(self._call),
                emotion=None,
                windows=rows,
            )


def _whole(visit: Visit, call: CallRecord) -> None:
    texts = visit.texts
    if call.state is not CallState.LIVE:
        with panel(texts("call.whole")):
            chip(call.emotion, texts, texts("emotion.no_speech"))
            tag("p", texts("call.whole_note"), "note")
    for warning in call.warnings:
        text = texts.known(f"warning.{warning['code']}", warning["message"])
        tag("p", text, "notice")


def _about(visit: Visit, call: CallRecord) -> None:
    texts = visit.texts
    with panel(texts("call.about")), tag("dl", classes="facts"):
        tag("dt", texts("calls.begun"))
        with tag("dd"):
            moment(call.started_at)
        if call.ended_at is not None:
            fact(texts("calls.length"), length(call.duration_s))
        fact(texts("call.dropped"), f"{call.dropped_s:.1f} s")
        fact(texts("recording.hold"), texts("yes" if call.legal_hold else "no"))
        for key, value in call.metadata.items():
            fact(texts.known(f"metadata.{key}", key), value)
        fact(texts("call.id"), call.id, "hash")
    model_facts(visit, **bundle_of(call))
