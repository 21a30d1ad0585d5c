"""What goes when: each class of data after its days, a call's content when somebody asks.

Legal hold stops both. The audit outlives the calls it is about; after at least 184 days it may go
too (EU AI Act, Regulation 2024/1689, Art. 26(6): deployers keep logs at least six months).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from tonewatch.core.errors import (
    AuditError,
    ConflictError,
    NotFoundError,
    SettingsError,
    StoreError,
    UnavailableError,
)
from tonewatch.store.audit import Audit
from tonewatch.store.calls import CallRecord, CallState, call_of
from tonewatch.store.database import Database
from tonewatch.store.recordings import Recordings
from tonewatch.store.tables import (
    AssessmentRow,
    CallRow,
    DecisionRow,
    NoteRow,
    RecordingRow,
    SpottedRow,
    TranscriptRow,
    WindowRow,
)

LEAST_AUDIT_DAYS = 184  # six months from the 1st of March or of July
_CONTENT = (WindowRow, TranscriptRow, SpottedRow, AssessmentRow, NoteRow, DecisionRow)
_UNUSED_FILES_AFTER = timedelta(days=1)
_MOST_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class Policy:
    """How many days each class of data is kept; None for ever.

    Attributes:
        audio_days: recordings, and what was heard in them, from when they came.
        windows_days: what was heard and said in a call, and how urgent it was, from when it ended.
        calls_days: all other content of a call; then it is a stub.
        audit_days: at least 184.
        deleted_days: a recording that somebody deleted; so long that can be undone.
    """

    audio_days: int | None = 30
    windows_days: int | None = 90
    calls_days: int | None = 365
    audit_days: int | None = 730
    deleted_days: int | None = 7

    def __post_init__(self) -> None:
        for field in fields(self):
            days = getattr(self, field.name)
            least = LEAST_AUDIT_DAYS if field.name == "audit_days" else 0
            if days is not None and not (isinstance(days, int) and least <= days <= _MOST_DAYS):
                raise SettingsError(
                    f"expected {field.name} from {least} to {_MOST_DAYS}, or none for ever, "
                    f"came {days!r}"
                )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Policy":
        """As `to_dict` gives it.

        Raises:
            SettingsError: a value is out of its range, or of no known name.
        """
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise SettingsError(f"expected days of retention, came unknown {sorted(unknown)}")
        if values.get("audit_days") == LEAST_AUDIT_DAYS - 1:  # the least of earlier versions
            values = {**values, "audit_days": LEAST_AUDIT_DAYS}
        return cls(**values)

    def to_dict(self) -> dict[str, int | None]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Swept:
    """How much went.

    Attributes:
        recordings: recordings deleted for good.
        windows: windows of calls, and utterances, spotted phrases and assessments.
        calls: calls that became stubs.
        audit: entries of the audit.
        files: files that nobody referred to.
    """

    recordings: int = 0
    windows: int = 0
    calls: int = 0
    audit: int = 0
    files: int = 0


class Retention:
    """Deletes by age, and by request."""

    def __init__(
        self,
        db: Database,
        clock: Callable[[], datetime],
        recordings: Recordings,
        audit: Audit,
    ) -> None:
        self._db = db
        self._clock = clock
        self._recordings = recordings
        self._audit = audit
        self._log = structlog.get_logger("tonewatch.store")

    def sweep(
        self, policy: Policy, now: datetime | None = None, *, actor: str = "retention"
    ) -> Swept:
        """Delete what is older than the policy allows; the audit tells of each, and how much.

        What cannot go now, the log tells; all else goes nevertheless.
        """
        now = now or self._clock()
        swept = Swept(
            recordings=self._sweep_recordings(policy, now, actor),
            windows=self._sweep_windows(_before(now, policy.windows_days), actor),
            calls=self._sweep_calls(_before(now, policy.calls_days), actor),
            audit=self._sweep_audit(_before(now, policy.audit_days), actor),
            files=self._sweep_files(now - _UNUSED_FILES_AFTER),
        )
        if swept != Swept():
            self._audit.append(actor, "retention.swept", "retention", asdict(swept))
            self._db.forget_deleted()
        return swept

    def erase_call(self, call_id: str, *, actor: str) -> CallRecord:
        """Delete all content of a call, also its recordings; what stays says only that it was.

        The stub keeps the id, when it was, how long, and by which model it was heard.

        Raises:
            ConflictError: it is live, or it or a recording of it is under legal hold.
            NotFoundError: there is no such call.
        """
        stub = self._erase(call_id, actor)
        self._db.forget_deleted()
        return stub

    def _erase(self, call_id: str, actor: str) -> CallRecord:
        with self._db.begin() as session:
            row = session.scalar(select(CallRow).where(CallRow.id == call_id).with_for_update())
            if row is None:
                raise NotFoundError(f"expected a call's id, came {call_id!r}, which none has")
            if row.erased_at is not None:
                return call_of(row)
            if row.state == CallState.LIVE.value:
                raise ConflictError(f"expected a call that ended, came {call_id!r}, still live")
            if row.legal_hold:
                raise ConflictError(
                    f"expected a call that may be erased, came {call_id!r}, which is under legal "
                    "hold; end the hold first"
                )
            gone = {"recordings": self._purge_recordings_of(session, call_id)}
            for table in _CONTENT:
                done = session.execute(delete(table).where(table.call_id == call_id))
                gone[table.__tablename__] = done.rowcount  # type: ignore[attr-defined]
            row.details = {}
            row.words = row.id
            row.emotion = None
            row.label = None
            row.warnings = []
            row.erased_at = self._clock()
            session.flush()
            self._audit.append(actor, "call.erased", f"call:{call_id}", gone)
            return call_of(row)

    def _purge_recordings_of(self, session: Session, call_id: str) -> int:
        # By file, so that two erasures that share several lock them in one order.
        mine = select(RecordingRow.id).where(RecordingRow.call_id == call_id)
        ids = session.scalars(mine.order_by(RecordingRow.sha256, RecordingRow.id)).all()
        for recording_id in ids:
            self._recordings.purge(recording_id)
        return len(ids)

    def _sweep_recordings(self, policy: Policy, now: datetime, actor: str) -> int:
        too_old = _before(now, policy.audio_days)
        deleted = _before(now, policy.deleted_days)
        reasons = []
        if too_old is not None:
            reasons.append(RecordingRow.created_at < too_old)
        if deleted is not None:
            reasons.append(RecordingRow.deleted_at < deleted)
        if not reasons:
            return 0
        due = or_(*reasons)
        query = (
            select(RecordingRow.id)
            .outerjoin(CallRow, CallRow.id == RecordingRow.call_id)
            .where(due, RecordingRow.legal_hold.is_(False))
            .where(or_(CallRow.id.is_(None), CallRow.legal_hold.is_(False)))
        )
        with self._db.read() as session:
            ids = session.scalars(query).all()
        gone = 0
        for recording_id in ids:
            subject = f"recording:{recording_id}"
            with self._going_on(subject):
                # Each with its entry: a sweep that is cut off tells no sum.
                with self._db.begin():
                    self._recordings.purge(recording_id, due)
                    self._audit.append(actor, "recording.swept", subject, {})
                gone += 1
        return gone

    def _sweep_windows(self, before: datetime | None, actor: str) -> int:
        if before is None:
            return 0
        query = select(CallRow.id).where(
            CallRow.ended_at < before,
            CallRow.legal_hold.is_(False),
            or_(
                CallRow.id.in_(select(WindowRow.call_id)),
                CallRow.id.in_(select(TranscriptRow.call_id)),
                CallRow.id.in_(select(SpottedRow.call_id)),
                CallRow.id.in_(select(AssessmentRow.call_id)),
            ),
        )
        with self._db.read() as session:
            ids = session.scalars(query).all()
        gone = 0
        for call_id in ids:
            with self._going_on(f"call:{call_id}"):
                gone += self._delete_windows(call_id, actor)
        return gone

    def _delete_windows(self, call_id: str, actor: str) -> int:
        with self._db.begin() as session:
            free = select(CallRow.id).where(CallRow.id == call_id, CallRow.legal_hold.is_(False))
            if session.scalar(free.with_for_update()) is None:  # held since we looked
                return 0
            gone = {}
            for table in (WindowRow, TranscriptRow, SpottedRow, AssessmentRow):
                done = session.execute(delete(table).where(table.call_id == call_id))
                gone[table.__tablename__] = done.rowcount  # type: ignore[attr-defined]
            if any(gone.values()):  # else another process was quicker
                self._audit.append(actor, "call.windows_swept", f"call:{call_id}", gone)
            return sum(gone.values())

    def _sweep_calls(self, before: datetime | None, actor: str) -> int:
        if before is None:
            return 0
        held = select(RecordingRow.call_id).where(
            RecordingRow.legal_hold, RecordingRow.call_id.is_not(None)
        )
        query = select(CallRow.id).where(
            CallRow.ended_at < before,
            CallRow.erased_at.is_(None),
            CallRow.legal_hold.is_(False),
            CallRow.id.not_in(held),
        )
        with self._db.read() as session:
            ids = session.scalars(query).all()
        gone = 0
        for call_id in ids:
            with self._going_on(f"call:{call_id}"):
                self._erase(call_id, actor)
                gone += 1
        return gone

    def _sweep_audit(self, before: datetime | None, actor: str) -> int:
        return 0 if before is None else self._audit.prune(before, actor)

    def _sweep_files(self, before: datetime) -> int:
        gone = 0
        with self._going_on("files"):
            for sha256 in self._recordings.unused_files(before):
                with self._going_on(f"file:{sha256}"):
                    gone += self._recordings.drop_unused_file(sha256)
        return gone

    @contextmanager
    def _going_on(self, subject: str) -> Iterator[None]:
        """Go on if it was held, restored or taken away since we looked, or cannot go now."""
        try:
            yield
        except (ConflictError, NotFoundError):
            pass
        except (UnavailableError, AuditError):  # nothing else would go either
            raise
        except StoreError as error:
            self._log.error("sweep_stuck", subject=subject, kind=error.kind, error=str(error))


def _before(now: datetime, days: int | None) -> datetime | None:
    return None if days is None else now - timedelta(days=days)
