"""What a service keeps, for commands that look into it: it must be there, none makes it anew."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tonewatch.core.errors import SettingsError

if TYPE_CHECKING:
    from tonewatch.service.settings import Settings
    from tonewatch.store.database import Database


@contextmanager
def kept_database(settings: "Settings") -> "Iterator[Database]":
    """The database of a service with these settings, closed at the end.

    Raises:
        SettingsError: there is none.
    """
    from tonewatch.store.database import Database

    database = Database(settings.database)
    if database.kind == "sqlite" and not Path(database.url.database or "").is_file():
        raise SettingsError(
            f"expected a database at {database.url.database}, came none; name one with --database, "
            "or its folder with --data-dir"
        )
    try:
        yield database
    finally:
        database.close()
