"""The rules of triage that were ever in force, each as the text of its file, the newest last.

What a text means is triage's; nothing is ever deleted, so that any old one can be put back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from tonewatch.core.errors import ConflictError, NotFoundError
from tonewatch.store.database import Database
from tonewatch.store.tables import PolicyRow


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """Rules that somebody put in force.

    Attributes:
        version: their name; the same name is always the same text.
        sha256: the hash of the text.
        text: the file.
        actor: who put them in force.
        set_at: when.
    """

    version: str
    sha256: str
    text: str
    actor: str
    set_at: datetime


class PolicyTexts:
    """The rules in one database."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock

    def add(self, version: str, sha256: str, text: str, actor: str) -> PolicyVersion:
        """Put rules in force.

        Raises:
            ConflictError: the version's name is that of another text.
            UnfitError: the name is longer than 64 characters.
        """
        row = PolicyRow(
            version=version, sha256=sha256, text=text, actor=actor, set_at=self._clock()
        )
        with self._db.begin() as session:
            known = session.scalar(
                select(PolicyRow.sha256).where(PolicyRow.version == version).limit(1)
            )
            if known is not None and known != sha256:
                raise ConflictError(
                    f"expected a new version for new rules, came {version!r}, which other rules "
                    "have; name another"
                )
            session.add(row)
            session.flush()
            return _version(row)

    def latest(self) -> PolicyVersion | None:
        """The rules in force; None where nobody set any."""
        query = select(PolicyRow).order_by(PolicyRow.id.desc()).limit(1)
        with self._db.read() as session:
            row = session.scalar(query)
            return None if row is None else _version(row)

    def get(self, version: str) -> PolicyVersion:
        """The rules of that name, as they were last put in force.

        Raises:
            NotFoundError: there never were any.
        """
        query = select(PolicyRow).where(PolicyRow.version == version)
        with self._db.read() as session:
            row = session.scalar(query.order_by(PolicyRow.id.desc()).limit(1))
            if row is None:
                raise NotFoundError(
                    f"expected a version that was in force, came {version!r}; look at the list"
                )
            return _version(row)

    def all(self) -> tuple[PolicyVersion, ...]:
        """Whatever was in force, the newest first."""
        query = select(PolicyRow).order_by(PolicyRow.id.desc())
        with self._db.read() as session:
            return tuple(_version(row) for row in session.scalars(query))


def _version(row: PolicyRow) -> PolicyVersion:
    return PolicyVersion(row.version, row.sha256, row.text, row.actor, row.set_at)
