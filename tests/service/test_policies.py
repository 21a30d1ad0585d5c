"""The rules of triage, as several processes see them, and while the database is away."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from service.running import Clock
from store.servers import KINDS, new_database
from tonewatch.core.errors import ConflictError, UnavailableError, UnfitError
from tonewatch.service.policies import Policies
from tonewatch.store.audit import Audit
from tonewatch.store.database import Database
from tonewatch.store.policies import PolicyTexts, PolicyVersion
from tonewatch.triage.policy import shipped

CLOCK = Clock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    database.upgrade()
    yield database
    database.close()


class Process:
    """The rules as one process has them, with a clock to turn."""

    def __init__(self, database: Database) -> None:
        self.now = 0.0
        self.texts = PolicyTexts(database, CLOCK)
        self.policies = Policies(database, self.texts, Audit(database, CLOCK), lambda: self.now)


def test_other_processes_follow_within_two_seconds(database: Database) -> None:
    here, there = Process(database), Process(database)
    assert there.policies.current() == shipped()
    here.policies.switch(False, "ada")
    assert not here.policies.current().enabled
    there.now = 1.5
    assert not there.policies.current().enabled
    assert there.policies.get(shipped().version) == shipped()


def test_while_the_database_is_away_all_stays_as_it_is(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Process(database)

    def away() -> None:
        raise UnavailableError("away")

    monkeypatch.setattr(process.texts, "latest", away)
    with pytest.raises(UnavailableError):
        process.policies.current()
    monkeypatch.undo()
    process.policies.set(shipped().switched(True, "night"), "ada")
    monkeypatch.setattr(process.texts, "latest", away)
    process.now = 100.0
    assert process.policies.current().version == "night"
    assert process.policies.told("night")["sha256"] == process.policies.current().sha256


def test_rules_that_cannot_be_read_switch_scoring_off(database: Database) -> None:
    process = Process(database)
    process.texts.add("future", "a" * 64, "format = 2", "ada")
    assert not process.policies.current().enabled
    assert process.policies.restore(shipped().version, "ada").version == shipped().version
    assert process.policies.current() == shipped()


def test_of_rules_that_nobody_can_read_the_version_alone_is_told(database: Database) -> None:
    process = Process(database)
    process.texts.add("future", "a" * 64, "format = 2", "ada")
    for version in ("future", "tonewatch-0"):
        assert process.policies.told(version) == {"version": version}
    process.policies.set(shipped().switched(True, "tonewatch-0"), "ada")
    assert len(process.policies.told("tonewatch-0")) > 1


def test_a_long_name_leaves_room_for_the_switch(database: Database) -> None:
    policies = Process(database).policies
    with pytest.raises(UnfitError, match="48 characters"):
        policies.set(shipped().switched(True, "n" * 49), "ada")
    policies.set(shipped().switched(True, "n" * 48), "ada")
    assert policies.switch(False, "ada").version == "n" * 48 + " (off)"
    assert not policies.current().enabled


def test_rules_made_from_others_than_hold_are_refused(database: Database) -> None:
    policies, base = Process(database).policies, shipped().version
    policies.set(shipped().switched(True, "first"), "ada", base)
    off = policies.switch(False, "ada").version
    for stale in (base, "first"):
        with pytest.raises(ConflictError, match="make a new proposal"):
            policies.set(shipped().switched(True, "second"), "ada", stale)
    assert not policies.current().enabled
    policies.set(shipped().switched(False, "second"), "ada", off)
    assert policies.current().version == "second"


@pytest.mark.parametrize("kind", KINDS)
def test_of_two_who_accept_at_once_the_second_is_refused(kind: str, tmp_path: Path) -> None:
    with new_database(kind, tmp_path) as url, closing(Database(url)) as database:
        database.upgrade()
        first, second = (Process(database).policies for _ in range(2))
        start = shipped().version
        with ThreadPoolExecutor(1) as thread:
            with database.begin():
                first.set(shipped().switched(True, "first"), "ada", start)
                waiting = thread.submit(
                    second.set, shipped().switched(True, "second"), "bob", start
                )
                time.sleep(0.3)  # it has come as far as it can
                assert not waiting.done()
            with pytest.raises(ConflictError, match="came 'first'"):
                waiting.result()
        assert first.current().version == "first"


def test_restoring_leaves_the_switch_as_it_is(database: Database) -> None:
    policies = Process(database).policies
    policies.set(shipped().switched(True, "night"), "ada")
    policies.switch(False, "ada")
    assert policies.restore(shipped().version, "ada").version == f"{shipped().version} (off)"
    assert not policies.current().enabled
    policies.switch(True, "ada")
    assert policies.restore("night (off)", "ada").version == "night"
    assert policies.current().enabled


def test_what_others_change_meanwhile_is_not_undone(database: Database) -> None:
    first, second = (Process(database).policies for _ in range(2))
    night = shipped().switched(True, "night")
    with ThreadPoolExecutor(1) as thread:
        with database.begin():
            first.set(night, "ada")
            waiting = thread.submit(second.switch, False, "bob")
            time.sleep(0.3)  # it has come as far as it can
        assert waiting.result().version == "night (off)"
        with database.begin():
            first.switch(True, "ada")
            waiting = thread.submit(second.restore, shipped().version, "bob")
            time.sleep(0.3)
        assert waiting.result().version == shipped().version
        with database.begin():
            first.switch(False, "ada")
            waiting = thread.submit(second.restore, "night", "bob")
            time.sleep(0.3)
        assert waiting.result().version == "night (off)"
    assert not second.current().enabled


def test_who_reads_the_rules_meets_no_gap_while_they_change(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, reading, go_on = Process(database), Event(), Event()
    policies, latest = process.policies, process.texts.latest
    policies.current()

    def slow() -> object:
        reading.set()
        assert go_on.wait(10)
        return latest()

    def clock() -> float:
        if not reading.is_set():
            changing.append(thread.submit(policies.switch, False, "ada"))
            assert reading.wait(10)
        return 0.0

    monkeypatch.setattr(process.texts, "latest", slow)
    monkeypatch.setattr(policies, "_clock", clock)
    changing: list[Future[PolicyVersion]] = []
    with ThreadPoolExecutor(1) as thread:
        assert policies.current() == shipped()
        go_on.set()
        changing[0].result()
    assert not policies.current().enabled
