"""What people decided about calls, and what was shown to them then.

It judges no decision and knows no kind of them; that is the service's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from tonewatch.store.call_rows import find_call, lock_unerased
from tonewatch.store.database import Database
from tonewatch.store.tables import DecisionRow


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided about a call, and why.

    Attributes:
        id: counted up.
        call_id: of which call.
        user: who decided.
        kind: what it is about.
        value: what was decided.
        reason: why.
        created_at: when.
        shown: what was shown of the call at that moment; None where nothing was.
    """

    id: int
    call_id: str
    user: str
    kind: str
    value: str
    reason: str
    created_at: datetime
    shown: Mapping[str, Any] | None = None


class KeptDecisions:
    """The decisions in one database."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock

    def add(
        self,
        call_id: str,
        user: str,
        kind: str,
        value: str,
        reason: str = "",
        shown: Mapping[str, Any] | None = None,
    ) -> Decision:
        """Keep what a person decided; a later decision of a kind does not delete an earlier.

        Raises:
            ConflictError: the call was erased.
            NotFoundError: there is no such call.
        """
        row = DecisionRow(
            call_id=call_id,
            user=user,
            kind=kind,
            value=value,
            reason=reason,
            shown=None if shown is None else dict(shown),
            created_at=self._clock(),
        )
        with self._db.begin() as session:
            lock_unerased(session, call_id)
            session.add(row)
            session.flush()
            return _decision(row)

    def of(self, call_id: str) -> tuple[Decision, ...]:
        """All on a call, in the order they were taken.

        Raises:
            NotFoundError: there is no such call.
        """
        query = select(DecisionRow).where(DecisionRow.call_id == call_id).order_by(DecisionRow.id)
        with self._db.read() as session:
            find_call(session, call_id)
            return tuple(_decision(row) for row in session.scalars(query))

    def of_kind(
        self, kind: str, since: datetime | None = None, until: datetime | None = None
    ) -> tuple[Decision, ...]:
        """All of a kind on any call, the oldest first; of then or later, of before."""
        query = select(DecisionRow).where(DecisionRow.kind == kind).order_by(DecisionRow.id)
        if since is not None:
            query = query.where(DecisionRow.created_at >= since)
        if until is not None:
            query = query.where(DecisionRow.created_at < until)
        with self._db.read() as session:
            return tuple(_decision(row) for row in session.scalars(query))


def _decision(row: DecisionRow) -> Decision:
    return Decision(
        id=row.id,
        call_id=row.call_id,
        user=row.user,
        kind=row.kind,
        value=row.value,
        reason=row.reason,
        created_at=row.created_at,
        shown=row.shown,
    )
