"""Calls now: a row for each live call, updated within a second; below, the calls of before."""

from collections.abc import Sequence
from typing import Any

from nicegui import ui

from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard.call_table import CallTable, fetch
from tonewatch.service.dashboard.components import LiveCalls
from tonewatch.service.dashboard.emotions import palette
from tonewatch.service.dashboard.frame import frame
from tonewatch.service.dashboard.live_rows import LiveRows
from tonewatch.service.dashboard.mount import PATH
from tonewatch.service.dashboard.parts import Field, Loaded, empty, link, panel, tag
from tonewatch.service.dashboard.recordings import pager, within
from tonewatch.service.dashboard.visit import Visit
from tonewatch.service.dashboard.watch import Row
from tonewatch.service.live_call import LiveCall
from tonewatch.store.calls import CallRecord, CallState
from tonewatch.store.page import Page

_PER_PAGE = 25
_LIST_EVERY_S = 15.0  # each list that is shown is an entry of the audit


async def build(visit: Visit) -> None:
    """The page."""
    texts = visit.texts
    with frame(visit, "calls", texts("calls.title")):
        rows = _live(visit)
        _keep_listed(visit, rows, _before(visit))


def _live(visit: Visit) -> "_Rows":
    texts = visit.texts
    info = visit.state.predictor.bundle.info
    part = LiveCalls(palette(info.labels, texts), info.window_s)
    nothing = empty(texts("calls.none_now"), texts("calls.none_now_note"), "call")
    with nothing:
        if visit.may(Permission.CALLS_LIVE):
            link(texts("calls.try_microphone"), f"{PATH}/microphone", "button primary")
    rows = _Rows(visit, part, "calls")
    rows.follow(nothing)
    return rows


def _keep_listed(visit: Visit, rows: "_Rows", loaded: Loaded) -> None:
    """List all calls anew after one began or ended, and once more: an end is kept a bit later."""
    seen, once_more = rows.ids, False

    async def look() -> None:
        nonlocal seen, once_more
        changed = rows.ids != seen
        if (changed or once_more) and not await loaded.has_focus():
            seen, once_more = rows.ids, changed
            await loaded.refresh()

    ui.timer(_LIST_EVERY_S, visit.safely(look), immediate=False)


class _Rows(LiveRows):
    def _more_state(self, call: LiveCall) -> tuple[Any, ...]:
        return len(call.warnings), call.dropped_s

    def _row(self, call: LiveCall) -> dict[str, Any]:
        texts = self._visit.texts
        return {
            "roles": ", ".join(texts(f"channel.{role.value}") for role in call.started.channels),
            "warnings": [
                texts.known(f"warning.{warning.code}", warning.message) for warning in call.warnings
            ],
            "dropped": call.dropped_s,
        }

    def _told(self, call: LiveCall, windows: Sequence[Row]) -> list[Any] | None:
        """Since when, and the last window with its score."""
        if call.window is None or not windows:
            return None
        _, _, end_s, label, confidence, certain = windows[-1][:6]
        started = call.started
        since_s = windows[0][2]
        return [
            since_s, end_s, label, confidence, certain, started.bundle_sha256, started.threshold
        ]  # fmt: skip

    def _joined(self, before: list[Any] | None, now: list[Any]) -> list[Any]:
        return now if before is None else [before[0], *now[1:]]


def _before(visit: Visit) -> Loaded:
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
    return loaded
