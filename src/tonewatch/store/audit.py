"""The audit: who did what to what, as a chain in which each entry holds the hash of the one before.

An entry's hash is the SHA-256 of the previous entry's hash, a newline, and the entry as canonical
JSON (RFC 8785's idea, not its number format). Changing, inserting or deleting entries breaks the
chain. Whoever may write the database can forge a whole new chain, or cut its end and set the head
back: only a head noted elsewhere shows that, so `head` gives one and `verify` takes it.
Subjects are `KIND:ID`, as `call:4f…`; personal data does not belong into an entry, which
outlives the erasure of what it is about.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from tonewatch.core.errors import AuditError
from tonewatch.store.columns import as_utc, canonical
from tonewatch.store.database import Database
from tonewatch.store.page import Page, paginate
from tonewatch.store.tables import AuditHeadRow, AuditRow

GENESIS = "0" * 64
PRUNED = "audit.pruned"
_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Draft:
    """What an entry says, before it is in the chain."""

    actor: str
    action: str
    subject: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One link of the chain."""

    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: Mapping[str, Any]
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry's number and hash; number 0 before the first."""

    number: int
    hash: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What walking the chain found.

    Attributes:
        ok: whether it is whole.
        n: how many entries were looked at.
        first_bad: the number at which it breaks; None if it is whole.
        problem: what is wrong there; empty if it is whole.
        head: the newest entry, to be noted elsewhere.
    """

    ok: bool
    n: int
    first_bad: int | None
    problem: str
    head: Head


class Audit:
    """The chain in one database."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock

    def append(
        self, actor: str, action: str, subject: str, details: Mapping[str, Any] | None = None
    ) -> Entry:
        """Add one entry; errors as `append_all`."""
        return self.append_all([Draft(actor, action, subject, details or {})])[0]

    def append_all(self, drafts: Sequence[Draft]) -> tuple[Entry, ...]:
        """Add entries at the end of the chain; other processes wait meanwhile.

        In a longer transaction this comes last, for it holds up everybody else's.

        Raises:
            AuditError: the chain has no head; somebody took it away.
            UnfitError: an entry is not JSON, or too long.
        """
        with self._db.begin() as session:
            return self._append(session, drafts)

    def hold(self) -> None:
        """Let nobody else append until this transaction ends.

        For a change that depends on what it read: two at once then come one after the other.
        """
        with self._db.begin() as session:
            session.execute(select(AuditHeadRow.number).with_for_update())

    def _append(self, session: Session, drafts: Sequence[Draft]) -> tuple[Entry, ...]:
        if not drafts:
            return ()
        locked = select(AuditHeadRow.number, AuditHeadRow.hash).with_for_update()
        head = session.execute(locked).one_or_none()
        if head is None:
            raise AuditError("expected the audit's head, came none; see `tonewatch audit verify`")
        number, previous = head
        at = as_utc(self._clock())
        entries = []
        for draft in drafts:
            number += 1
            # As it will be read again: keys are strings, and tuples lists.
            details = json.loads(canonical(dict(draft.details)))
            made = _hash(previous, number, at, draft.actor, draft.action, draft.subject, details)
            entries.append(
                Entry(number, at, draft.actor, draft.action, draft.subject, details, previous, made)
            )
            previous = made
        session.execute(insert(AuditRow), [_as_row(entry) for entry in entries])
        session.execute(update(AuditHeadRow).values(number=number, hash=previous))
        return tuple(entries)

    def head(self) -> Head:
        """The newest entry; note it where nobody who may write the database can.

        Raises:
            AuditError: the chain has no head.
        """
        with self._db.read() as session:
            row = session.scalar(select(AuditHeadRow))
            if row is None:
                raise AuditError("expected the audit's head, came none; somebody took it away")
            return Head(row.number, row.hash)

    def verify(self, noted: Head | None = None) -> Verification:
        """Walk the whole chain.

        Args:
            noted: a head that was noted elsewhere; the chain must still lead through it.
        """
        head = self.head()
        walk = _Walk(head, noted)
        try:
            for entry in self._entries(head.number):
                if not walk.step(entry):
                    break
        except (TypeError, ValueError):
            walk.fail_at_next("the entry cannot be read")
        return walk.result()

    def list(
        self,
        *,
        actor: str | None = None,
        action: str | None = None,
        subject: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        page: int = 1,
        per_page: int = 50,
    ) -> Page[Entry]:
        """Entries, the newest first.

        Args:
            actor: only theirs.
            action: only such; with a dot at its end, all that begin with it.
            subject: only about it.
            since: of then or later.
            until: of before.
            page: counted from 1.
            per_page: how many at a time.

        Raises:
            UnfitError: there can be no such page.
        """
        query = select(AuditRow).order_by(AuditRow.number.desc())
        if actor is not None:
            query = query.where(AuditRow.actor == actor)
        if action is not None and action.endswith("."):
            query = query.where(AuditRow.action.startswith(action, autoescape=True))
        elif action is not None:
            query = query.where(AuditRow.action == action)
        if subject is not None:
            query = query.where(AuditRow.subject == subject)
        if since is not None:
            query = query.where(AuditRow.at >= since)
        if until is not None:
            query = query.where(AuditRow.at < until)
        with self._db.read() as session:
            return paginate(session, query, _entry, page, per_page)

    def about(self, subjects: Sequence[str]) -> tuple[Entry, ...]:
        """All entries about any of the subjects, the oldest first."""
        query = select(AuditRow).where(AuditRow.subject.in_(subjects)).order_by(AuditRow.number)
        with self._db.read() as session:
            return tuple(_entry(row) for row in session.scalars(query))

    def prune(self, before: datetime, actor: str) -> int:
        """Delete the entries at the chain's begin that are older, and say so in a new entry.

        Gives how many. The new entry holds the hash that the rest hangs on, so that `verify` can
        tell this from a deletion by somebody else.
        """
        with self._db.begin() as session:
            session.execute(select(AuditHeadRow.number).with_for_update())
            first_kept = session.scalar(
                select(func.min(AuditRow.number)).where(AuditRow.at >= before)
            )
            old = select(AuditRow).order_by(AuditRow.number.desc()).limit(1)
            if first_kept is not None:
                old = old.where(AuditRow.number < first_kept)
            last = session.scalar(old)
            if last is None:
                return 0
            details = {"through": last.number, "hash": last.hash}
            n = session.execute(delete(AuditRow).where(AuditRow.number <= last.number)).rowcount  # type: ignore[attr-defined]
            self._append(session, [Draft(actor, PRUNED, "audit", details | {"entries": n})])
            return int(n)

    def _entries(self, through: int) -> Iterator[Entry]:
        """All entries up to the one of that number and some after it; a bad one raises."""
        after = -1
        limit = _CHUNK
        while after < through:
            query = select(AuditRow).where(AuditRow.number > after).order_by(AuditRow.number)
            try:
                with self._db.read() as session:
                    entries = [_entry(row) for row in session.scalars(query.limit(limit))]
            except (TypeError, ValueError):
                if limit == 1:
                    raise
                limit = 1  # to give those before the one that cannot be read
                continue
            if not entries:
                return
            yield from entries
            after = entries[-1].number


class _Walk:
    """What is known of the chain so far."""

    def __init__(self, head: Head, noted: Head | None) -> None:
        self._head = head
        self._noted = noted
        self._n = 0
        self._first: Entry | None = None
        self._last = Head(0, GENESIS)
        self._pruned: Head | None = None
        self._bad: tuple[int, str] | None = None

    def step(self, entry: Entry) -> bool:
        """Look at the next entry; gives whether all is well so far."""
        self._n += 1
        if self._first is None:
            self._first = entry
        elif entry.number != self._last.number + 1:
            return self._fail(self._last.number + 1, "the entry is missing")
        elif entry.previous != self._last.hash:
            return self._fail(entry.number, "it does not hang on the entry before")
        if entry.hash != hash_of(entry):
            return self._fail(entry.number, "its content is not what its hash says")
        for known, what in ((self._noted, "the one that was noted"), (self._head, "the head")):
            if known is not None and known.number == entry.number and known.hash != entry.hash:
                return self._fail(entry.number, f"it is not {what}")
        if entry.action == PRUNED:
            self._pruned = Head(entry.details.get("through", 0), entry.details.get("hash", ""))
        self._last = Head(entry.number, entry.hash)
        return True

    def fail_at_next(self, problem: str) -> None:
        self._fail(self._last.number + 1, problem)

    def result(self) -> Verification:
        if self._bad is None:
            self._look_at_the_ends()
        number, problem = self._bad or (None, "")
        return Verification(self._bad is None, self._n, number, problem, self._last)

    def _look_at_the_ends(self) -> None:
        for known in (self._head, self._noted):
            if known is not None and known.number > self._last.number:
                self._fail(self._last.number + 1, f"it is missing, and all up to {known.number}")
                return
        if self._first is None:
            return
        before = Head(self._first.number - 1, self._first.previous)
        if before not in (Head(0, GENESIS), self._pruned):
            self._fail(self._first.number, "what was before it is gone, and no entry says why")

    def _fail(self, number: int, problem: str) -> bool:
        self._bad = (number, problem)
        return False


def hash_of(entry: Entry) -> str:
    """The hash that an entry must have, from all else in it."""
    return _hash(
        entry.previous,
        entry.number,
        entry.at,
        entry.actor,
        entry.action,
        entry.subject,
        entry.details,
    )


def _hash(
    previous: str,
    number: int,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    details: Mapping[str, Any],
) -> str:
    said = {
        "number": number,
        "at": as_utc(at).isoformat(timespec="microseconds"),
        "actor": actor,
        "action": action,
        "subject": subject,
        "details": dict(details),
    }
    return sha256(f"{previous}\n{canonical(said)}".encode()).hexdigest()


def _as_row(entry: Entry) -> dict[str, Any]:
    return {
        "number": entry.number,
        "at": entry.at,
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "details": dict(entry.details),
        "previous": entry.previous,
        "hash": entry.hash,
    }


def _entry(row: AuditRow) -> Entry:
    return Entry(
        number=row.number,
        at=row.at,
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        details=row.details,
        previous=row.previous,
        hash=row.hash,
    )
