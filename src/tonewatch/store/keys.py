"""API keys: `tw_PREFIX_RANDOM`, of which the prefix and a hash of the whole are kept.

SHA-256 is enough here: the secret has 256 random bits, so nobody can guess from its hash.
"""

import hmac
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import uuid4

from sqlalchemy import select

from tonewatch.core.errors import NotFoundError
from tonewatch.store.database import Database
from tonewatch.store.tables import KeyRow, UserRow

# Writing down each use would make every request a write.
_USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known about a key, but for its secret."""

    id: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    user_id: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class ApiKeys:
    """The keys in one database."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock

    def create(
        self,
        name: str,
        scopes: Iterable[str],
        user_id: str | None = None,
        expires_at: datetime | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key, and its secret, which is told this once.

        Raises:
            ConflictError: there is nobody of that id.
        """
        prefix = secrets.token_hex(4)
        secret = f"tw_{prefix}_{secrets.token_urlsafe(32)}"
        row = KeyRow(
            id=uuid4().hex,
            name=name,
            prefix=prefix,
            secret_sha256=_hash(secret),
            scopes=sorted(set(scopes)),
            user_id=user_id,
            created_at=self._clock(),
            expires_at=expires_at,
        )
        with self._db.begin() as session:
            session.add(row)
            session.flush()
            return _key(row), secret

    def check(self, secret: str) -> ApiKey | None:
        """The key of a secret; None if there is none that works now."""
        parts = secret.split("_", 2)
        if len(parts) != 3 or parts[0] != "tw" or not parts[1].isalnum():
            return None
        now = self._clock()
        with self._db.read() as session:
            row = session.scalar(select(KeyRow).where(KeyRow.prefix == parts[1][:16]))
            if row is None or not hmac.compare_digest(row.secret_sha256, _hash(secret)):
                return None
            if row.revoked_at is not None:
                return None
            if row.expires_at is not None and row.expires_at <= now:
                return None
            owner = None if row.user_id is None else session.get(UserRow, row.user_id)
            if owner is not None and not owner.active:
                return None
            key = _key(row)
        if key.last_used_at is None or now - key.last_used_at >= _USE_NOTED_EVERY:
            with self._db.begin() as session:
                row = session.get_one(KeyRow, key.id)
                row.last_used_at = now
                key = _key(row)
        return key

    def get(self, key_id: str) -> ApiKey:
        """One key.

        Raises:
            NotFoundError: there is none of that id.
        """
        with self._db.read() as session:
            row = session.get(KeyRow, key_id)
            if row is None:
                raise _no_such_key(key_id)
            return _key(row)

    def list(self, user_id: str | None = None) -> tuple[ApiKey, ...]:
        """All keys or those of one person, the newest first."""
        query = select(KeyRow).order_by(KeyRow.created_at.desc(), KeyRow.id)
        if user_id is not None:
            query = query.where(KeyRow.user_id == user_id)
        with self._db.read() as session:
            return tuple(_key(row) for row in session.scalars(query))

    def revoke(self, key_id: str) -> ApiKey:
        """End a key; one that has ended stays as it is.

        Raises:
            NotFoundError: there is none of that id.
        """
        with self._db.begin() as session:
            row = session.get(KeyRow, key_id)
            if row is None:
                raise _no_such_key(key_id)
            row.revoked_at = row.revoked_at or self._clock()
            return _key(row)


def _no_such_key(key_id: str) -> NotFoundError:
    return NotFoundError(f"expected an API key's id, came {key_id!r}, which none has")


def _hash(secret: str) -> str:
    return sha256(secret.encode(errors="surrogatepass")).hexdigest()


def _key(row: KeyRow) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        scopes=tuple(row.scopes),
        user_id=row.user_id,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
