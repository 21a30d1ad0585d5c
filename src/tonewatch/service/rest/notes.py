"""What people write about calls."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import Field

from tonewatch.service.auth.guard import Here, Who
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.rest.answers import TEXT, Answer, Asked, Id
from tonewatch.service.rest.describe import needs

router = APIRouter(prefix="/calls", tags=["calls"])


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
