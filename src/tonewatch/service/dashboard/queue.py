"""The queue: waiting and live calls by urgency, the check flag apart from it.

The order is the band's, then who has waited longest: nothing else moves a row, the flag least of
all. Bands are triage's, where emotion can only raise.
"""

from typing import Any

from nicegui import ui
from starlette.concurrency import run_in_threadpool

from tonewatch.core.events import EmotionEstimated
from tonewatch.service.assessed import row
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard import said, scores
from tonewatch.service.dashboard.call_table import name_of
from tonewatch.service.dashboard.components import Queue
from tonewatch.service.dashboard.emotions import palette
from tonewatch.service.dashboard.frame import frame
from tonewatch.service.dashboard.mount import PATH
from tonewatch.service.dashboard.parts import empty, link, tag
from tonewatch.service.dashboard.visit import Visit
from tonewatch.service.live_call import LiveCall

_EVERY_S = 0.5
_MINUTE = 60
_TELL_EVERY_S = 30.0
_LEVELS = ("high", "medium", "never")


async def build(visit: Visit) -> None:
    """The page."""
    texts, cookies = visit.texts, visit.request.cookies
    on = await run_in_threadpool(lambda: visit.state.triage_on)
    with frame(visit, "queue", texts("queue.title")):
        tag("p", texts("queue.note"), "note")
        off = tag("p", texts("queue.off"), "notice")
        level = cookies.get("tonewatch_alert", "high")
        rows = Queue(
            palette(visit.state.predictor.bundle.info.labels, texts),
            level if level in _LEVELS else "high",
            cookies.get("tonewatch_muted") == "yes",
        )
        nothing = empty(texts("queue.empty"), texts("queue.empty_note"), "done_all")
        with nothing:
            link(texts("queue.to_calls"), f"{PATH}/", "button")
        off.visible = not on
        feed = _Feed(visit, rows)

        def look() -> None:
            n = feed.look()
            if nothing.visible != (n == 0):
                nothing.visible = n == 0

        async def tell() -> None:
            await feed.tell()
            off.visible = not await run_in_threadpool(lambda: visit.state.triage_on)

        nothing.visible = feed.look() == 0
        ui.timer(_EVERY_S, look, immediate=False)
        ui.timer(_TELL_EVERY_S, visit.safely(tell), immediate=False)
        ui.context.client.on_disconnect(feed.tell_quietly)


class _Feed:
    """Brings what is new in the live calls to the browser, and what was shown to the audit."""

    def __init__(self, visit: Visit, rows: Queue) -> None:
        self._visit = visit
        self._rows = rows
        self._seen: dict[str, int] = {}
        self._sent: dict[str, tuple[Any, ...]] = {}
        self._shown: dict[str, dict[str, Any]] = {}
        self._versions: set[str] = set()

    def look(self) -> int:
        """Send what changed; gives how many calls there are."""
        watch = self._visit.watch
        live = {call.started.call_id: call for call in watch.bus.calls()}
        changed = []
        for call_id, call in live.items():
            windows, count = watch.since(call_id, self._seen.get(call_id, 0))
            state = (call.heard_s, count, call.assessment, call.words)
            if self._sent.get(call_id) == state:
                continue
            self._sent[call_id], self._seen[call_id] = state, count
            self._note(call)
            changed.append(self._row(call) | {"windows": [row[:6] for row in windows[-_MINUTE:]]})
        gone = [call_id for call_id in self._sent if call_id not in live]
        for call_id in gone:
            self._sent.pop(call_id)
            self._seen.pop(call_id, None)
        if changed or gone:
            self._rows.update_rows(changed, gone)
        return len(live)

    def _row(self, call: LiveCall) -> dict[str, Any]:
        texts, started = self._visit.texts, call.started
        waits = started.metadata.get("state") == "waiting"
        row: dict[str, Any] = {
            "id": started.call_id,
            "address": f"{PATH}/calls/{started.call_id}",
            "name": name_of(started.call_id, started.metadata),
            "place": started.metadata.get("place", ""),
            "state": texts("queue.waiting" if waits else "call_state.live"),
            "started": started.started_at.timestamp(),
            "heard": call.heard_s,
            "tail": said.tail(call.words),
            "band": "",
            "word": texts("band.none"),
            "value": None,
            "reason": "",
            "check": None,
        }
        if call.assessment is not None:
            urgency, check = call.assessment.urgency, call.assessment.check
            row |= {
                "band": urgency["band"],
                "word": texts(f"band.{urgency['band']}"),
                "value": urgency["value"],
                "reason": scores.reason(urgency, texts) or texts("queue.no_reason"),
            }
            if check["flagged"]:
                reason = scores.reason(check, texts)
                row["check"] = {"reason": reason, "worth": scores.worth(check, texts)}
        return row

    def _note(self, call: LiveCall) -> None:
        """Remember for the audit what was shown last: the window with its score, the assessment."""
        window, assessed, started = call.estimate, call.assessment, call.started
        told: dict[str, Any] = {"sha256": started.bundle_sha256, "threshold": started.threshold}
        if window is not None and isinstance(window.event, EmotionEstimated):
            event = window.event
            told["window"] = [event.end_s, event.label, round(event.confidence, 4), event.certain]
        if assessed is not None:
            told["assessment"] = row(assessed)
            self._versions.add(assessed.policy)
        if "window" in told or "assessment" in told:
            self._shown[started.call_id] = told

    async def tell(self) -> None:
        """Write down what was shown since the last time."""
        await self._visit.ask(Permission.CALLS_READ)
        await self.tell_quietly()

    async def tell_quietly(self) -> None:
        """As `tell`, even when nobody looks any more."""
        shown, versions = self._shown, sorted(self._versions)
        self._shown, self._versions = {}, set()
        if shown:
            await run_in_threadpool(self._write_down, shown, versions)

    def _write_down(self, shown: dict[str, dict[str, Any]], versions: list[str]) -> None:
        state = self._visit.state
        rules = [dict(state.policies.told(version)) for version in versions]
        details = {"calls": shown, "rules": rules}
        state.audit.append(self._visit.actor, "result.watched", "queue", details)
