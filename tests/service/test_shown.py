from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.running import Clock
from tonewatch.core.errors import UnavailableError
from tonewatch.service.shown import Shown
from tonewatch.store.audit import Audit
from tonewatch.store.database import Database

BUNDLE = {"name": "voice", "sha256": "ab" * 32, "threshold": 0.6}


def window(start_s: float, confidence: float = 0.75) -> dict[str, Any]:
    judged = {"label": "calm", "confidence": confidence, "certain": True}
    return {"start_s": start_s, "end_s": start_s + 3} | judged


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def audit(tmp_path: Path, clock: Clock) -> Audit:
    database = Database(f"sqlite:///{tmp_path / 'audit.db'}")
    database.upgrade()
    return Audit(database, clock)


def tell(shown: Shown, actor: str = "ada", *windows: dict[str, Any]) -> None:
    shown.tell(actor, "call:1", bundle=BUNDLE, emotion=None, windows=windows or [window(0)])


def test_the_same_to_the_same_is_told_once_an_hour(audit: Audit, clock: Clock) -> None:
    shown = Shown(audit, clock)
    tell(shown)
    tell(shown)
    assert audit.list().total == 1
    tell(shown, "bea")
    tell(shown, "ada", window(0), window(1))
    assert audit.list().total == 3
    clock.turn(hours=1)
    tell(shown)
    assert audit.list().total == 4


def test_what_is_played_piece_by_piece_is_told_once_an_hour(audit: Audit, clock: Clock) -> None:
    shown = Shown(audit, clock)
    for actor, subject in (("ada", "1"), ("ada", "1"), ("ada", "2"), ("bea", "1")):
        shown.tell_played(actor, f"recording:{subject}")
    assert audit.list().total == 3
    clock.turn(hours=1)
    shown.tell_played("ada", "recording:1")
    entry = audit.list().items[0]
    assert (entry.actor, entry.action, entry.subject) == ("ada", "recording.played", "recording:1")
    assert audit.list().total == 4


def test_many_windows_are_several_entries_with_all_of_them(audit: Audit, clock: Clock) -> None:
    tell(Shown(audit, clock), "ada", *(window(n) for n in range(2_500)))
    entries = audit.list().items
    assert [len(entry.details["windows"]) for entry in entries] == [500, 1_000, 1_000]
    starts = [row[1] for entry in reversed(entries) for row in entry.details["windows"]]
    assert starts == list(range(2_500))


def test_of_a_timeline_that_grows_only_what_is_new_is_told(audit: Audit, clock: Clock) -> None:
    shown = Shown(audit, clock)

    def told() -> list[float]:
        return [each[1] for each in audit.list().items[0].details["windows"]]

    for n in range(1, 5):
        tell(shown, "ada", *(window(k) for k in range(n)))
        assert told() == [n - 1]
    tell(shown, "bea", window(0), window(1))
    assert told() == [0, 1]
    tell(shown, "ada", window(0, 0.5), *(window(k) for k in range(1, 5)))
    assert told() == [0, 1, 2, 3, 4], "another window than was told"
    clock.turn(hours=1)
    tell(shown, "ada", window(0, 0.5), *(window(k) for k in range(1, 6)))
    assert told() == [0, 1, 2, 3, 4, 5]


def test_what_could_not_be_written_is_written_when_it_is_shown_again(
    audit: Audit, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = Shown(audit, clock)
    with monkeypatch.context() as patched:

        def away(*_: object) -> None:
            raise UnavailableError("the database is away")

        patched.setattr(audit, "append", away)
        with pytest.raises(UnavailableError):
            tell(shown)
    tell(shown)
    assert audit.list().total == 1


def test_lists_without_results_are_not_told(audit: Audit, clock: Clock) -> None:
    shown = Shown(audit, clock)
    shown.tell_list("ada", "calls", [])
    assert audit.list().total == 0
    for _ in range(2):
        shown.tell_list("ada", "calls", [("1", BUNDLE, window(0))])
    (entry,) = audit.list().items
    judged = {"label": "calm", "confidence": 0.75, "certain": True}
    assert entry.details == {"results": [["1", "ab" * 32, 0.6, judged]]}
    assert clock() - entry.at < timedelta(minutes=5)
