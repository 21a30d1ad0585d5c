"""Live calls as rows of a page: what is new goes to the browser, what was shown to the audit."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from nicegui import ui
from nicegui.element import Element
from starlette.concurrency import run_in_threadpool

from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard.call_table import name_of
from tonewatch.service.dashboard.components import LiveTable
from tonewatch.service.dashboard.mount import PATH
from tonewatch.service.dashboard.visit import Visit
from tonewatch.service.dashboard.watch import Row
from tonewatch.service.live_call import LiveCall

_EVERY_S = 0.5
_TELL_EVERY_S = 30.0
_DRAWN = 6  # of a window's numbers: what the sparkline is made of


class LiveRows(ABC):
    """Keeps a page's rows as the calls are.

    Args:
        visit: the page.
        part: its rows in the browser.
        subject: what the audit calls the page.
    """

    def __init__(self, visit: Visit, part: LiveTable, subject: str) -> None:
        self._visit = visit
        self._part = part
        self._subject = subject
        self._sent: dict[str, tuple[Any, ...]] = {}  # windows that had come, and what else
        self._shown: dict[str, Any] = {}

    @property
    def ids(self) -> frozenset[str]:
        """The calls there are."""
        return frozenset(self._sent)

    def follow(self, nothing: Element) -> None:
        """Look every half second from now on; show `nothing` while there is no call."""

        def look() -> None:
            none_there = self.look() == 0
            if nothing.visible != none_there:
                nothing.visible = none_there

        look()
        ui.timer(_EVERY_S, look, immediate=False)
        ui.timer(_TELL_EVERY_S, self._visit.safely(self.tell), immediate=False)
        ui.context.client.on_disconnect(self._write)

    def look(self) -> int:
        """Send what changed; gives how many calls there are."""
        watch = self._visit.watch
        live = {call.started.call_id: call for call in watch.bus.calls()}
        changed = []
        for call_id, call in live.items():
            before = self._sent.get(call_id, (0,))
            windows, count = watch.since(call_id, before[0])
            state = (count, call.heard_s, *self._more_state(call))
            if state == before:
                continue
            self._sent[call_id] = state
            told = self._told(call, windows)
            if told is not None:
                self._shown[call_id] = self._joined(self._shown.get(call_id), told)
            drawn = {"windows": [window[:_DRAWN] for window in windows]}
            changed.append(self._common(call) | self._row(call) | drawn)
        gone = [call_id for call_id in self._sent if call_id not in live]
        for call_id in gone:
            self._sent.pop(call_id)
        if changed or gone:
            self._part.update_rows(changed, gone)
        return len(live)

    async def tell(self) -> None:
        """Write into the audit what was shown since the last time, if they may still look."""
        await self._visit.ask(Permission.CALLS_READ)
        await self._write()

    async def _write(self) -> None:
        """The like when nobody looks any more; what cannot be written now is written next time."""
        shown, self._shown = self._shown, {}
        if not shown:
            return
        try:
            await run_in_threadpool(self._append, shown)
        except BaseException:
            later = {key: self._joined(shown.get(key), row) for key, row in self._shown.items()}
            self._shown = shown | later
            raise

    def _append(self, shown: Mapping[str, Any]) -> None:
        self._visit.state.audit.append(
            self._visit.actor, "result.watched", self._subject, self._details(shown)
        )

    def _common(self, call: LiveCall) -> dict[str, Any]:
        started = call.started
        return {
            "id": started.call_id,
            "address": f"{PATH}/calls/{started.call_id}",
            "name": name_of(started.call_id, started.metadata),
            "place": started.metadata.get("place", ""),
            "heard": call.heard_s,
            "age": (datetime.now(UTC) - started.started_at).total_seconds(),
        }

    @abstractmethod
    def _more_state(self, call: LiveCall) -> tuple[Any, ...]:
        """What else, when it changes, changes the row."""

    @abstractmethod
    def _row(self, call: LiveCall) -> dict[str, Any]:
        """What this page's row has beside what each has."""

    @abstractmethod
    def _told(self, call: LiveCall, windows: Sequence[Row]) -> Any | None:
        """What the audit is to say of a call that is shown with these new windows, if anything."""

    def _joined(self, before: Any | None, now: Any) -> Any:
        """What it is to say of a call that was shown before, and is still to be told."""
        return now

    def _details(self, shown: Mapping[str, Any]) -> dict[str, Any]:
        """The entry of the audit."""
        return {"calls": dict(shown)}
