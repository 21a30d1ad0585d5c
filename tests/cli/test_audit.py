import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from tonewatch.cli.main import app
from tonewatch.store.audit import Audit
from tonewatch.store.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path / 'tonewatch.db'}")
    database.upgrade()
    audit = Audit(database, lambda: datetime(2026, 3, 1, tzinfo=UTC))
    for k in range(5):
        audit.append("Ada", "test.done", "call:1", {"k": k})
    database.close()
    return database


def run(database: Database, *arguments: str) -> Result:
    url = database.url.render_as_string()
    return CliRunner().invoke(app, ["audit", "verify", "--database", url, *arguments])


def tamper(database: Database, statement: str) -> None:
    with database.begin() as session:
        session.execute(text(statement))
    database.close()


def test_a_whole_chain_and_its_head(database: Database) -> None:
    result = run(database)
    assert result.exit_code == 0
    assert "whole: 5 entries" in result.stdout
    head = result.stdout.split()[-1]
    assert head.startswith("5:")
    assert run(database, "--head", head).exit_code == 0
    result = run(database, "--head", "6:" + "0" * 64)
    assert result.exit_code == 1
    assert "break at entry 6" in result.stderr


def test_a_broken_chain(database: Database, tmp_path: Path) -> None:
    tamper(database, "UPDATE audit SET actor = 'Eve' WHERE number = 3")
    result = run(database, "--json", str(tmp_path / "found.json"))
    assert result.exit_code == 1
    assert "break at entry 3" in result.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert (found["ok"], found["n"], found["first_bad"]) == (False, 3, 3)


def test_json_alone_on_the_standard_output(database: Database) -> None:
    found = json.loads(run(database, "--json", "-").stdout)
    assert set(found) == {"ok", "n", "first_bad", "problem", "head"}
    assert found["ok"] is True
    assert found["head"]["number"] == 5


def test_the_database_of_the_service_is_the_default(database: Database, tmp_path: Path) -> None:
    environment = {"TONEWATCH_DATA_DIR": str(tmp_path), "TONEWATCH_DATABASE_URL": ""}
    result = CliRunner().invoke(app, ["audit", "verify"], env=environment)
    assert "5 entries" in result.stdout


@pytest.mark.parametrize("arguments", [("--head", "5"), ("--head", "5:abc"), ("--json", "/")])
def test_wrong_usage(database: Database, arguments: tuple[str, ...]) -> None:
    result = run(database, *arguments)
    assert result.exit_code == 2
    assert "expected" in result.stderr


def test_no_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'none.db'}"
    result = CliRunner().invoke(app, ["audit", "verify", "--database", url])
    assert result.exit_code == 2
    assert "name one with --database" in result.stderr
    assert not (tmp_path / "none.db").exists()


def test_the_folder_of_the_service_can_be_named(database: Database, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["audit", "verify", "--data-dir", str(tmp_path)])
    assert result.exit_code == 0 and "5 entries" in result.stdout, result.output
    result = CliRunner().invoke(app, ["audit", "verify", "--data-dir", str(tmp_path / "none")])
    assert result.exit_code == 2 and "--data-dir" in result.stderr
