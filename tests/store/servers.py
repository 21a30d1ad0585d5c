"""Databases of the tests' own on real servers: made before, dropped after."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

KINDS = ("sqlite", "postgresql", "mariadb")
SERVERS = ("postgresql", "mariadb")

_ADDRESSES = {
    "postgresql": (
        "TONEWATCH_TEST_POSTGRES",
        "postgresql+psycopg://postgres@127.0.0.1:5432/postgres",
    ),
    "mariadb": ("TONEWATCH_TEST_MARIADB", "mariadb+pymysql://root@127.0.0.1:3306/mysql"),
}
_DRIVERS = {"postgresql": "postgresql+psycopg", "mariadb": "mariadb+pymysql"}


@contextmanager
def new_database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database; skips the test where its server does not answer."""
    name = f"tonewatch_test_{uuid4().hex[:12]}"
    if kind == "sqlite":
        yield f"sqlite:///{folder / name}.db"
        return
    variable, default = _ADDRESSES[kind]
    server = make_url(os.environ.get(variable) or default).set(drivername=_DRIVERS[kind])
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    except OperationalError as error:
        engine.dispose()
        pytest.skip(
            f"no {kind} at {server.host}:{server.port} ({error.orig}); name it in {variable}"
        )
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        force = " WITH (FORCE)" if kind == "postgresql" else ""
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name}{force}"))
        engine.dispose()
