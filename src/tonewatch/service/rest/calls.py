"""Calls: live and ended ones, what was heard and shown of them, and what becomes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import Field

from tonewatch.call.events import Assessed
from tonewatch.service.assessed import for_audit, history
from tonewatch.service.auth.guard import Here, Who
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.ranges import ByteRange, read_range
from tonewatch.service.rest.answers import (
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
from tonewatch.service.rest.assessments import AssessedAnswer, CheckAnswer, UrgencyAnswer
from tonewatch.service.rest.describe import needs
from tonewatch.service.rest.results import EmotionAnswer
from tonewatch.service.state import State
from tonewatch.store.calls import CallRecord, CallState
from tonewatch.store.transcripts import Transcribed
from tonewatch.store.windows import Window

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
    urgency: UrgencyAnswer | None = Field(
        description="How urgent, as it is shown now or was at the end; null where nothing is shown."
    )
    check: CheckAnswer | None = Field(description="Whether a person should check it; likewise.")
    transcript: Transcribed = Field(description="How much of its speech was written down.")
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


class AssessmentsAnswer(Answer):
    """What was shown of a call, in order: each change that counts, and the last."""

    items: list[AssessedAnswer]


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
    shown = state.latest.of([call.id for call in found.items])
    answers = _answers(state, found.items, shown)
    heard = [each for each in results if each[2] is not None]
    state.shown.tell_list(who.actor, "calls", heard, list_for_audit(state, shown))
    return page_of(CallAnswer, found, lambda call: answers[call.id])


@router.get("/{call_id}", summary="One call", **needs(Permission.CALLS_READ, 404))
def get_call(call_id: Id, who: Who, state: Here) -> CallAnswer:
    return _answer(state, who.actor, state.calls.get(call_id))


@router.get(
    "/{call_id}/timeline",
    summary="What was heard in a call",
    description="Of a live call, what was heard until now.",
    **needs(Permission.CALLS_READ, 404),
)
def get_timeline(call_id: Id, who: Who, state: Here) -> TimelineAnswer:
    call = state.calls.get(call_id)
    windows = state.calls.windows(call_id)
    return TimelineAnswer(
        call=_answer(state, who.actor, call, windows),
        windows=[CallWindow.model_validate(window) for window in windows],
    )


@router.get(
    "/{call_id}/assessments",
    summary="How urgent a call was, and what spoke for it",
    description="Each assessment that told something new, and the last. Switched off, there are "
    "none to see.",
    **needs(Permission.CALLS_READ, 404),
)
def get_assessments(call_id: Id, who: Who, state: Here) -> AssessmentsAnswer:
    call = state.calls.get(call_id)
    if not state.policies.current().enabled:
        return AssessmentsAnswer(items=[])
    found = history(state.assessments.of(call_id))
    if found:
        _tell(state, who.actor, call, (), for_audit(found, state.policies.told))
    return AssessmentsAnswer(items=[AssessedAnswer.model_validate(each) for each in found])


@router.put(
    "/{call_id}/hold",
    summary="Put a call under legal hold, or lift it",
    **needs(Permission.CALLS_HOLD, 400, 404, 409, 413),
)
def hold(call_id: Id, asked: Hold, who: Who, state: Here) -> CallAnswer:
    with state.database.begin():
        call = state.calls.hold(call_id, asked.on)
        state.audit.append(who.actor, "call.held", f"call:{call_id}", {"on": asked.on})
    return _answer(state, who.actor, call)


@router.post(
    "/{call_id}/erase",
    summary="Erase a call",
    description="For good: audio, windows, notes and metadata. A stub without content stays.",
    **needs(Permission.CALLS_ERASE, 404, 409),
)
def erase(call_id: Id, who: Who, state: Here) -> CallAnswer:
    erased = state.retention.erase_call(call_id, actor=who.actor)
    return _answer(state, who.actor, erased)


@router.get(
    "/{call_id}/export",
    summary="Take a call out",
    description="A zip of its audio, timeline and transcript (CSV and JSON), assessments, notes, "
    "decisions and audit. While triage is switched off, without assessments and without what was "
    "shown when somebody decided.",
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
    archive = state.export.export_call(call_id, scores=state.policies.current().enabled)
    size = archive.seek(0, 2)
    body = read_range(archive, ByteRange(0, size - 1, size))
    headers = {
        "Content-Length": str(size),
        "Content-Disposition": f'attachment; filename="call-{call_id}.zip"',
    }
    return StreamingResponse(body, 200, headers, "application/zip")


def list_for_audit(state: State, shown: Mapping[str, Assessed]) -> dict[str, Any]:
    """What the audit says of the assessments that a list of calls shows, by the calls' ids."""
    if not shown:
        return {}
    return {"calls": list(shown)} | for_audit(shown.values(), state.policies.told)


def _answer(
    state: State, actor: str, call: CallRecord, windows: Sequence[Window] = ()
) -> CallAnswer:
    """A call with what is shown of it, which the audit is told, with its windows if they are."""
    shown = state.latest.of([call.id])
    if call.emotion is not None or shown or windows:
        _tell(state, actor, call, windows, for_audit(shown.values(), state.policies.told))
    return _answers(state, [call], shown)[call.id]


def _answers(
    state: State, calls: Sequence[CallRecord], shown: Mapping[str, Assessed]
) -> dict[str, CallAnswer]:
    """Calls with what is shown of them, by id."""
    transcribed = state.transcripts.how_much([call.id for call in calls])
    return {
        call.id: CallAnswer.model_validate(
            {
                **{name: getattr(call, name) for name in _OF_CALL},
                "urgency": UrgencyAnswer.of(shown.get(call.id)),
                "check": CheckAnswer.of(shown.get(call.id)),
                "transcript": transcribed[call.id],
            }
        )
        for call in calls
    }


def _bundle(call: CallRecord) -> dict[str, Any]:
    return {"name": call.bundle, "sha256": call.bundle_sha256, "threshold": call.threshold}


def _tell(
    state: State,
    actor: str,
    call: CallRecord,
    windows: Sequence[Window],
    more: Mapping[str, Any],
) -> None:
    state.shown.tell(
        actor,
        f"call:{call.id}",
        bundle=_bundle(call),
        emotion=call.emotion,
        windows=[asdict(window) for window in windows if window.label is not None],
        more=more,
    )


_OF_CALL = tuple(field.name for field in fields(CallRecord))
