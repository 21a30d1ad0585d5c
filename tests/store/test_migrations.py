from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from store.kept import Clock, Kept, windows
from store.processes import run_in_processes, upgrade
from store.servers import new_database
from tonewatch.core.errors import UnavailableError
from tonewatch.store import database as database_module
from tonewatch.store.database import Database
from tonewatch.store.tables import Base
from tonewatch.store.users import UserRole


@pytest.fixture
def fresh(kind: str, tmp_path: Path) -> Iterator[Database]:
    """A database without tables."""
    with new_database(kind, tmp_path) as url:
        database = Database(url)
        yield database
        database.close()


def tables(database: Database) -> set[str]:
    with database.read() as session:
        return set(inspect(session.connection()).get_table_names()) - {"alembic_version"}


def fill(kept: Kept) -> None:
    user = kept.users.create("Ada", UserRole.ADMINISTRATOR, "hash")
    kept.keys.create("k", ["read"], user.id)
    kept.ended_call("c", caller="Grace")
    kept.notes.add("c", "Ada", "a note")
    decide(kept)
    kept.recording(b"sound", call_id="c")
    kept.audit.append("Ada", "test.filled", "test:1", {"x": 0.1})
    kept.preferences.set("a", [1])


def check(kept: Kept) -> None:
    assert [user.name for user in kept.users.list()] == ["Ada"]
    assert kept.keys.list()[0].scopes == ("read",)
    assert kept.calls.get("c").metadata == {"caller": "Grace"}
    assert kept.calls.windows("c") == windows(2)
    assert kept.notes.of("c")[0].text == "a note"
    assert kept.decisions.of("c")[0].reason == "because"
    assert kept.recordings.list().items[0].call_id == "c"
    assert kept.audit.verify().ok
    assert kept.audit.head().number == 1
    assert kept.preferences.all() == {"a": [1]}


def decide(kept: Kept) -> None:
    """As the first version's table has it."""
    with kept.db.begin() as session:
        columns = "call_id, user, kind, value, reason, created_at"
        kinds = {"mariadb": "`user`", "postgresql": '"user"'}
        columns = columns.replace("user", kinds.get(kept.db.kind, "user"))
        values = "'c', 'Ada', 'check', 'yes', 'because', '2026-03-01 12:00:00'"
        session.execute(text(f"INSERT INTO decisions ({columns}) VALUES ({values})"))


def test_tables_are_what_migrations_make(db: Database) -> None:
    with db.read() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_up_and_down_with_data_in_them(fresh: Database, tmp_path: Path) -> None:
    kept = Kept.open(fresh, Clock(), tmp_path / "blobs")
    fresh.upgrade("0001")
    assert "assessments" not in tables(fresh)
    fill(kept)
    fresh.upgrade()
    check(kept)
    assessment = kept.assessment("c")
    assert kept.assessments.of("c") == (assessment,)
    said, policy = kept.said("c"), kept.policies.add("1", "ab" * 32, "text", "Ada")
    kept.decisions.add("c", "Ada", "urgency", "high", "", {"band": "low"})
    assert kept.transcripts.of("c") == said
    assert kept.policies.all() == (policy,)
    kept.spotted("c")
    fresh.downgrade("0003")
    assert "spotted" not in tables(fresh)
    assert kept.transcripts.of("c") == said
    fresh.downgrade("0002")
    assert {"transcript", "policies"}.isdisjoint(tables(fresh))
    assert kept.assessments.of("c") == (assessment,)
    fresh.upgrade()
    assert [each.shown for each in kept.decisions.of("c")] == [None, None]
    assert kept.transcripts.of("c") == ()
    assert kept.transcripts.spotted("c") == ()
    assert kept.policies.all() == ()
    fresh.downgrade("0001")
    assert "assessments" not in tables(fresh)
    fresh.upgrade()
    check(kept)
    assert kept.assessments.of("c") == ()
    kept.assessment("c")
    fresh.downgrade("base")
    assert tables(fresh) == set()
    fresh.upgrade()
    assert kept.users.list() == ()
    assert kept.audit.head().number == 0
    fill(kept)
    check(kept)


def test_upgrading_what_is_up_to_date_changes_nothing(kept: Kept) -> None:
    fill(kept)
    kept.db.upgrade()
    check(kept)


def test_processes_that_upgrade_at_once_do_not_meet(fresh: Database) -> None:
    run_in_processes(3, upgrade, fresh.url.render_as_string(hide_password=False))
    assert tables(fresh) == set(Base.metadata.tables)


@pytest.mark.parametrize("kind", ["mariadb"], indirect=True)  # on the others it waits for ever
def test_a_migration_that_does_not_end_is_told(
    fresh: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_timeout = database_module._CONNECT["mariadb"]["read_timeout"]
    assert read_timeout > database_module._LOCK_WAIT_S
    monkeypatch.setitem(database_module._CONNECT["mariadb"], "read_timeout", 3)
    monkeypatch.setattr(database_module, "_LOCK_WAIT_S", 1)
    monkeypatch.setattr(database_module, "_MIGRATION_WAIT_S", 4)
    with fresh.read() as other:
        name = f"tonewatch {fresh.url.database}"
        assert other.scalar(text("SELECT GET_LOCK(:name, 0)"), {"name": name}) == 1
        with pytest.raises(UnavailableError, match="alone in changing the tables"):
            Database(fresh.url.render_as_string(hide_password=False)).upgrade()
    assert tables(fresh) == set()
