"""Links that work once: the first administrator's, an invitation's, a forgotten password's.

Of a link's token only the hash is kept, so that who reads the database cannot use it.
"""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tonewatch.core.errors import NotFoundError
from tonewatch.store.database import Database
from tonewatch.store.tables import LinkRow, UserRow
from tonewatch.store.users import User, user_of


class OneTimeLinks:
    """The tokens of links in one database."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock

    def create(self, user_id: str, purpose: str, ttl: timedelta) -> str:
        """A new token for a person; older ones of that purpose no longer work.

        Raises:
            NotFoundError: there is nobody of that id.
        """
        token = secrets.token_urlsafe(32)
        with self._db.begin() as session:
            if session.get(UserRow, user_id) is None:
                raise NotFoundError(f"expected a user, came {user_id!r}, which none is")
            self.end(user_id, purpose)
            session.add(
                LinkRow(
                    token_sha256=_hash(token),
                    user_id=user_id,
                    purpose=purpose,
                    expires_at=self._clock() + ttl,
                )
            )
        return token

    def end(self, user_id: str, purpose: str) -> None:
        """Let no unused token of that purpose work any more."""
        with self._db.begin() as session:
            session.execute(
                update(LinkRow)
                .where(LinkRow.user_id == user_id, LinkRow.purpose == purpose)
                .where(LinkRow.used_at.is_(None))
                .values(used_at=self._clock())
            )

    def peek(self, token: str, purpose: str | None = None) -> User:
        """Whose the token is, without using it: to show the form that uses it.

        Raises:
            NotFoundError: it is unknown, used, too old, or its person is no longer active.
        """
        with self._db.read() as session:
            return user_of(self._owner(session, token, purpose))

    def use(self, token: str, purpose: str | None = None) -> User:
        """Whose the token is; it works no second time. Errors as `peek`."""
        with self._db.begin() as session:
            owner = self._owner(session, token, purpose)
            done = session.execute(
                update(LinkRow)
                .where(LinkRow.token_sha256 == _hash(token), LinkRow.used_at.is_(None))
                .values(used_at=self._clock())
            )
            if done.rowcount != 1:  # type: ignore[attr-defined]
                raise _no_such_link()
            return user_of(owner)

    def _owner(self, session: Session, token: str, purpose: str | None) -> UserRow:
        query = (
            select(UserRow)
            .join(LinkRow, LinkRow.user_id == UserRow.id)
            .where(LinkRow.token_sha256 == _hash(token), LinkRow.used_at.is_(None))
            .where(LinkRow.expires_at > self._clock(), UserRow.active)
        )
        if purpose is not None:
            query = query.where(LinkRow.purpose == purpose)
        row = session.scalar(query)
        if row is None:
            raise _no_such_link()
        return row


def _no_such_link() -> NotFoundError:
    return NotFoundError(
        "expected a link that still works, came one that is used, too old or unknown; ask for a new"
    )


def _hash(token: str) -> str:
    return sha256(token.encode(errors="surrogatepass")).hexdigest()
