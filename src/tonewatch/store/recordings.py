"""Recordings: what is known about each, and which file of `Blobs` is its sound.

Recordings of the same content share one file; it goes with the last of them. It decodes nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from tonewatch.core.errors import ConflictError, NotFoundError
from tonewatch.store.blobs import Blobs
from tonewatch.store.call_rows import lock_call
from tonewatch.store.database import Database
from tonewatch.store.page import Page, paginate
from tonewatch.store.tables import BlobRow, CallRow, RecordingRow
from tonewatch.store.upsert import upsert


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording as it is kept.

    Attributes:
        id: its own, made here unless given.
        sha256: of the file's content, by which `Blobs` finds it.
        name: as it was uploaded.
        size_bytes: of the file.
        duration_s: its length.
        rate_hz: its sampling rate.
        channels: how many.
        codec: as the decoder names it.
        created_at: when it came.
        created_by: who brought it; None for the service itself.
        call_id: the call it is of, if any.
        legal_hold: whether it may not be deleted, as it or its call is under hold.
        deleted_at: when somebody deleted it; until it is purged that can be undone.
        result: what was heard in it, as `Timeline.to_dict`; None before that.
    """

    id: str
    sha256: str
    name: str
    size_bytes: int
    duration_s: float
    rate_hz: int
    channels: int
    codec: str
    created_at: datetime
    created_by: str | None
    call_id: str | None
    legal_hold: bool
    deleted_at: datetime | None
    result: Mapping[str, Any] | None


class Recordings:
    """The recordings in one database."""

    def __init__(self, db: Database, clock: Callable[[], datetime], blobs: Blobs) -> None:
        self._db = db
        self._clock = clock
        self._blobs = blobs

    def add(
        self,
        *,
        sha256: str,
        name: str,
        size_bytes: int,
        duration_s: float,
        rate_hz: int,
        channels: int,
        codec: str,
        created_by: str | None = None,
        call_id: str | None = None,
        recording_id: str | None = None,
        with_file: bool = True,
    ) -> Recording:
        """Keep a recording whose content is in `Blobs`; a given id twice is kept once.

        Without `with_file` its content need not be there; where it is, that of another recording,
        it stays.

        Raises:
            ConflictError: the content is not there (any more: put it again), or its call is not
                there or was erased.
        """
        row = RecordingRow(
            id=recording_id or uuid4().hex,
            sha256=sha256,
            name=name,
            size_bytes=size_bytes,
            duration_s=duration_s,
            rate_hz=rate_hz,
            channels=channels,
            codec=codec,
            created_at=self._clock(),
            created_by=created_by,
            call_id=call_id,
            legal_hold=False,
        )
        with self._db.begin() as session:
            there = session.get(RecordingRow, row.id)
            if there is not None:
                return recording_of(there)
            _refuse_erased(session, call_id)
            _lock_blob(session, sha256)
            if with_file and not self._blobs.exists(sha256):
                raise ConflictError(
                    f"expected the content {sha256[:12]}… among the files, came none; put it again"
                )
            session.add(row)
            session.flush()
            return recording_of(row)

    def get(self, recording_id: str, *, deleted: bool = False) -> Recording:
        """One recording.

        Raises:
            NotFoundError: there is none of that id, or it is deleted and `deleted` is not set.
        """
        with self._db.read() as session:
            row = _found(session, recording_id)
            if row.deleted_at is not None and not deleted:
                raise _no_such_recording(recording_id)
            return recording_of(row)

    def list(
        self,
        *,
        search: str | None = None,
        label: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        call_id: str | None = None,
        deleted: bool = False,
        page: int = 1,
        per_page: int = 50,
    ) -> Page[Recording]:
        """Recordings, the newest first.

        Args:
            search: is in the name, whatever its case.
            label: only those with this emotion over the whole.
            since: came then or later.
            until: came before.
            call_id: only those of a call.
            deleted: those that are deleted, in place of the others.
            page: counted from 1.
            per_page: how many at a time.

        Raises:
            UnfitError: there can be no such page.
        """
        there = (
            RecordingRow.deleted_at.is_not(None) if deleted else RecordingRow.deleted_at.is_(None)
        )
        query = (
            select(RecordingRow)
            .where(there)
            .order_by(RecordingRow.created_at.desc(), RecordingRow.id)
        )
        if search:
            query = query.where(RecordingRow.name.icontains(search, autoescape=True))
        if label is not None:
            query = query.where(RecordingRow.label == label)
        if since is not None:
            query = query.where(RecordingRow.created_at >= since)
        if until is not None:
            query = query.where(RecordingRow.created_at < until)
        if call_id is not None:
            query = query.where(RecordingRow.call_id == call_id)
        with self._db.read() as session:
            return paginate(session, query, recording_of, page, per_page)

    def set_result(self, recording_id: str, result: Mapping[str, Any] | None) -> Recording:
        """Keep what was heard in it, as `Timeline.to_dict`; errors as `get`."""
        with self._db.begin() as session:
            row = _locked(session, recording_id)
            if row.deleted_at is not None:
                raise _no_such_recording(recording_id)
            row.result = None if result is None else dict(result)
            row.label = ((result or {}).get("emotion") or {}).get("label")
            session.flush()
            return recording_of(row)

    def hold(self, recording_id: str, on: bool) -> Recording:
        """Put it under legal hold, or end that; errors as `get`."""
        with self._db.begin() as session:
            row = _locked(session, recording_id)
            if row.deleted_at is not None:
                raise _no_such_recording(recording_id)
            row.legal_hold = on
            session.flush()
            return recording_of(row)

    def delete(self, recording_id: str) -> Recording:
        """Put it away: nobody sees it, and `restore` brings it back until it is purged.

        Raises:
            ConflictError: it or its call is under legal hold.
            NotFoundError: there is none of that id.
        """
        with self._db.begin() as session:
            row = _unheld(session, recording_id)
            row.deleted_at = row.deleted_at or self._clock()
            session.flush()
            return recording_of(row)

    def restore(self, recording_id: str) -> Recording:
        """Undo `delete`.

        Raises:
            NotFoundError: there is none of that id, or it has been purged.
        """
        with self._db.begin() as session:
            row = _locked(session, recording_id)
            row.deleted_at = None
            session.flush()
            return recording_of(row)

    def purge(self, recording_id: str, due: ColumnElement[bool] | None = None) -> bool:
        """Delete it for good; gives whether its file goes too, once the transaction is kept.

        A file that cannot go then is one of `unused_files`.

        Args:
            recording_id: which.
            due: what must be so of its row.

        Raises:
            ConflictError: it or its call is under legal hold, or `due` is not so.
            NotFoundError: there is none of that id.
            StoreError: its file cannot go.
        """
        with self._db.begin() as session:
            row = _unheld(session, recording_id)
            mine = RecordingRow.id == recording_id
            if due is not None and session.scalar(select(RecordingRow.id).where(mine, due)) is None:
                raise ConflictError(
                    f"expected a recording that is to go, came {recording_id!r}, which is to stay; "
                    "look again"
                )
            sha256 = row.sha256
            _lock_blob(session, sha256)
            session.execute(delete(RecordingRow).where(mine))
            goes = _forget_unused(session, sha256)
            if goes:
                # Not before: an error on the way would bring back the row alone.
                self._db.after(lambda: self.drop_unused_file(sha256))
            return goes

    def unused_files(self, older_than: datetime) -> Iterator[str]:
        """The content of files that no recording refers to and that were put before `older_than`.

        Uploads that were cut off between file and row leave such.
        """
        for sha256 in self._blobs.older_than(older_than):
            with self._db.read() as session:
                is_used = session.get(BlobRow, sha256) is not None
            if not is_used:
                yield sha256

    def drop_unused_file(self, sha256: str) -> bool:
        """Delete a file unless a recording refers to it by now; gives whether it went."""
        with self._db.begin() as session:
            _lock_blob(session, sha256)
            # With its row locked nobody can add a recording of it meanwhile.
            return _forget_unused(session, sha256) and self._blobs.delete(sha256)


def recording_of(row: RecordingRow) -> Recording:
    """The value of a row."""
    return Recording(
        id=row.id,
        sha256=row.sha256,
        name=row.name,
        size_bytes=row.size_bytes,
        duration_s=row.duration_s,
        rate_hz=row.rate_hz,
        channels=row.channels,
        codec=row.codec,
        created_at=row.created_at,
        created_by=row.created_by,
        call_id=row.call_id,
        legal_hold=row.legal_hold or bool(row.call_held),
        deleted_at=row.deleted_at,
        result=row.result,
    )


def _lock_blob(session: Session, sha256: str) -> None:
    """Hold the file's row, made if it is not there, until the transaction ends."""
    upsert(session, BlobRow, "sha256", {"sha256": sha256})


def _refuse_erased(session: Session, call_id: str | None) -> None:
    # Locked: a recording that comes while its call is erased must not outlive that.
    call = select(CallRow.erased_at).where(CallRow.id == call_id).with_for_update()
    if call_id is not None and session.scalar(call) is not None:
        raise ConflictError(f"expected a call with content, came {call_id!r}, which was erased")


def _forget_unused(session: Session, sha256: str) -> bool:
    """Delete the locked row of a file unless a recording refers to it; gives whether it went."""
    users = select(func.count()).where(RecordingRow.sha256 == sha256)
    if session.scalar(users):
        return False
    session.execute(delete(BlobRow).where(BlobRow.sha256 == sha256))
    return True


def _unheld(session: Session, recording_id: str) -> RecordingRow:
    """As `_locked`, and its call, too: neither comes under legal hold meanwhile."""
    call_id = session.scalar(select(RecordingRow.call_id).where(RecordingRow.id == recording_id))
    # The call first, as whoever erases it does.
    call = None if call_id is None else lock_call(session, call_id)
    row = _locked(session, recording_id)
    if row.legal_hold or (call is not None and call.legal_hold):
        raise ConflictError(
            f"expected a recording that may be deleted, came {row.id!r}, which is under legal "
            "hold; end the hold first"
        )
    return row


def _locked(session: Session, recording_id: str) -> RecordingRow:
    """The recording as it is now, which nobody else changes before the transaction ends."""
    row = session.get(RecordingRow, recording_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise _no_such_recording(recording_id)
    return row


def _found(session: Session, recording_id: str) -> RecordingRow:
    row = session.get(RecordingRow, recording_id)
    if row is None:
        raise _no_such_recording(recording_id)
    return row


def _no_such_recording(recording_id: str) -> NotFoundError:
    return NotFoundError(f"expected a recording's id, came {recording_id!r}, which none has")
