"""How long what is kept."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from tonewatch.service.auth.guard import Here, Who
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.rest.answers import Answer, Asked
from tonewatch.service.rest.describe import needs
from tonewatch.store.retention import LEAST_AUDIT_DAYS, Policy

router = APIRouter(prefix="/retention", tags=["retention"])

_MOST_DAYS = 36_500
Days = Annotated[int | None, Field(ge=0, le=_MOST_DAYS, examples=[30])]
AuditDays = Annotated[int | None, Field(ge=LEAST_AUDIT_DAYS, le=_MOST_DAYS, examples=[730])]


class PolicyShape(Asked):
    """Days of each class of data; null is for ever."""

    audio_days: Days = Field(description="Recordings, and what was heard in them.")
    windows_days: Days = Field(
        description="What was heard and said in a call, and how urgent it was."
    )
    calls_days: Days = Field(description="All other content of a call; a stub stays.")
    audit_days: AuditDays = Field(description="At least six months (EU AI Act, Art. 26(6)).")
    deleted_days: Days = Field(description="Recordings that were deleted; so long they come back.")


class SweptAnswer(Answer):
    """How much went."""

    recordings: int = Field(examples=[12])
    windows: int = Field(
        description="Windows of calls, and utterances, spotted phrases and assessments.",
        examples=[5310],
    )
    calls: int = Field(description="Calls that became stubs.", examples=[3])
    audit: int = Field(description="Entries of the audit.", examples=[0])
    files: int = Field(description="Files that nothing referred to.", examples=[0])


@router.get("", summary="How long what is kept", **needs(Permission.RETENTION_MANAGE))
def get_policy(state: Here) -> PolicyShape:
    return PolicyShape(**state.policy().to_dict())


@router.put(
    "",
    summary="Set how long what is kept",
    description="Holds from the next sweep on, which is hourly.",
    **needs(Permission.RETENTION_MANAGE, 400, 413),
)
def put_policy(asked: PolicyShape, who: Who, state: Here) -> PolicyShape:
    state.set_policy(Policy(**asked.model_dump()), who.actor)
    return asked


@router.post(
    "/sweep",
    summary="Sweep now",
    description="Deletes for good what is older than the policy allows; legal hold is respected.",
    **needs(Permission.RETENTION_MANAGE),
)
def sweep(who: Who, state: Here) -> SweptAnswer:
    return SweptAnswer.model_validate(state.sweep(who.actor))
