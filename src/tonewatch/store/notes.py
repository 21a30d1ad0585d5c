"""What people wrote about calls."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from tonewatch.core.errors import UnfitError
from tonewatch.store.call_rows import find_call, lock_unerased
from tonewatch.store.database import Database
from tonewatch.store.tables import NoteRow


@dataclass(frozen=True, slots=True)
class Note:
    """What a person wrote about a call."""

    id: int
    call_id: str
    author: str
    text: str
    created_at: datetime


class Notes:
    """The notes in one database."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock

    def add(self, call_id: str, author: str, text: str) -> Note:
        """Keep what a person wrote.

        Raises:
            ConflictError: the call was erased.
            NotFoundError: there is no such call.
            UnfitError: there is nothing in it.
        """
        if not text.strip():
            raise UnfitError("expected a note with text in it, came an empty one")
        row = NoteRow(call_id=call_id, author=author, text=text, created_at=self._clock())
        with self._db.begin() as session:
            lock_unerased(session, call_id)
            session.add(row)
            session.flush()
            return _note(row)

    def of(self, call_id: str) -> tuple[Note, ...]:
        """All of a call, in the order they were written.

        Raises:
            NotFoundError: there is no such call.
        """
        query = select(NoteRow).where(NoteRow.call_id == call_id).order_by(NoteRow.id)
        with self._db.read() as session:
            find_call(session, call_id)
            return tuple(_note(row) for row in session.scalars(query))


def _note(row: NoteRow) -> Note:
    return Note(row.id, row.call_id, row.author, row.text, row.created_at)
