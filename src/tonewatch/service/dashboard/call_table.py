"""Calls in a table, live and ended ones."""

from collections.abc import Callable
from typing import Any

from tonewatch.service.dashboard.emotions import chip
from tonewatch.service.dashboard.mount import PATH
from tonewatch.service.dashboard.parts import link, moment, table, tag
from tonewatch.service.dashboard.recording_table import length
from tonewatch.service.dashboard.visit import Visit
from tonewatch.store.calls import CallRecord, CallState
from tonewatch.store.page import Page


class CallTable:
    """The table."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit

    def show(self, found: Page[CallRecord]) -> None:
        """Make the rows."""
        texts = self._visit.texts
        heads = ("caller", "state", "emotion", "length", "begun")
        _, row = table(texts("calls.before"), [texts(f"calls.{head}") for head in heads], "calls")
        for call in found.items:
            with row():
                self._row(call)

    def _row(self, call: CallRecord) -> None:
        texts = self._visit.texts
        with tag("td", classes="cell-name"):
            link(name_of(call.id, call.metadata), f"{PATH}/calls/{call.id}", "name")
            if call.metadata.get("place"):
                tag("span", call.metadata["place"], "note")
        with tag("td", classes="cell-state"):
            state_of(self._visit, call)
        is_live = call.state is CallState.LIVE
        with tag("td", classes="cell-emotion nothing" if is_live else "cell-emotion"):
            if call.erased_at is not None:
                tag("span", texts("calls.erased"), "chip none")
            elif is_live:
                tag("span", "–")
            else:
                chip(call.emotion, texts, texts("emotion.no_speech"))
        if call.ended_at:
            tag("td", length(call.duration_s), "cell-length number")
        else:
            tag("td", "–", "cell-length nothing")
        with tag("td"):
            moment(call.started_at)


def name_of(call_id: str, metadata: Any) -> str:
    """What a call is called: its caller, as far as its sender told, or the begin of its id."""
    for key in ("caller", "name", "number", "from"):
        if metadata.get(key):
            return str(metadata[key])
    return call_id[:8]


def state_of(visit: Visit, call: CallRecord) -> None:
    """Live, ended or interrupted, and why it ended."""
    texts = visit.texts
    tag("span", texts(f"call_state.{call.state.value}"), f"state {call.state.value}")
    if call.reason and call.state is CallState.ENDED:
        tag("span", texts.known(f"reason.{call.reason}", call.reason), "note")


def fetch(
    visit: Visit, search: str, state: str, page: int, per_page: int
) -> Callable[[], Page[CallRecord]]:
    """What lists the calls, and writes into the audit which results were listed."""

    def work() -> Page[CallRecord]:
        found = visit.state.calls.list(
            search=search or None,
            state=CallState(state) if state else None,
            page=page,
            per_page=per_page,
        )
        results = [
            (call.id, bundle_of(call), call.emotion)
            for call in found.items
            if call.emotion is not None
        ]
        visit.state.shown.tell_list(visit.actor, "calls", results)
        return found

    return work


def bundle_of(call: CallRecord) -> dict[str, Any]:
    """What names the model that heard a call."""
    return {"name": call.bundle, "sha256": call.bundle_sha256, "threshold": call.threshold}
