"""Settings that people change while the service runs, by name; what they mean is the service's."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from tonewatch.store.database import Database
from tonewatch.store.tables import PreferenceRow
from tonewatch.store.upsert import insert_new, upsert


class Preferences:
    """Values of JSON by key."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock

    def get(self, key: str, default: Any = None) -> Any:
        with self._db.read() as session:
            row = session.get(PreferenceRow, key)
            return default if row is None else row.value

    def set(self, key: str, value: Any) -> None:
        """Keep a value; None forgets the one that was.

        Raises:
            UnfitError: it is no value of JSON, or the key is longer than 64 characters.
        """
        with self._db.begin() as session:
            if value is None:
                session.execute(delete(PreferenceRow).where(PreferenceRow.key == key))
            else:
                values = {"key": key, "value": value, "changed_at": self._clock()}
                upsert(session, PreferenceRow, "key", values)

    def change(self, key: str, first: Any, change: Callable[[Any], Any]) -> Any:
        """Keep what `change` makes of the value; until then nobody else sets it.

        Args:
            key: whose value.
            first: the value where there is none yet.
            change: gives the new value, not None.

        Returns:
            What is kept now.

        Raises:
            UnfitError: as `set`.
        """
        with self._db.begin() as session:
            values = {"key": key, "value": first, "changed_at": self._clock()}
            insert_new(session, PreferenceRow, [values])  # a row that is not there locks nobody out
            query = select(PreferenceRow.value).where(PreferenceRow.key == key).with_for_update()
            value = change(session.scalar(query))
            upsert(session, PreferenceRow, "key", values | {"value": value})
            return value

    def all(self) -> dict[str, Any]:
        with self._db.read() as session:
            rows = session.scalars(select(PreferenceRow).order_by(PreferenceRow.key))
            return {row.key: row.value for row in rows}
