"""Write a row whether or not its key is there, and hold it: one statement that cannot race.

Trying to insert and updating on failure deadlocks on MariaDB: there the failed insert keeps a
shared lock, which two processes then both want to raise.
"""

from typing import Any

from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.orm import Session

from tonewatch.store.tables import Base


def upsert(session: Session, table: type[Base], key: str, values: dict[str, Any]) -> None:
    """Insert `values`, or update the row that has the same `key`; it stays locked until commit."""
    kind = session.get_bind().dialect.name
    if kind in ("mysql", "mariadb"):
        session.execute(mysql.insert(table).values(values).on_duplicate_key_update(values))
        return
    insert = postgresql.insert if kind == "postgresql" else sqlite.insert
    session.execute(
        insert(table).values(values).on_conflict_do_update(index_elements=[key], set_=values)
    )
