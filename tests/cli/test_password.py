import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tonewatch.cli.main import app
from tonewatch.store.audit import Audit
from tonewatch.store.database import Database
from tonewatch.store.links import OneTimeLinks
from tonewatch.store.users import UserRole, Users


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path / 'tonewatch.db'}")
    database.upgrade()
    Users(database, now).create("admin", UserRole.ADMINISTRATOR, None)
    database.close()
    return database


def run(database: Database, *arguments: str) -> Result:
    url = database.url.render_as_string()
    return CliRunner().invoke(app, ["password", *arguments, "--database", url])


def test_the_link_is_for_that_user_once_and_in_the_audit(database: Database) -> None:
    result = run(database)
    assert result.exit_code == 0, result.output
    found = re.search(r"http://127\.0\.0\.1:8765/ui/password\?token=(\S+)", result.stdout)
    assert found is not None
    links, admin = OneTimeLinks(database, now), Users(database, now).by_name("admin")
    assert admin is not None
    assert links.use(found.group(1), "password").id == admin.id
    (entry,) = Audit(database, now).list().items
    assert (entry.actor, entry.action) == ("command line", "user.link_made")
    assert entry.subject == f"user:{admin.id}"
    assert found.group(1) not in str(entry)


def test_for_somebody_switched_off_there_is_none(database: Database) -> None:
    users = Users(database, now)
    users.set_active(users.create("bob", UserRole.CALL_TAKER, None).id, False)
    result = run(database, "bob")
    assert result.exit_code == 1
    assert "switched off" in result.stderr


def test_somebody_unknown_is_refused_with_those_who_are_known(database: Database) -> None:
    result = run(database, "bob")
    assert result.exit_code == 1
    assert "expected one of admin, came 'bob'" in result.stderr


def test_the_folder_of_the_service_can_be_named(database: Database, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["password", "--data-dir", str(tmp_path)])
    assert result.exit_code == 0 and "token=" in result.stdout, result.output
    result = CliRunner().invoke(app, ["password", "--data-dir", str(tmp_path / "none")])
    assert result.exit_code == 2 and "--data-dir" in result.stderr
