"""Calls: live and ended ones, what was heard in them, and what people noted and decided."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import Field

from tonewatch.service.assessed import for_audit, history
from tonewatch.service.auth.guard import Here, Who
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.decisions import OUTCOME, OUTCOMES, URGENCIES, URGENCY
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


class WordAnswer(Answer):
    """A recognised word."""

    text: str = Field(examples=["breathing"])
    start_s: float = Field(examples=[4.1])
    end_s: float = Field(examples=[4.6])
    confidence: float = Field(description="The recogniser's own, from 0 to 1.", examples=[0.83])


class UtteranceAnswer(Answer):
    """What was said in one go."""

    channel: int = Field(examples=[0])
    start_s: float = Field(examples=[3.2])
    end_s: float = Field(examples=[5.0])
    text: str = Field(examples=["he is not breathing"])
    words: list[WordAnswer]
    recognised: bool = Field(description="False where no recogniser was free for this speech.")


class SpottedAnswer(Answer):
    """A phrase of an emergency that was spotted in the sound; some are false alarms."""

    channel: int = Field(examples=[0])
    start_s: float = Field(examples=[3.9])
    end_s: float = Field(examples=[4.8])
    phrase: str = Field(examples=["not breathing"])


class TranscriptAnswer(Answer):
    """What was said in a call, in order."""

    transcript: Transcribed = Field(description="How much of its speech was written down.")
    utterances: list[UtteranceAnswer]
    spotted: list[SpottedAnswer] = Field(description="Beside what was written down of them.")


class AssessmentsAnswer(Answer):
    """What was shown of a call, in order: each change that counts, and the last."""

    items: list[AssessedAnswer]


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
        "`policy`, and the cues' `strengths`; null where nothing was."
    )


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
    answers = answers_of(state, found.items)
    more = shown_of(state, [call.id for call in found.items])
    heard = [each for each in results if each[2] is not None]
    state.shown.tell_list(who.actor, "calls", heard, more)
    return page_of(CallAnswer, found, lambda call: answers[call.id])


@router.get("/{call_id}", summary="One call", **needs(Permission.CALLS_READ, 404))
def get_call(call_id: Id, who: Who, state: Here) -> CallAnswer:
    call = state.calls.get(call_id)
    answer = answer_of(state, call)
    if call.emotion is not None or answer.urgency is not None:
        _tell(state, who.actor, call, ())
    return answer


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
        call=answer_of(state, call),
        windows=[CallWindow.model_validate(window) for window in windows],
    )


@router.get(
    "/{call_id}/transcript",
    summary="What was said in a call",
    description="As a recogniser wrote it down; of a live call, until now.",
    **needs(Permission.CALLS_READ, 404),
)
def get_transcript(call_id: Id, state: Here) -> TranscriptAnswer:
    said = state.transcripts.of(call_id)
    return TranscriptAnswer(
        transcript=state.transcripts.how_much([call_id])[call_id],
        utterances=[UtteranceAnswer.model_validate(each) for each in said],
        spotted=[SpottedAnswer.model_validate(each) for each in state.transcripts.spotted(call_id)],
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


@router.get("/{call_id}/notes", summary="A call's notes", **needs(Permission.CALLS_READ, 404))
def list_notes(call_id: Id, state: Here) -> Notes:
    return Notes(items=[NoteAnswer.model_validate(note) for note in state.notes.of(call_id)])


@router.post(
    "/{call_id}/notes",
    summary="Write a note",
    status_code=201,
    **needs(Permission.CALLS_NOTE, 400, 404, 409, 413),
)
def add_note(call_id: Id, asked: NewNote, who: Who, state: Here) -> NoteAnswer:
    with state.database.begin():
        note = state.notes.add(call_id, who.user.name, asked.text)
        # Not the text: it is personal, and is erased with the call; the audit stays.
        state.audit.append(who.actor, "call.noted", f"call:{call_id}", {"note": note.id})
    return NoteAnswer.model_validate(note)


@router.get(
    "/{call_id}/decisions", summary="A call's decisions", **needs(Permission.CALLS_READ, 404)
)
def list_decisions(call_id: Id, state: Here) -> Decisions:
    found = state.decided.of(call_id)
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


@router.put(
    "/{call_id}/hold",
    summary="Put a call under legal hold, or lift it",
    **needs(Permission.CALLS_HOLD, 400, 404, 409, 413),
)
def hold(call_id: Id, asked: Hold, who: Who, state: Here) -> CallAnswer:
    with state.database.begin():
        call = state.calls.hold(call_id, asked.on)
        state.audit.append(who.actor, "call.held", f"call:{call_id}", {"on": asked.on})
    return answer_of(state, call)


@router.post(
    "/{call_id}/erase",
    summary="Erase a call",
    description="For good: audio, windows, notes and metadata. A stub without content stays.",
    **needs(Permission.CALLS_ERASE, 404, 409),
)
def erase(call_id: Id, who: Who, state: Here) -> CallAnswer:
    return answer_of(state, state.retention.erase_call(call_id, actor=who.actor))


@router.get(
    "/{call_id}/export",
    summary="Take a call out",
    description="A zip of its audio, timeline and transcript (CSV and JSON), assessments, notes, "
    "decisions and audit.",
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


def answer_of(state: State, call: CallRecord) -> CallAnswer:
    """A call with what is shown of it."""
    return answers_of(state, [call])[call.id]


def answers_of(state: State, calls: Sequence[CallRecord]) -> dict[str, CallAnswer]:
    """Calls with what is shown of them, by id."""
    ids = [call.id for call in calls]
    shown, transcribed = state.latest.of(ids), state.transcripts.how_much(ids)
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


def shown_of(state: State, call_ids: Sequence[str]) -> dict[str, Any]:
    """What the audit says of the assessments that a list of calls shows."""
    shown = state.latest.of(call_ids)
    if not shown:
        return {}
    return {"calls": list(shown)} | for_audit(shown.values(), state.policies.told)


def _bundle(call: CallRecord) -> dict[str, Any]:
    return {"name": call.bundle, "sha256": call.bundle_sha256, "threshold": call.threshold}


def _tell(
    state: State,
    actor: str,
    call: CallRecord,
    windows: Sequence[Window],
    more: Mapping[str, Any] | None = None,
) -> None:
    if more is None:
        more = for_audit(state.latest.of([call.id]).values(), state.policies.told)
    state.shown.tell(
        actor,
        f"call:{call.id}",
        bundle=_bundle(call),
        emotion=call.emotion,
        windows=[asdict(window) for window in windows if window.label is not None],
        more=more,
    )


_OF_CALL = tuple(field.name for field in fields(CallRecord))
