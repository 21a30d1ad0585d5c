"""What people decide about calls, each with what was shown to them."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from tonewatch.service.auth.guard import Here, Who
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.decisions import OUTCOME, OUTCOMES, URGENCIES, URGENCY
from tonewatch.service.rest.answers import TEXT, Answer, Asked, Id
from tonewatch.service.rest.describe import needs

router = APIRouter(prefix="/calls", tags=["calls"])


class NewDecision(Asked):
    """What somebody decides about a call."""

    kind: str = Field(
        pattern=r"^[a-z][a-z_]{0,31}$",
        description=f"`{OUTCOME}`, `{URGENCY}`, or another word.",
        examples=["outcome"],
    )
    value: str = Field(
        min_length=1,
        max_length=100,
        pattern=TEXT,
        description=f"Of `{OUTCOME}` one of {', '.join(OUTCOMES)}; of `{URGENCY}` one of "
        f"{', '.join(URGENCIES)}.",
        examples=["genuine"],
    )
    reason: str = Field(
        default="",
        max_length=2_000,
        pattern=TEXT,
        description="Needed where it contradicts what was shown.",
        examples=["Repeated calls for help."],
    )


class DecisionAnswer(Answer):
    """What somebody decided about a call."""

    id: int
    user: str = Field(examples=["ada"])
    kind: str
    value: str
    reason: str
    created_at: datetime
    shown: dict[str, Any] | None = Field(
        description="What was shown of the call then: `band`, `urgency`, `flagged`, `check`, "
        "`policy`, and the cues' `strengths`; null where nothing was, or triage is switched off."
    )


class Decisions(Answer):
    """All decisions on a call, the oldest first."""

    items: list[DecisionAnswer]


@router.get(
    "/{call_id}/decisions", summary="A call's decisions", **needs(Permission.CALLS_READ, 404)
)
def list_decisions(call_id: Id, who: Who, state: Here) -> Decisions:
    found = state.decided.of(call_id)
    if not state.policies.current().enabled:
        found = tuple(replace(each, shown=None) for each in found)
    shown = [[each.id, dict(each.shown)] for each in found if each.shown is not None]
    more = {"decisions": shown} if shown else {}
    state.shown.tell_list(who.actor, f"call:{call_id}", (), more)
    return Decisions(items=[DecisionAnswer.model_validate(each) for each in found])


@router.post(
    "/{call_id}/decisions",
    summary="Decide about a call",
    description="Tonewatch decides nothing: this keeps what a person decided, and why.",
    status_code=201,
    **needs(Permission.CALLS_NOTE, 400, 404, 409, 413),
)
def decide(call_id: Id, asked: NewDecision, who: Who, state: Here) -> DecisionAnswer:
    decision = state.decisions.decide(
        call_id, who.user.name, who.actor, asked.kind, asked.value, asked.reason
    )
    return DecisionAnswer.model_validate(decision)
