"""The queue: waiting and live calls by urgency, the check flag apart from it.

The order is the band's, then who has waited longest: nothing else moves a row, the flag least of
all. Bands are triage's, where emotion can only raise.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from nicegui.element import Element
from starlette.concurrency import run_in_threadpool

from tonewatch.core.events import EmotionEstimated
from tonewatch.service.assessed import for_audit, row
from tonewatch.service.dashboard import said, scores
from tonewatch.service.dashboard.components import Queue
from tonewatch.service.dashboard.emotions import palette
from tonewatch.service.dashboard.frame import frame
from tonewatch.service.dashboard.live_rows import LiveRows
from tonewatch.service.dashboard.mount import PATH
from tonewatch.service.dashboard.parts import empty, link, tag
from tonewatch.service.dashboard.visit import Visit
from tonewatch.service.dashboard.watch import Row
from tonewatch.service.live_call import LiveCall

_LEVELS = ("high", "medium", "never")


async def build(visit: Visit) -> None:
    """The page."""
    texts, cookies = visit.texts, visit.request.cookies
    on = await run_in_threadpool(lambda: visit.state.triage_on)
    with frame(visit, "queue", texts("queue.title")):
        tag("p", texts("queue.note"), "note")
        off = tag("p", texts("queue.off"), "notice")
        level = cookies.get("tonewatch_alert", "high")
        info = visit.state.predictor.bundle.info
        part = Queue(
            palette(info.labels, texts),
            info.window_s,
            level if level in _LEVELS else "high",
            cookies.get("tonewatch_muted") == "yes",
            visit.actor,
        )
        nothing = empty(texts("queue.empty"), texts("queue.empty_note"), "done_all")
        with nothing:
            link(texts("queue.to_calls"), f"{PATH}/", "button")
        off.visible = not on
        _Rows(visit, part, "queue", off).follow(nothing)


class _Rows(LiveRows):
    def __init__(self, visit: Visit, part: Queue, subject: str, off: Element) -> None:
        super().__init__(visit, part, subject)
        self._off = off

    async def tell(self) -> None:
        await super().tell()
        self._off.visible = not await run_in_threadpool(lambda: self._visit.state.triage_on)

    def _more_state(self, call: LiveCall) -> tuple[Any, ...]:
        return call.assessment, call.words

    def _row(self, call: LiveCall) -> dict[str, Any]:
        texts, started = self._visit.texts, call.started
        waits = started.metadata.get("state") == "waiting"
        row: dict[str, Any] = {
            "state": texts("queue.waiting" if waits else "call_state.live"),
            "started": started.started_at.timestamp(),
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

    def _told(self, call: LiveCall, windows: Sequence[Row]) -> dict[str, Any] | None:
        """The last window with its score, and the assessment."""
        window, assessed, started = call.estimate, call.assessment, call.started
        told: dict[str, Any] = {}
        if window is not None and isinstance(window.event, EmotionEstimated):
            event = window.event
            told["window"] = [event.end_s, event.label, round(event.confidence, 4), event.certain]
        if assessed is not None:
            told["assessment"] = assessed
        if not told:
            return None
        return {"sha256": started.bundle_sha256, "threshold": started.threshold} | told

    def _details(self, shown: Mapping[str, Any]) -> dict[str, Any]:
        calls, assessed = {}, []
        for key, told in shown.items():
            calls[key] = told
            if "assessment" in told:
                assessed.append(told["assessment"])
                calls[key] = told | {"assessment": row(told["assessment"])}
        rules = for_audit(assessed, self._visit.state.policies.told).get("rules", [])
        return {"calls": calls, "rules": rules}
