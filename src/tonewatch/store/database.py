"""The connection to the database, its transactions and its migrations.

SQLite with its write-ahead log, PostgreSQL through psycopg, MySQL and MariaDB through PyMySQL. It
knows no table. All errors that leave a transaction are ours.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from tonewatch.core.errors import (
    ConflictError,
    SettingsError,
    StoreError,
    TonewatchError,
    UnavailableError,
    UnfitError,
)

_DRIVERS = {
    "sqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
# A database that vanished without a word is noticed within these seconds.
_CONNECT: dict[str, dict[str, Any]] = {
    "sqlite": {"timeout": 30},
    "postgresql": {"connect_timeout": 5, "keepalives_idle": 10, "tcp_user_timeout": 15_000},
    "mysql": {"connect_timeout": 5, "read_timeout": 120, "write_timeout": 30},
}
_CONNECT["mariadb"] = _CONNECT["mysql"]
_MIGRATION_LOCK = 0x746F6E65  # "tone"; any number that no other program takes
_MIGRATION_WAIT_S = 600
_STEPS = "steps"
_LOCK_WAIT_S = 60  # at a time: an answer must come within `read_timeout`


class Database:
    """One database, by URL: `sqlite:///FILE`, `postgresql://…`, `mysql://…` or `mariadb://…`.

    Threads may share it. It connects when first used, and again after the database was away.

    Raises:
        SettingsError: the URL is of no known kind.
    """

    def __init__(self, url: str) -> None:
        self.url = _known(url)
        self.kind = self.url.get_backend_name()
        self._engine = _engine(self.url, self.kind)
        self._reader = self._engine.execution_options(read_only=True)
        self._open: ContextVar[tuple[Session, bool] | None] = ContextVar("open", default=None)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """A transaction that writes: all of it is kept, or nothing.

        Within another one of the same thread it is a part of that, which makes several calls of
        repositories one transaction; an error in the part then undoes the whole.

        Raises:
            ConflictError: something that must be unique is there already, or a reference is not.
            UnavailableError: the database does not answer.
            UnfitError: a value does not fit its column.
        """
        with self._session(self._engine, writes=True) as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads, and so waits for no writer; errors as `begin`."""
        with self._session(self._reader, writes=False) as session:
            yield session

    def after(self, step: Callable[[], object]) -> None:
        """Do this once the transaction that writes is kept, and never if it is undone.

        Where a step fails, what was kept stays, and the steps after it are not done.
        """
        open_ = self._open.get()
        assert open_ is not None, "after() outside begin()"
        open_[0].info.setdefault(_STEPS, []).append(step)

    def ping(self) -> None:
        """Ask the database for one row.

        Raises:
            UnavailableError: it does not answer.
        """
        with self.read() as session:
            session.execute(text("SELECT 1"))

    def upgrade(self, revision: str = "head") -> None:
        """Make the tables, or bring them up to date; several processes may try at once.

        Raises:
            StoreError: the tables are of a newer Tonewatch, or a migration failed.
            UnavailableError: the database does not answer, or another process does not end it.
        """
        if self.kind == "sqlite" and self.url.database:
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        self._migrate(command.upgrade, revision)

    def downgrade(self, revision: str) -> None:
        """Take the tables back to `revision`, `base` for none; what is newer in them is lost."""
        self._migrate(command.downgrade, revision)

    def forget_deleted(self) -> None:
        """Let go of deleted content where the database kept it aside (SQLite's log)."""
        if self.kind == "sqlite":
            with _ours(), self._reader.connect() as connection:
                raw = connection.connection.dbapi_connection
                assert raw is not None
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _session(self, engine: Engine, *, writes: bool) -> Iterator[Session]:
        outer = self._open.get()
        if outer is not None:
            session, may_write = outer
            assert may_write or not writes, "begin() within read()"
            yield session
            return
        with _ours(), Session(engine, expire_on_commit=False) as session, session.begin():
            token = self._open.set((session, writes))
            try:
                yield session
            finally:
                self._open.reset(token)
        for step in session.info.get(_STEPS, ()):
            step()

    def _migrate(self, step: Any, revision: str) -> None:
        config = Config()
        config.set_main_option("script_location", "tonewatch.store:migrations")
        config.set_main_option("path_separator", "os")
        with _ours(), self._engine.begin() as connection, _alone(connection, self.kind):
            config.attributes["connection"] = connection
            try:
                step(config, revision)
            except CommandError as error:
                raise StoreError(
                    f"expected tables that this Tonewatch knows, came {error}; "
                    "use the Tonewatch that made them, or a newer one"
                ) from error


def _known(url: str) -> URL:
    kinds = "sqlite:///FILE, postgresql://, mysql:// or mariadb://"
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        # Not the URL itself: it may hold a password.
        raise SettingsError(f"expected a database's URL ({kinds}), came none") from error
    driver = _DRIVERS.get(parsed.get_backend_name())
    if driver is None:
        raise SettingsError(f"expected a database of {kinds}, came {parsed.drivername}://")
    if driver == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise SettingsError("expected sqlite:///FILE, came SQLite in memory; name a file")
    return parsed.set(drivername=driver)


def _engine(url: URL, kind: str) -> Engine:
    settings: dict[str, Any] = {
        "connect_args": _CONNECT[kind],
        "pool_pre_ping": True,
        # The connection used last is taken first: one page cache is then filled, not each in turn.
        "pool_use_lifo": True,
    }
    if kind == "sqlite":
        engine = create_engine(url, **settings)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    # Read committed: what another process committed before we got its lock is seen.
    return create_engine(
        url, isolation_level="READ COMMITTED", pool_size=10, max_overflow=10, **settings
    )


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we begin transactions ourselves, below
    _keep_a_log(connection)
    for pragma in (
        "synchronous = NORMAL",
        "foreign_keys = ON",
        "busy_timeout = 30000",
        "secure_delete = ON",  # erased means overwritten
    ):
        connection.execute(f"PRAGMA {pragma}").close()
    # SQLite's own lower() knows ASCII alone.
    connection.create_function("lower", 1, _lower, deterministic=True)


def _keep_a_log(connection: Any) -> None:
    """Give the file a write-ahead log; a file that has one keeps it.

    SQLite does not wait while another process does the same or writes, whatever its timeout.
    """
    until = time.monotonic() + _CONNECT["sqlite"]["timeout"]
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(0.02)


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _begin_sqlite(connection: Connection) -> None:
    # Immediate: two that read first and write then would find each other's locks and fail.
    reads = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


@contextmanager
def _alone(connection: Connection, kind: str) -> Iterator[None]:
    """Hold off other processes that migrate; on SQLite the transaction itself does."""
    if kind == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
    if kind not in ("mysql", "mariadb"):
        yield
        return
    lock = {"name": f"tonewatch {connection.engine.url.database}"[:64]}
    ask = text(f"SELECT GET_LOCK(:name, {min(_LOCK_WAIT_S, _MIGRATION_WAIT_S)})")
    times = max(1, _MIGRATION_WAIT_S // _LOCK_WAIT_S)
    if not any(connection.scalar(ask, lock) == 1 for _ in range(times)):
        raise UnavailableError(
            "expected to be alone in changing the tables, came another process that has been at it "
            f"for {_MIGRATION_WAIT_S} s; try again when it has ended"
        )
    try:
        yield
    finally:
        connection.execute(text("SELECT RELEASE_LOCK(:name)"), lock)


@contextmanager
def _ours() -> Iterator[None]:
    """Turn what SQLAlchemy raises into our errors."""
    try:
        yield
    except IntegrityError as error:
        raise ConflictError(
            "expected what is new and refers to what is there, came what is not; look again"
        ) from error
    except (DataError, OverflowError) as error:
        raise UnfitError(f"expected a value that fits its column, came {_short(error)}") from error
    except (OperationalError, InterfaceError, PoolTimeoutError) as error:
        raise UnavailableError(
            f"expected an answer of the database, came {_short(error)}; try again later"
        ) from error
    except StatementError as error:
        if isinstance(error.orig, TonewatchError):
            raise error.orig from error
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            raise UnavailableError(
                f"expected an answer of the database, came {_short(error)}; try again later"
            ) from error
        raise StoreError(f"expected to reach the tables, came {_short(error)}") from error
    except SQLAlchemyError as error:
        raise StoreError(f"expected to reach the tables, came {_short(error)}") from error


def _short(error: Exception) -> str:
    """The driver's message alone: SQLAlchemy's also tells the statement and its values."""
    orig = getattr(error, "orig", None)
    return str(orig if orig is not None else error).strip().replace("\n", " ")
