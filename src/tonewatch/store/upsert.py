"""Write rows whether or not their keys are there: one statement that cannot race.

Trying to insert and updating on failure deadlocks on MariaDB: there the failed insert keeps a
shared lock, which two processes then both want to raise.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import inspect
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


def insert_new(session: Session, table: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows whose key is not there yet; the others stay as they are."""
    if not rows:
        return
    kind = session.get_bind().dialect.name
    if kind in ("mysql", "mariadb"):
        # Not INSERT IGNORE, which takes every other error for a warning, too.
        insert = mysql.insert(table)
        key = inspect(table).primary_key[0].name
        session.execute(insert.on_duplicate_key_update({key: insert.inserted[key]}), rows)
        return
    made = postgresql.insert(table) if kind == "postgresql" else sqlite.insert(table)
    session.execute(made.on_conflict_do_nothing(), rows)
