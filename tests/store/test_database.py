import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from store.kept import Kept
from store.proxy import Proxy
from store.servers import SERVERS, new_database
from tonewatch.core.errors import (
    ConflictError,
    SettingsError,
    StoreError,
    UnavailableError,
)
from tonewatch.store.database import Database
from tonewatch.store.users import UserRole


@pytest.mark.parametrize("url", ["", "no url", "oracle://a:secret@b/c", "sqlite://", "://secret"])
def test_an_url_of_no_known_database_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(SettingsError, match="expected") as caught:
        Database(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("postgres://u@h/d", "postgresql+psycopg"),
        ("postgresql://u@h/d", "postgresql+psycopg"),
        ("mysql://u@h/d", "mysql+pymysql"),
        ("mariadb://u@h/d", "mariadb+pymysql"),
    ],
)
def test_the_driver_is_ours_to_choose(url: str, driver: str) -> None:
    assert Database(url).url.drivername == driver


def test_ping(db: Database) -> None:
    db.ping()


def test_what_fails_leaves_nothing(kept: Kept) -> None:
    with pytest.raises(RuntimeError, match="midway"), kept.db.begin():
        kept.preferences.set("a", 1)
        raise RuntimeError("midway")
    assert kept.preferences.all() == {}


def test_calls_within_a_transaction_are_one(kept: Kept) -> None:
    with pytest.raises(ConflictError), kept.db.begin():
        kept.preferences.set("a", 1)
        kept.users.create("Ada", UserRole.SUPERVISOR)
        kept.users.create("ada", UserRole.SUPERVISOR)
    assert kept.preferences.all() == {}
    assert kept.users.list() == ()
    with kept.db.begin():
        kept.preferences.set("a", 1)
        assert kept.preferences.get("a") == 1
    assert kept.preferences.all() == {"a": 1}


def test_another_thread_is_not_within_our_transaction(kept: Kept) -> None:
    seen: list[object] = []
    with kept.db.begin():
        kept.preferences.set("a", 1)
        other = threading.Thread(target=lambda: seen.append(kept.preferences.get("a")))
        other.start()
        other.join(60)
    assert seen == [None]


def test_writing_within_reading_is_our_mistake(kept: Kept) -> None:
    with pytest.raises(AssertionError), kept.db.read(), kept.db.begin():
        pass


def test_reading_does_not_wait_for_a_writer(kept: Kept) -> None:
    kept.preferences.set("a", 1)
    with kept.db.begin():
        kept.preferences.set("a", 2)
        reader = threading.Thread(target=lambda: kept.preferences.get("a"), daemon=True)
        reader.start()
        reader.join(20)
        assert not reader.is_alive()


def test_a_broken_reference_is_a_conflict(kept: Kept) -> None:
    with pytest.raises(ConflictError):
        kept.keys.create("k", ["read"], "nobody")


def test_tables_that_are_not_there(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(StoreError):
        database.downgrade("0001")
    database.close()


def test_tables_of_a_newer_tonewatch_are_refused(kind: str, tmp_path: Path) -> None:
    with new_database(kind, tmp_path) as url:
        database = Database(url)
        database.upgrade()
        with database.begin() as session:
            session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(StoreError, match="use the Tonewatch that made them"):
            database.upgrade()
        database.close()


def test_a_server_that_is_not_there_is_unavailable() -> None:
    for url in ("postgresql://postgres@127.0.0.1:9/x", "mariadb://root@127.0.0.1:9/x"):
        database = Database(url)
        with pytest.raises(UnavailableError, match="try again later"):
            database.ping()
        database.close()


@pytest.mark.parametrize("server", SERVERS)
def test_it_connects_again_after_the_server_was_away(server: str, tmp_path: Path) -> None:
    with new_database(server, tmp_path) as url:
        straight = Database(url).url
        proxy = Proxy(str(straight.host), straight.port or 0)
        database = Database(
            straight.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
        )
        database.ping()
        with pytest.raises(UnavailableError), database.begin() as session:
            session.execute(text("SELECT 1"))
            proxy.take_away()
            session.execute(text("SELECT 1"))
        with pytest.raises(UnavailableError):
            database.ping()
        proxy.bring_back()
        database.ping()
        database.close()
        proxy.take_away()


def test_the_folder_of_an_sqlite_file_is_made(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a' / 'b' / 'c.db'}")
    database.upgrade()
    database.ping()
    database.close()
    assert (tmp_path / "a" / "b" / "c.db").is_file()


def test_the_connection_used_last_is_taken_first(db: Database) -> None:
    def raw(session: Session) -> object:
        return session.connection().connection.dbapi_connection

    both = threading.Barrier(2)

    def hold() -> None:
        with db.read() as session:
            raw(session)
            both.wait(20)

    other = threading.Thread(target=hold)
    other.start()
    hold()
    other.join()
    taken = set()
    for _ in range(6):
        with db.read() as session:
            taken.add(id(raw(session)))
    assert len(taken) == 1


def test_a_new_sqlite_file_that_somebody_writes_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "new.db"
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE other (x)")
    other.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    done.start()
    database = Database(f"sqlite:///{file}")
    database.upgrade()
    done.join()
    other.close()
    with database.read() as session:
        assert session.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    database.close()
