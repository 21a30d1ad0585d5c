"""One migrated database of each kind for all tests, emptied before each; and what is in it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from store.kept import Clock, Kept
from store.servers import KINDS, new_database
from tonewatch.store.audit import GENESIS
from tonewatch.store.database import Database
from tonewatch.store.tables import AuditHeadRow, Base

NewUrl = Callable[[str], str]


@pytest.fixture(scope="session")
def new_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewUrl]:
    """Makes empty databases, and drops them in the end."""
    folder = tmp_path_factory.mktemp("databases")
    with ExitStack() as stack:
        yield lambda kind: stack.enter_context(new_database(kind, folder))


@pytest.fixture(scope="session", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def migrated(new_url: NewUrl) -> Iterator[Callable[[str], Database]]:
    """Gives the one of a kind, migrated when it is first asked for."""
    made: dict[str, Database] = {}

    def of(kind: str) -> Database:
        if kind not in made:
            database = Database(new_url(kind))
            database.upgrade()
            made[kind] = database
        return made[kind]

    yield of
    for database in made.values():
        database.close()


@pytest.fixture
def db(kind: str, migrated: Callable[[str], Database]) -> Database:
    database = migrated(kind)
    with database.begin() as session:
        for table in reversed(Base.metadata.sorted_tables):
            if table.name != AuditHeadRow.__tablename__:
                session.execute(delete(table))
        session.execute(update(AuditHeadRow).values(number=0, hash=GENESIS))
    return database


@pytest.fixture
def url(db: Database) -> str:
    return db.url.render_as_string(hide_password=False)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kept(db: Database, clock: Clock, tmp_path: Path) -> Kept:
    return Kept.open(db, clock, tmp_path / "blobs")
