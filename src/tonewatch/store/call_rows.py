"""The row of a call, for all who keep something of a call: found or locked, and not erased.

Whoever adds to a call locks it first, so that nothing is added to one that is being erased.
"""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from tonewatch.core.errors import ConflictError, NotFoundError
from tonewatch.store.tables import CallRow


def find_call(session: Session, call_id: str) -> CallRow:
    """The call.

    Raises:
        NotFoundError: there is no such call.
    """
    row = session.get(CallRow, call_id)
    if row is None:
        raise _no_such_call(call_id)
    return row


def lock_call(session: Session, call_id: str) -> CallRow:
    """The call as it is now, which nobody else changes before the transaction ends.

    Raises:
        NotFoundError: there is no such call.
    """
    row = session.scalar(
        select(CallRow)
        .where(CallRow.id == call_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise _no_such_call(call_id)
    return row


def lock_unerased(session: Session, call_id: str) -> CallRow:
    """As `lock_call`, a call that still has its content.

    Raises:
        ConflictError: the call was erased.
        NotFoundError: there is no such call.
    """
    row = lock_call(session, call_id)
    if row.erased_at is not None:
        raise _erased(call_id)
    return row


def lock_all_unerased(session: Session, call_ids: Iterable[str]) -> None:
    """As `lock_unerased`, in the order of ids, so that two who lock the same do not deadlock."""
    wanted = list(call_ids)
    found = session.execute(
        select(CallRow.id, CallRow.erased_at)
        .where(CallRow.id.in_(wanted))
        .order_by(CallRow.id)
        .with_for_update()
    )
    there = {row.id: row.erased_at for row in found}
    for call_id in wanted:
        if call_id not in there:
            raise _no_such_call(call_id)
        if there[call_id] is not None:
            raise _erased(call_id)


def _no_such_call(call_id: str) -> NotFoundError:
    return NotFoundError(f"expected a call's id, came {call_id!r}, which none has")


def _erased(call_id: str) -> ConflictError:
    return ConflictError(f"expected a call with content, came {call_id!r}, which was erased")
