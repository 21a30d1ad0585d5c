"""Calls: what they are, and what was heard in them.

Starting, ending and adding windows may be done twice, as happens when a spool is replayed: the
second time changes nothing. It knows no audio; recordings, notes and decisions point
to their call.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select

from tonewatch.core.errors import ConflictError
from tonewatch.store.call_rows import find_call, lock_all_unerased, lock_call, lock_unerased
from tonewatch.store.columns import as_utc
from tonewatch.store.database import Database
from tonewatch.store.page import Page, paginate
from tonewatch.store.tables import CallRow, WindowRow
from tonewatch.store.upsert import insert_new
from tonewatch.store.windows import Window, row_of, window_of


class CallState(StrEnum):
    """Where a call is between its first sample and its last."""

    LIVE = "live"
    ENDED = "ended"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call as it is kept.

    Attributes:
        id: as the call was named when it began.
        started_at: when its first sample came.
        ended_at: when it ended; None while it lives.
        state: live, ended, or interrupted if its process died.
        reason: why it ended.
        channels: the role of each channel.
        metadata: what the client said about it.
        bundle: the model's name.
        bundle_sha256: the model's hash.
        threshold: from which confidence on a label was certain.
        duration_s: how much was heard.
        dropped_s: how much was lost before it was heard.
        emotion: over the whole call; None while it lives, or where there was too little speech.
        warnings: each with `code` and `message`.
        legal_hold: whether nothing of it may be deleted.
        erased_at: when its content was erased; then this is a stub.
    """

    id: str
    started_at: datetime
    ended_at: datetime | None
    state: CallState
    reason: str | None
    channels: tuple[str, ...]
    metadata: Mapping[str, str]
    bundle: str
    bundle_sha256: str
    threshold: float
    duration_s: float
    dropped_s: float
    emotion: Mapping[str, Any] | None
    warnings: tuple[Mapping[str, str], ...]
    legal_hold: bool
    erased_at: datetime | None


class Calls:
    """The calls in one database."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock

    def start(
        self,
        call_id: str,
        *,
        started_at: datetime,
        channels: Sequence[str],
        metadata: Mapping[str, str],
        bundle: str,
        bundle_sha256: str,
        threshold: float,
    ) -> CallRecord:
        """Keep a call that began.

        Raises:
            ConflictError: another call has that id.
        """
        row = CallRow(
            id=call_id,
            started_at=as_utc(started_at),
            state=CallState.LIVE.value,
            channels=[str(channel) for channel in channels],
            details=dict(metadata),
            words="\n".join([call_id, *metadata.values()]),
            bundle=bundle,
            bundle_sha256=bundle_sha256,
            threshold=threshold,
            duration_s=0.0,
            dropped_s=0.0,
            warnings=[],
            legal_hold=False,
        )
        with self._db.begin() as session:
            there = session.get(CallRow, call_id)
            if there is None:
                session.add(row)
                session.flush()
                return call_of(row)
            if there.started_at != row.started_at:
                raise ConflictError(
                    f"expected a new id for a new call, came {call_id!r}, "
                    f"which the call of {there.started_at.isoformat()} has"
                )
            return call_of(there)

    def add_windows(self, call_id: str, windows: Iterable[Window]) -> None:
        """Keep what was heard; what is there already stays.

        Raises:
            ConflictError: the call was erased.
            NotFoundError: there is no such call.
        """
        self.add_windows_of({call_id: windows})

    def add_windows_of(self, heard: Mapping[str, Iterable[Window]]) -> None:
        """As `add_windows`, of many calls by their id: all or none, in the statements of one."""
        rows = [row_of(call_id, window) for call_id, windows in heard.items() for window in windows]
        with self._db.begin() as session:
            lock_all_unerased(session, heard)
            insert_new(session, WindowRow, rows)

    def warn(self, call_id: str, code: str, message: str) -> None:
        """Keep a warning, each code once; errors as `add_windows`."""
        with self._db.begin() as session:
            row = lock_unerased(session, call_id)
            others = [warning for warning in row.warnings if warning["code"] != code]
            row.warnings = [*others, {"code": code, "message": message}]

    def end(
        self,
        call_id: str,
        *,
        ended_at: datetime,
        reason: str,
        duration_s: float,
        dropped_s: float = 0.0,
        emotion: Mapping[str, Any] | None = None,
    ) -> CallRecord:
        """Keep how a call ended; one that has ended stays as it is.

        Raises:
            NotFoundError: there is no such call.
        """
        with self._db.begin() as session:
            row = lock_call(session, call_id)
            if row.state == CallState.ENDED or row.erased_at is not None:
                return call_of(row)
            interrupted = reason == CallState.INTERRUPTED.value
            row.state = (CallState.INTERRUPTED if interrupted else CallState.ENDED).value
            row.ended_at = as_utc(ended_at)
            row.reason = reason
            row.duration_s = duration_s
            row.dropped_s = dropped_s
            row.emotion = None if emotion is None else dict(emotion)
            row.label = None if emotion is None else emotion.get("label")
            session.flush()
            return call_of(row)

    def mark_interrupted(
        self, keep: Iterable[str] = (), among: Collection[str] | None = None
    ) -> int:
        """Mark the calls that still seem live as cut off by a dead process.

        They end where their last window does. Replay the spool first.

        Args:
            keep: calls that are live.
            among: of no others; None for all.
        """
        with self._db.begin() as session:
            kept = set(keep)
            rows = session.scalars(
                select(CallRow).where(CallRow.state == CallState.LIVE.value).with_for_update()
            )
            dead = [
                row for row in rows if row.id not in kept and (among is None or row.id in among)
            ]
            for row in dead:
                last_s = session.scalar(
                    select(func.max(WindowRow.end_s)).where(WindowRow.call_id == row.id)
                )
                row.state = CallState.INTERRUPTED.value
                row.reason = CallState.INTERRUPTED.value
                row.duration_s = last_s or 0.0
                row.ended_at = row.started_at + timedelta(seconds=row.duration_s)
            return len(dead)

    def get(self, call_id: str) -> CallRecord:
        """One call.

        Raises:
            NotFoundError: there is no such call.
        """
        with self._db.read() as session:
            return call_of(find_call(session, call_id))

    def list(
        self,
        *,
        search: str | None = None,
        state: CallState | None = None,
        label: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        page: int = 1,
        per_page: int = 50,
    ) -> Page[CallRecord]:
        """Calls, the newest first.

        Args:
            search: is in the id or a value of the metadata, whatever its case.
            state: only such calls.
            label: only calls with this emotion over the whole.
            since: begun then or later.
            until: begun before.
            page: counted from 1.
            per_page: how many at a time.

        Raises:
            UnfitError: there can be no such page.
        """
        query = select(CallRow).order_by(CallRow.started_at.desc(), CallRow.id)
        if search:
            query = query.where(CallRow.words.icontains(search, autoescape=True))
        if state is not None:
            query = query.where(CallRow.state == CallState(state).value)
        if label is not None:
            query = query.where(CallRow.label == label)
        if since is not None:
            query = query.where(CallRow.started_at >= since)
        if until is not None:
            query = query.where(CallRow.started_at < until)
        with self._db.read() as session:
            return paginate(session, query, call_of, page, per_page)

    def windows(
        self, call_id: str, *, since_s: float | None = None, limit: int | None = None
    ) -> tuple[Window, ...]:
        """What was heard, in order of time and channel.

        Args:
            call_id: in which call.
            since_s: only windows that begin then or later.
            limit: only the last so many.

        Raises:
            NotFoundError: there is no such call.
        """
        query = select(WindowRow).where(WindowRow.call_id == call_id)
        if since_s is not None:
            query = query.where(WindowRow.start_s >= since_s)
        query = query.order_by(WindowRow.start_s.desc(), WindowRow.channel.desc()).limit(limit)
        with self._db.read() as session:
            find_call(session, call_id)
            return tuple(reversed([window_of(row) for row in session.scalars(query)]))

    def hold(self, call_id: str, on: bool) -> CallRecord:
        """Put a call under legal hold, or end that; errors as `add_windows`."""
        with self._db.begin() as session:
            row = lock_unerased(session, call_id)
            row.legal_hold = on
            session.flush()
            return call_of(row)


def call_of(row: CallRow) -> CallRecord:
    """The value of a row."""
    return CallRecord(
        id=row.id,
        started_at=row.started_at,
        ended_at=row.ended_at,
        state=CallState(row.state),
        reason=row.reason,
        channels=tuple(row.channels),
        metadata=row.details,
        bundle=row.bundle,
        bundle_sha256=row.bundle_sha256,
        threshold=row.threshold,
        duration_s=row.duration_s,
        dropped_s=row.dropped_s,
        emotion=row.emotion,
        warnings=tuple(row.warnings),
        legal_hold=row.legal_hold,
        erased_at=row.erased_at,
    )
