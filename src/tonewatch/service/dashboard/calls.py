"""Calls now: a row for each live call, updated within a second; below, the calls of before."""

from typing import Any

from nicegui import ui
from starlette.concurrency import run_in_threadpool

from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard.call_table import CallTable, fetch, name_of
from tonewatch.service.dashboard.components import LiveCalls
from tonewatch.service.dashboard.emotions import palette
from tonewatch.service.dashboard.frame import frame
from tonewatch.service.dashboard.mount import PATH
from tonewatch.service.dashboard.parts import Field, Loaded, empty, link, panel, tag
from tonewatch.service.dashboard.recordings import pager, within
from tonewatch.service.dashboard.visit import Visit
from tonewatch.service.live_call import LiveCall
from tonewatch.store.calls import CallRecord, CallState
from tonewatch.store.page import Page

_EVERY_S = 0.5
_MINUTE = 60
_TELL_EVERY_S = 30.0
_PER_PAGE = 25


async def build(visit: Visit) -> None:
    """The page."""
    texts = visit.texts
    with frame(visit, "calls", texts("calls.title")):
        _live(visit)
        _before(visit)


def _live(visit: Visit) -> None:
    texts = visit.texts
    rows = LiveCalls(palette(visit.state.predictor.bundle.info.labels, texts))
    nothing = empty(texts("calls.none_now"), texts("calls.none_now_note"), "call")
    with nothing:
        if visit.may(Permission.CALLS_LIVE):
            link(texts("calls.try_microphone"), f"{PATH}/microphone", "button primary")
    feed = _Feed(visit, rows)

    def look() -> None:
        n = feed.look()
        if nothing.visible != (n == 0):
            nothing.visible = n == 0

    async def tell() -> None:
        await feed.tell()

    nothing.visible = feed.look() == 0
    ui.timer(_EVERY_S, look, immediate=False)
    ui.timer(_TELL_EVERY_S, visit.safely(tell), immediate=False)
    ui.context.client.on_disconnect(feed.tell_quietly)


class _Feed:
    """Brings what is new in the live calls to the browser, and what was shown to the audit."""

    def __init__(self, visit: Visit, rows: LiveCalls) -> None:
        self._visit = visit
        self._rows = rows
        self._seen: dict[str, int] = {}
        self._sent: dict[str, tuple[Any, ...]] = {}
        self._shown: dict[str, list[Any]] = {}

    def look(self) -> int:
        """Send what changed; gives how many calls there are."""
        watch = self._visit.watch
        live = {call.started.call_id: call for call in watch.bus.calls()}
        changed = []
        for call_id, call in live.items():
            windows, count = watch.since(call_id, self._seen.get(call_id, 0))
            state = (call.heard_s, len(call.warnings), call.dropped_s, count)
            if self._sent.get(call_id) == state:
                continue
            self._sent[call_id], self._seen[call_id] = state, count
            last = windows[-_MINUTE:]
            if call.window is not None and last:
                self._note(call, last)
            changed.append(self._row(call) | {"windows": [row[:6] for row in last]})
        gone = [call_id for call_id in self._sent if call_id not in live]
        for call_id in gone:
            self._sent.pop(call_id)
            self._seen.pop(call_id, None)
        if changed or gone:
            self._rows.update_rows(changed, gone)
        return len(live)

    def _row(self, call: LiveCall) -> dict[str, Any]:
        texts = self._visit.texts
        started = call.started
        return {
            "id": started.call_id,
            "address": f"{PATH}/calls/{started.call_id}",
            "name": name_of(started.call_id, started.metadata),
            "place": started.metadata.get("place", ""),
            "started": started.started_at.isoformat(),
            "heard": call.heard_s,
            "roles": ", ".join(texts(f"channel.{role.value}") for role in started.channels),
            "warnings": [
                texts.known(f"warning.{warning.code}", warning.message) for warning in call.warnings
            ],
            "dropped": call.dropped_s,
        }

    def _note(self, call: LiveCall, windows: list[list[Any]]) -> None:
        """Remember for the audit what was shown: since when, and the last window with its score."""
        key = call.started.call_id
        first = self._shown[key][0] if key in self._shown else windows[0][2]
        _, _, end_s, label, confidence, certain = windows[-1][:6]
        started = call.started
        self._shown[key] = [
            first,
            end_s,
            label,
            confidence,
            certain,
            started.bundle_sha256,
            started.threshold,
        ]

    async def tell(self) -> None:
        """Write down what was shown since the last time."""
        shown, self._shown = self._shown, {}
        if shown:
            try:
                await self._visit.run(
                    Permission.CALLS_READ,
                    self._visit.state.audit.append,
                    self._visit.actor,
                    "result.watched",
                    "calls",
                    {"calls": shown},
                )
            except BaseException:  # to be written next time, with what was shown meanwhile
                for key, row in shown.items():
                    self._shown[key] = [row[0], *self._shown.get(key, row)[1:]]
                raise
        else:
            await self._visit.ask(Permission.CALLS_READ)

    async def tell_quietly(self) -> None:
        """As `tell`, when nobody looks any more."""
        shown, self._shown = self._shown, {}
        if shown:
            visit = self._visit
            await run_in_threadpool(
                visit.state.audit.append,
                visit.actor,
                "result.watched",
                "calls",
                {"calls": shown},
            )


def _before(visit: Visit) -> None:
    texts = visit.texts
    asked: dict[str, Any] = {"search": "", "state": "", "page": 1}

    def look_for(key: str) -> Any:
        async def take(value: str) -> None:
            asked[key] = value
            asked["page"] = 1
            await loaded.refresh()

        return take

    async def turn(page: int) -> None:
        asked["page"] = page
        await loaded.refresh()

    async def get() -> Page[CallRecord]:
        work = fetch(visit, asked["search"], asked["state"], asked["page"], _PER_PAGE)
        return await visit.run(Permission.CALLS_READ, work)

    def show(found: Page[CallRecord]) -> None:
        if found.total:
            CallTable(visit).show(found)
            pager(visit, found, turn)
        elif asked["search"] or asked["state"]:
            empty(texts("calls.none_found"), texts("recordings.none_found_note"), "search_off")
        else:
            empty(texts("calls.none"), texts("calls.none_note"), "history")

    with panel(texts("calls.before"), "plain"):
        with tag("div", classes="filters", role="search", aria_label=texts("calls.filter")):
            Field(
                texts("calls.search"),
                kind="search",
                on_change=look_for("search"),
                maxlength=200,
                placeholder=texts("calls.search_hint"),
            )
            choices = {"": texts("calls.any_state")} | {
                state.value: texts(f"call_state.{state.value}") for state in CallState
            }
            Field(texts("calls.state"), choices=choices, on_change=look_for("state"))
        loaded = Loaded(visit, lambda: within(asked, get), show)
