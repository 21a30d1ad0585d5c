"""The calls that are live now, the most urgent first."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import Field

from tonewatch.service.auth.guard import Here, Who
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.live_call import LiveCall
from tonewatch.service.rest.answers import Answer
from tonewatch.service.rest.assessments import CheckAnswer, UrgencyAnswer
from tonewatch.service.rest.calls import list_for_audit
from tonewatch.service.rest.describe import needs

router = APIRouter(prefix="/queue", tags=["triage"])


class QueuedCall(Answer):
    """A live call in its place."""

    place: int = Field(description="Counted from 1.", examples=[1])
    call_id: str = Field(examples=["c_12"])
    started_at: datetime
    heard_s: float = Field(description="How far it was heard.", examples=[42.0])
    metadata: dict[str, str] = Field(
        description="What its sender told of it.", examples=[{"caller": "+49 30 1234"}]
    )
    urgency: UrgencyAnswer | None = Field(description="Null where nothing is shown.")
    check: CheckAnswer | None = Field(description="A flag apart: it moves no call.")


class Queue(Answer):
    """All live calls, of all processes."""

    on: bool = Field(description="Whether calls are scored; if not, the longest waits first.")
    items: list[QueuedCall]


@router.get(
    "",
    summary="Live calls, the most urgent first",
    description="Of equals, the one that began first. Emotion can only raise a call.",
    **needs(Permission.CALLS_READ),
)
def get_queue(who: Who, state: Here) -> Queue:
    on = state.triage_on
    calls = ranked(state.bus.calls(), on)
    # Taken once: a call that goes on must not answer one thing and be told as another.
    shown = {
        call.started.call_id: call.assessment
        for call in calls
        if on and call.assessment is not None
    }
    state.shown.tell_list(who.actor, "queue", (), list_for_audit(state, shown))
    return Queue(
        on=on,
        items=[
            QueuedCall(
                place=place,
                call_id=call.started.call_id,
                started_at=call.started.started_at,
                heard_s=call.heard_s,
                metadata=dict(call.started.metadata),
                urgency=UrgencyAnswer.of(shown.get(call.started.call_id)),
                check=CheckAnswer.of(shown.get(call.started.call_id)),
            )
            for place, call in enumerate(calls, 1)
        ],
    )


def ranked(calls: tuple[LiveCall, ...], on: bool) -> list[LiveCall]:
    """The most urgent first; where nothing is shown, or of equals, the one that began first."""

    def place(call: LiveCall) -> tuple[float, datetime]:
        shown = call.assessment.urgency["value"] if on and call.assessment is not None else 0.0
        return -shown, call.started.started_at

    return sorted(calls, key=place)
