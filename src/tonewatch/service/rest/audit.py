"""The audit: who did what, who was shown what, and whether the chain holds."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from tonewatch.service.auth.guard import Here
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.rest.answers import (
    TEXT,
    Answer,
    PageNumber,
    PageOf,
    PerPage,
    Since,
    Until,
    page_of,
)
from tonewatch.service.rest.describe import needs

router = APIRouter(prefix="/audit", tags=["audit"])


class EntryAnswer(Answer):
    """One link of the chain."""

    number: int = Field(examples=[17])
    at: datetime
    actor: str = Field(description="Who; a key is told by its prefix.", examples=["ada"])
    action: str = Field(examples=["result.shown"])
    subject: str = Field(examples=["call:c_12"])
    details: dict[str, Any]
    previous: str = Field(description="The hash of the link before.")
    hash: str = Field(description="SHA-256 over the hash before and this entry.")


class HeadAnswer(Answer):
    """One entry's number and hash."""

    number: int = Field(examples=[1203])
    hash: str


class VerificationAnswer(Answer):
    """Whether the chain holds."""

    ok: bool
    n: int = Field(description="How many entries were read.", examples=[1203])
    first_bad: int | None = Field(description="The number at which it breaks.")
    problem: str = Field(description="What is wrong there; empty if it is whole.")
    head: HeadAnswer = Field(description="The newest entry; note it elsewhere and compare.")


_Word = Annotated[str | None, Field(max_length=200, pattern=TEXT)]


@router.get("", summary="The audit, the newest first", **needs(Permission.AUDIT_READ))
def list_audit(
    state: Here,
    actor: Annotated[_Word, Query(description="Only theirs.")] = None,
    action: Annotated[
        _Word, Query(description="Only such; with a dot at its end, all that begin with it.")
    ] = None,
    subject: Annotated[_Word, Query(description="Only about it, as `call:ID`.")] = None,
    since: Since = None,
    until: Until = None,
    page: PageNumber = 1,
    per_page: PerPage = 50,
) -> PageOf[EntryAnswer]:
    found = state.audit.list(
        actor=actor,
        action=action,
        subject=subject,
        since=since,
        until=until,
        page=page,
        per_page=per_page,
    )
    return page_of(EntryAnswer, found)


@router.get(
    "/verify",
    summary="Verify the audit",
    description="Reads the whole chain and computes every hash again.",
    **needs(Permission.AUDIT_READ),
)
def verify_audit(state: Here) -> VerificationAnswer:
    return VerificationAnswer.model_validate(state.audit.verify())
