"""People who sign in, and the links by which they come in for the first time.

It stores what it is given for a password hash and checks none: hashing is the service's.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from tonewatch.core.errors import ConflictError, NotFoundError, UnfitError
from tonewatch.store.database import Database
from tonewatch.store.tables import UserRow

_LONGEST_NAME = 64


class UserRole(StrEnum):
    """What a person may do; the service says what each role permits."""

    CALL_TAKER = "call_taker"
    SUPERVISOR = "supervisor"
    RESEARCHER = "researcher"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class User:
    """A person who signs in."""

    id: str
    name: str
    role: UserRole
    active: bool
    created_at: datetime


class Users:
    """The people in one database."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock

    def create(self, name: str, role: UserRole, password_hash: str | None = None) -> User:
        """Add a person.

        Raises:
            ConflictError: there is one of that name, whatever its case.
            UnfitError: the name is empty, too long, or holds what cannot be seen.
        """
        row = UserRow(
            id=uuid4().hex,
            name=_clean(name),
            name_key=name_key(name),
            role=UserRole(role).value,
            active=True,
            password_hash=password_hash,
            created_at=self._clock(),
        )
        with self._db.begin() as session:
            if _by_name(session, name) is not None:
                raise ConflictError(f"expected a new name, came {name!r}, which is taken")
            session.add(row)
            session.flush()
            return user_of(row)

    def get(self, user_id: str) -> User:
        """One person.

        Raises:
            NotFoundError: there is none of that id.
        """
        with self._db.read() as session:
            return user_of(_found(session, user_id))

    def by_name(self, name: str) -> User | None:
        with self._db.read() as session:
            row = _by_name(session, name)
            return None if row is None else user_of(row)

    def list(self) -> tuple[User, ...]:
        """Everybody, by name."""
        with self._db.read() as session:
            rows = session.scalars(select(UserRow).order_by(UserRow.name_key))
            return tuple(user_of(row) for row in rows)

    def password_hash_of(self, name: str) -> str | None:
        """The hash of an active person's password; None where there is no such person or hash."""
        with self._db.read() as session:
            row = _by_name(session, name)
            return row.password_hash if row is not None and row.active else None

    def set_password(self, user_id: str, password_hash: str | None) -> User:
        with self._db.begin() as session:
            row = _found(session, user_id)
            row.password_hash = password_hash
            return user_of(row)

    def set_role(self, user_id: str, role: UserRole) -> User:
        """Change what a person may do.

        Raises:
            ConflictError: nobody could administrate any more.
            NotFoundError: there is nobody of that id.
        """
        with self._db.begin() as session:
            row = _found(session, user_id)
            if UserRole(role) is not UserRole.ADMINISTRATOR:
                _spare_the_last_administrator(session, row)
            row.role = UserRole(role).value
            return user_of(row)

    def set_active(self, user_id: str, active: bool) -> User:
        """Let a person in, or no longer; errors as `set_role`."""
        with self._db.begin() as session:
            row = _found(session, user_id)
            if not active:
                _spare_the_last_administrator(session, row)
            row.active = active
            return user_of(row)


def name_key(name: str) -> str:
    """What is the same for all spellings of one name."""
    return unicodedata.normalize("NFKC", name.strip()).casefold()


def user_of(row: UserRow) -> User:
    """The value of a row."""
    return User(row.id, row.name, UserRole(row.role), row.active, row.created_at)


def _found(session: Session, user_id: str) -> UserRow:
    row = session.get(UserRow, user_id)
    if row is None:
        raise NotFoundError(f"expected a user, came {user_id!r}, which none is")
    return row


def _by_name(session: Session, name: str) -> UserRow | None:
    if len(name) > _LONGEST_NAME:
        return None
    return session.scalar(select(UserRow).where(UserRow.name_key == name_key(name)))


def _spare_the_last_administrator(session: Session, row: UserRow) -> None:
    # All of them are locked: two who dismiss each other at once must not both succeed.
    administrators = session.scalars(
        select(UserRow.id)
        .where(UserRow.role == UserRole.ADMINISTRATOR.value, UserRow.active)
        .order_by(UserRow.id)
        .with_for_update()
    ).all()
    if list(administrators) == [row.id]:
        raise ConflictError(
            f"expected to keep one active administrator, and {row.name!r} is the last; "
            "make another one first"
        )


def _clean(name: str) -> str:
    name = unicodedata.normalize("NFC", name.strip())
    if not (1 <= len(name) <= _LONGEST_NAME and name.isprintable()):
        raise UnfitError(
            f"expected a name of 1 to {_LONGEST_NAME} visible characters, came {name[:80]!r}"
        )
    return name
