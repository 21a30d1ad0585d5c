"""Calls: live and ended ones, what was heard in them, and what people noted and decided."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import Field

from tonewatch.service.auth.guard import Here, Who
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.ranges import ByteRange, read_range
from tonewatch.service.rest.answers import (
    TEXT,
    Answer,
    Asked,
    Id,
    PageNumber,
    PageOf,
    PerPage,
    Search,
    Since,
    Until,
    page_of,
)
from tonewatch.service.rest.describe import needs
from tonewatch.service.rest.results import EmotionAnswer
from tonewatch.service.state import State
from tonewatch.store.calls import CallRecord, CallState, Window

router = APIRouter(prefix="/calls", tags=["calls"])


class WarningAnswer(Answer):
    """Something that makes a call's results worth less."""

    code: str = Field(examples=["mixed_mono"])
    message: str = Field(examples=["caller and call-taker share one channel"])


class CallAnswer(Answer):
    """A call."""

    id: str = Field(examples=["c_12"])
    state: CallState = Field(description="`interrupted`: the service ended before the call did.")
    started_at: datetime
    ended_at: datetime | None
    reason: str | None = Field(description="Why it ended.", examples=["hung_up"])
    channels: list[str] = Field(
        description="Who is on each channel; a call_taker is never scored.",
        examples=[["caller", "call_taker"]],
    )
    metadata: dict[str, str] = Field(
        description="What its sender told of it.", examples=[{"caller": "+49 30 1234"}]
    )
    bundle: str = Field(examples=["voice"])
    bundle_sha256: str
    threshold: float = Field(description="The confidence from which an estimate is certain.")
    duration_s: float = Field(examples=[93.4])
    dropped_s: float = Field(description="Audio that was lost.", examples=[0.0])
    emotion: EmotionAnswer | None = Field(description="Over all of it; null without speech.")
    warnings: list[WarningAnswer]
    legal_hold: bool = Field(description="Whether retention leaves it alone.")
    erased_at: datetime | None = Field(description="When its content was erased.")


class CallWindow(Answer):
    """One window of a call; `label` is null where there was too little speech."""

    channel: int = Field(examples=[0])
    start_s: float = Field(examples=[4.0])
    end_s: float = Field(examples=[7.0])
    label: str | None = Field(examples=["fearful"])
    confidence: float = Field(examples=[0.78])
    certain: bool
    probabilities: dict[str, float] = Field(examples=[{"calm": 0.1, "fearful": 0.9}])
    speech_s: float = Field(description="How much of it was speech.", examples=[2.1])


class TimelineAnswer(Answer):
    """All windows of a call, in order."""

    call: CallAnswer
    windows: list[CallWindow]


class NewNote(Asked):
    """What somebody writes about a call."""

    text: str = Field(
        min_length=1, max_length=10_000, pattern=TEXT, examples=["Caller is at the third floor."]
    )


class NoteAnswer(Answer):
    """What somebody wrote about a call."""

    id: int
    author: str = Field(examples=["ada"])
    text: str
    created_at: datetime


class Notes(Answer):
    """All notes of a call, the oldest first."""

    items: list[NoteAnswer]


class NewDecision(Asked):
    """What somebody decides about a call."""

    kind: str = Field(pattern=r"^[a-z][a-z_]{0,31}$", examples=["priority"])
    value: str = Field(min_length=1, max_length=100, pattern=TEXT, examples=["raised"])
    reason: str = Field(
        default="", max_length=2_000, pattern=TEXT, examples=["Repeated calls for help."]
    )


class DecisionAnswer(Answer):
    """What somebody decided about a call."""

    id: int
    user: str = Field(examples=["ada"])
    kind: str
    value: str
    reason: str
    created_at: datetime


class Decisions(Answer):
    """All decisions on a call, the oldest first."""

    items: list[DecisionAnswer]


class Hold(Asked):
    """Whether retention is to leave a call alone."""

    on: bool = Field(examples=[True])


@router.get("", summary="All calls", **needs(Permission.CALLS_READ))
def list_calls(
    who: Who,
    state: Here,
    search: Search = None,
    call_state: Annotated[CallState | None, Query(alias="state", description="Only such.")] = None,
    label: Search = None,
    since: Since = None,
    until: Until = None,
    page: PageNumber = 1,
    per_page: PerPage = 50,
) -> PageOf[CallAnswer]:
    found = state.calls.list(
        search=search,
        state=call_state,
        label=label,
        since=since,
        until=until,
        page=page,
        per_page=per_page,
    )
    results = [(call.id, _bundle(call), call.emotion) for call in found.items]
    state.shown.tell_list(who.actor, "calls", [each for each in results if each[2] is not None])
    return page_of(CallAnswer, found)


@router.get("/{call_id}", summary="One call", **needs(Permission.CALLS_READ, 404))
def get_call(call_id: Id, who: Who, state: Here) -> CallAnswer:
    call = state.calls.get(call_id)
    if call.emotion is not None:
        _tell(state, who.actor, call, ())
    return CallAnswer.model_validate(call)


@router.get(
    "/{call_id}/timeline",
    summary="What was heard in a call",
    description="Of a live call, what was heard until now.",
    **needs(Permission.CALLS_READ, 404),
)
def get_timeline(call_id: Id, who: Who, state: Here) -> TimelineAnswer:
    call = state.calls.get(call_id)
    windows = state.calls.windows(call_id)
    _tell(state, who.actor, call, windows)
    return TimelineAnswer(
        call=CallAnswer.model_validate(call),
        windows=[CallWindow.model_validate(window) for window in windows],
    )


@router.get("/{call_id}/notes", summary="A call's notes", **needs(Permission.CALLS_READ, 404))
def list_notes(call_id: Id, state: Here) -> Notes:
    state.calls.get(call_id)
    return Notes(items=[NoteAnswer.model_validate(note) for note in state.calls.notes(call_id)])


@router.post(
    "/{call_id}/notes",
    summary="Write a note",
    status_code=201,
    **needs(Permission.CALLS_NOTE, 400, 404, 409, 413),
)
def add_note(call_id: Id, asked: NewNote, who: Who, state: Here) -> NoteAnswer:
    with state.database.begin():
        note = state.calls.add_note(call_id, who.user.name, asked.text)
        # Not the text: it is personal, and is erased with the call; the audit stays.
        state.audit.append(who.actor, "call.noted", f"call:{call_id}", {"note": note.id})
    return NoteAnswer.model_validate(note)


@router.get(
    "/{call_id}/decisions", summary="A call's decisions", **needs(Permission.CALLS_READ, 404)
)
def list_decisions(call_id: Id, state: Here) -> Decisions:
    state.calls.get(call_id)
    found = state.calls.decisions(call_id)
    return Decisions(items=[DecisionAnswer.model_validate(each) for each in found])


@router.post(
    "/{call_id}/decisions",
    summary="Decide about a call",
    description="Tonewatch decides nothing: this keeps what a person decided, and why.",
    status_code=201,
    **needs(Permission.CALLS_NOTE, 400, 404, 409, 413),
)
def decide(call_id: Id, asked: NewDecision, who: Who, state: Here) -> DecisionAnswer:
    with state.database.begin():
        decision = state.calls.decide(call_id, who.user.name, asked.kind, asked.value, asked.reason)
        state.audit.append(
            who.actor,
            "call.decided",
            f"call:{call_id}",
            {"decision": decision.id, "kind": asked.kind, "value": asked.value},
        )
    return DecisionAnswer.model_validate(decision)


@router.put(
    "/{call_id}/hold",
    summary="Put a call under legal hold, or lift it",
    **needs(Permission.CALLS_HOLD, 400, 404, 409, 413),
)
def hold(call_id: Id, asked: Hold, who: Who, state: Here) -> CallAnswer:
    with state.database.begin():
        call = state.calls.hold(call_id, asked.on)
        state.audit.append(who.actor, "call.held", f"call:{call_id}", {"on": asked.on})
    return CallAnswer.model_validate(call)


@router.post(
    "/{call_id}/erase",
    summary="Erase a call",
    description="For good: audio, windows, notes and metadata. A stub without content stays.",
    **needs(Permission.CALLS_ERASE, 404, 409),
)
def erase(call_id: Id, who: Who, state: Here) -> CallAnswer:
    return CallAnswer.model_validate(state.retention.erase_call(call_id, actor=who.actor))


@router.get(
    "/{call_id}/export",
    summary="Take a call out",
    description="A zip of its audio, timeline (CSV and JSON), notes, decisions and audit.",
    response_class=StreamingResponse,
    **needs(
        Permission.CALLS_EXPORT,
        404,
        responses={
            200: {
                "description": "The zip.",
                "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    ),
)
def export(call_id: Id, who: Who, state: Here) -> StreamingResponse:
    state.calls.get(call_id)
    # Before it is made, so that it is in the audit that it holds.
    state.audit.append(who.actor, "call.exported", f"call:{call_id}", {})
    archive = state.export.export_call(call_id)
    size = archive.seek(0, 2)
    body = read_range(archive, ByteRange(0, size - 1, size))
    headers = {
        "Content-Length": str(size),
        "Content-Disposition": f'attachment; filename="call-{call_id}.zip"',
    }
    return StreamingResponse(body, 200, headers, "application/zip")


def _bundle(call: CallRecord) -> dict[str, Any]:
    return {"name": call.bundle, "sha256": call.bundle_sha256, "threshold": call.threshold}


def _tell(state: State, actor: str, call: CallRecord, windows: Sequence[Window]) -> None:
    state.shown.tell(
        actor,
        f"call:{call.id}",
        bundle=_bundle(call),
        emotion=call.emotion,
        windows=[asdict(window) for window in windows if window.label is not None],
    )
