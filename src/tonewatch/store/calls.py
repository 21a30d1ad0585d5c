"""Calls: what they are, what was heard in them, and what people wrote and decided about them.

Starting, ending and adding windows may be done twice, as happens when a spool is replayed: the
second time changes nothing. It knows no audio; recordings point to their call.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tonewatch.core.errors import ConflictError, NotFoundError, UnfitError
from tonewatch.store.columns import as_utc
from tonewatch.store.database import Database
from tonewatch.store.page import Page, paginate
from tonewatch.store.tables import CallRow, DecisionRow, NoteRow, WindowRow
from tonewatch.store.upsert import insert_new


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


@dataclass(frozen=True, slots=True)
class Window:
    """What was heard in one window of one channel; without a label there was no speech."""

    channel: int
    start_s: float
    end_s: float
    label: str | None = None
    confidence: float = 0.0
    certain: bool = False
    probabilities: Mapping[str, float] = field(default_factory=dict)
    speech_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Note:
    """What a person wrote about a call."""

    id: int
    call_id: str
    author: str
    text: str
    created_at: datetime


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
        rows = [
            _window_row(call_id, window) for call_id, windows in heard.items() for window in windows
        ]
        with self._db.begin() as session:
            _check_unerased(session, heard)
            insert_new(session, WindowRow, rows)

    def warn(self, call_id: str, code: str, message: str) -> None:
        """Keep a warning, each code once; errors as `add_windows`."""
        with self._db.begin() as session:
            row = _unerased(session, call_id)
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
            row = _locked(session, call_id)
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

    def mark_interrupted(self, keep: Iterable[str] = ()) -> int:
        """Mark the calls that still seem live, but for those to keep, as cut off by a dead process.

        They end where their last window does. Replay the spool first.
        """
        with self._db.begin() as session:
            kept = set(keep)
            rows = session.scalars(
                select(CallRow).where(CallRow.state == CallState.LIVE.value).with_for_update()
            )
            dead = [row for row in rows if row.id not in kept]
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
            return call_of(_found(session, call_id))

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
            _found(session, call_id)
            return tuple(reversed([_window(row) for row in session.scalars(query)]))

    def hold(self, call_id: str, on: bool) -> CallRecord:
        """Put a call under legal hold, or end that; errors as `add_windows`."""
        with self._db.begin() as session:
            row = _unerased(session, call_id)
            row.legal_hold = on
            session.flush()
            return call_of(row)

    def add_note(self, call_id: str, author: str, text: str) -> Note:
        """Keep what a person wrote; errors as `add_windows`."""
        if not text.strip():
            raise UnfitError("expected a note with text in it, came an empty one")
        row = NoteRow(call_id=call_id, author=author, text=text, created_at=self._clock())
        with self._db.begin() as session:
            _unerased(session, call_id)
            session.add(row)
            session.flush()
            return _note(row)

    def notes(self, call_id: str) -> tuple[Note, ...]:
        """All notes in the order they were written; errors as `get`."""
        with self._db.read() as session:
            _found(session, call_id)
            rows = session.scalars(
                select(NoteRow).where(NoteRow.call_id == call_id).order_by(NoteRow.id)
            )
            return tuple(_note(row) for row in rows)

    def decide(
        self,
        call_id: str,
        user: str,
        kind: str,
        value: str,
        reason: str = "",
        shown: Mapping[str, Any] | None = None,
    ) -> Decision:
        """Keep what a person decided; a later decision of a kind does not delete an earlier."""
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
            _unerased(session, call_id)
            session.add(row)
            session.flush()
            return _decision(row)

    def decisions(self, call_id: str) -> tuple[Decision, ...]:
        """All decisions in the order they were taken; errors as `get`."""
        with self._db.read() as session:
            _found(session, call_id)
            rows = session.scalars(
                select(DecisionRow).where(DecisionRow.call_id == call_id).order_by(DecisionRow.id)
            )
            return tuple(_decision(row) for row in rows)

    def decided(
        self, kind: str, since: datetime | None = None, until: datetime | None = None
    ) -> tuple[Decision, ...]:
        """All decisions of a kind on any call, the oldest first; of then or later, of before."""
        query = select(DecisionRow).where(DecisionRow.kind == kind).order_by(DecisionRow.id)
        if since is not None:
            query = query.where(DecisionRow.created_at >= since)
        if until is not None:
            query = query.where(DecisionRow.created_at < until)
        with self._db.read() as session:
            return tuple(_decision(row) for row in session.scalars(query))


def _found(session: Session, call_id: str) -> CallRow:
    row = session.get(CallRow, call_id)
    if row is None:
        raise _no_such_call(call_id)
    return row


def _locked(session: Session, call_id: str) -> CallRow:
    row = session.scalar(
        select(CallRow)
        .where(CallRow.id == call_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise _no_such_call(call_id)
    return row


def _unerased(session: Session, call_id: str) -> CallRow:
    row = _locked(session, call_id)
    if row.erased_at is not None:
        raise _erased(call_id)
    return row


def _check_unerased(session: Session, call_ids: Iterable[str]) -> None:
    """As `_unerased`, for many calls; in their order, so that two who lock them do not deadlock."""
    found = session.execute(
        select(CallRow.id, CallRow.erased_at)
        .where(CallRow.id.in_(list(call_ids)))
        .order_by(CallRow.id)
        .with_for_update()
    )
    there = {row.id: row.erased_at for row in found}
    for call_id in call_ids:
        if call_id not in there:
            raise _no_such_call(call_id)
        if there[call_id] is not None:
            raise _erased(call_id)


def _no_such_call(call_id: str) -> NotFoundError:
    return NotFoundError(f"expected a call's id, came {call_id!r}, which none has")


def _erased(call_id: str) -> ConflictError:
    return ConflictError(f"expected a call with content, came {call_id!r}, which was erased")


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


def _window_row(call_id: str, window: Window) -> dict[str, Any]:
    return {
        "call_id": call_id,
        "channel": window.channel,
        "start_s": window.start_s,
        "end_s": window.end_s,
        "label": window.label,
        "confidence": window.confidence,
        "certain": window.certain,
        "probabilities": dict(window.probabilities),
        "speech_s": window.speech_s,
    }


def _window(row: WindowRow) -> Window:
    return Window(
        channel=row.channel,
        start_s=row.start_s,
        end_s=row.end_s,
        label=row.label,
        confidence=row.confidence,
        certain=row.certain,
        probabilities=row.probabilities,
        speech_s=row.speech_s,
    )


def _note(row: NoteRow) -> Note:
    return Note(row.id, row.call_id, row.author, row.text, row.created_at)


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
