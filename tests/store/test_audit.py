from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from itertools import pairwise

import pytest
from sqlalchemy import text

from store.kept import NOON, Kept
from store.processes import append, run_in_processes
from tonewatch.core.errors import AuditError, UnfitError
from tonewatch.store.audit import GENESIS, PRUNED, Audit, Draft, Head, hash_of


def fill(kept: Kept, n: int = 10) -> None:
    kept.audit.append_all(
        [Draft("Ada", f"test.{k % 2}", f"call:{k % 3}", {"k": k, "p": k / 3}) for k in range(n)]
    )


def execute(kept: Kept, *statements: str) -> None:
    with kept.db.begin() as session:
        for statement in statements:
            session.execute(text(statement))


def test_the_chain_by_hand(kept: Kept) -> None:
    first = kept.audit.append("Ada", "test.done", "call:1", {"b": 0.5, "a": ("ä", None)})
    second = kept.audit.append("Ada", "test.done", "call:1")
    said = (
        '{"action":"test.done","actor":"Ada","at":"2026-03-01T12:00:00.123456+00:00",'
        '"details":{"a":["\\u00e4",null],"b":0.5},"number":1,"subject":"call:1"}'
    )
    assert (first.number, first.at, first.previous) == (1, NOON, "0" * 64)
    assert first.hash == sha256(f"{'0' * 64}\n{said}".encode()).hexdigest()
    assert (second.number, second.previous, second.hash) == (2, first.hash, hash_of(second))
    assert kept.audit.head() == Head(2, second.hash)
    assert kept.audit.list().items == (second, first)


def test_an_empty_chain_is_whole(kept: Kept) -> None:
    found = kept.audit.verify()
    assert (found.ok, found.n, found.head) == (True, 0, Head(0, GENESIS))


def test_a_long_chain_is_whole(kept: Kept) -> None:
    fill(kept, 2100)  # more than are read at a time
    found = kept.audit.verify()
    assert (found.ok, found.n, found.first_bad, found.problem) == (True, 2100, None, "")
    assert found.head == kept.audit.head()


def test_what_cannot_be_said_is_not_in_the_chain(kept: Kept) -> None:
    with pytest.raises(UnfitError, match="at most 64"):
        kept.audit.append("Ada", "x" * 65, "a")
    with pytest.raises(UnfitError, match="value of JSON"):
        kept.audit.append("Ada", "test", "a", {"x": float("nan")})
    assert kept.audit.append_all([]) == ()
    assert kept.audit.verify().n == 0


TAMPERED: list[tuple[str, tuple[str, ...], int]] = [
    ("actor", ("UPDATE audit SET actor = 'Eve' WHERE number = 4",), 4),
    ("details", ("UPDATE audit SET details = '[9]' WHERE number = 4",), 4),
    ("no JSON", ("UPDATE audit SET details = '{' WHERE number = 4",), 4),
    ("time", ("UPDATE audit SET at = '2026-03-01 12:00:00.123457' WHERE number = 4",), 4),
    ("first", ("UPDATE audit SET subject = 'call:9' WHERE number = 1",), 1),
    ("last", ("UPDATE audit SET subject = 'call:9' WHERE number = 10",), 10),
    ("hash", (f"UPDATE audit SET hash = '{'1' * 64}' WHERE number = 4",), 4),
    ("previous", (f"UPDATE audit SET previous = '{'1' * 64}' WHERE number = 4",), 4),
    ("deleted", ("DELETE FROM audit WHERE number = 4",), 4),
    ("first deleted", ("DELETE FROM audit WHERE number = 1",), 2),
    ("cut tail", ("DELETE FROM audit WHERE number > 7",), 8),
    ("all", ("DELETE FROM audit",), 1),
    ("head's hash", (f"UPDATE audit_head SET hash = '{'1' * 64}'",), 10),
    ("head's number", ("UPDATE audit_head SET number = 12",), 11),
    (
        "swapped",
        (
            "UPDATE audit SET number = 99 WHERE number = 4",
            "UPDATE audit SET number = 4 WHERE number = 5",
            "UPDATE audit SET number = 5 WHERE number = 99",
        ),
        4,
    ),
    (
        "inserted",
        (
            "UPDATE audit SET number = 11 WHERE number = 10",
            "UPDATE audit_head SET number = 11",
            "INSERT INTO audit SELECT 10, at, actor, action, subject, details, previous, hash "
            "FROM audit WHERE number = 9",
        ),
        10,
    ),
]


@pytest.mark.parametrize(
    ("statements", "first_bad"),
    [case[1:] for case in TAMPERED],
    ids=[case[0] for case in TAMPERED],
)
def test_tampering_is_found(kept: Kept, statements: tuple[str, ...], first_bad: int) -> None:
    fill(kept)
    assert kept.audit.verify().ok
    execute(kept, *statements)
    found = kept.audit.verify()
    assert not found.ok
    assert found.first_bad == first_bad
    assert found.problem


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)  # the others take no text for a time
def test_a_time_that_is_none(kept: Kept) -> None:
    fill(kept)
    execute(kept, "UPDATE audit SET at = 'noon' WHERE number = 4")
    assert kept.audit.verify().first_bad == 4


def rechain(kept: Kept, through: int) -> None:
    """What a forger does who knows how: cut the tail and set the head back."""
    last = next(entry for entry in kept.audit.list().items if entry.number == through)
    execute(
        kept,
        f"DELETE FROM audit WHERE number > {through}",
        f"UPDATE audit_head SET number = {through}, hash = '{last.hash}'",
    )


def test_a_cut_tail_with_its_head_shows_only_against_a_noted_head(kept: Kept) -> None:
    fill(kept)
    noted = kept.audit.head()
    rechain(kept, 7)
    assert kept.audit.verify().ok
    found = kept.audit.verify(noted)
    assert (found.ok, found.first_bad) == (False, 8)
    kept.audit.append_all([Draft("Eve", "test", "a", {})] * 5)
    found = kept.audit.verify(noted)
    assert (found.ok, found.first_bad) == (False, 10)
    assert "noted" in found.problem


def test_a_chain_that_went_on_leads_through_the_noted_head(kept: Kept) -> None:
    fill(kept)
    noted = kept.audit.head()
    fill(kept)
    assert kept.audit.verify(noted).ok
    assert not kept.audit.verify(Head(noted.number, "1" * 64)).ok


def test_no_head(kept: Kept) -> None:
    fill(kept)
    execute(kept, "DELETE FROM audit_head")
    try:
        for step in (kept.audit.head, kept.audit.verify, lambda: fill(kept)):
            with pytest.raises(AuditError, match="head"):
                step()
    finally:
        execute(kept, f"INSERT INTO audit_head (id, number, hash) VALUES (1, 0, '{GENESIS}')")


def test_pruning_leaves_a_whole_chain_that_says_so(kept: Kept) -> None:
    fill(kept, 5)
    cut = kept.audit.head()
    kept.clock.turn(days=10)
    fill(kept, 5)
    assert kept.audit.prune(NOON, "system") == 0
    assert kept.audit.prune(kept.clock.now, "system") == 5
    newest = kept.audit.list().items[0]
    assert (newest.actor, newest.action) == ("system", PRUNED)
    assert newest.details == {"through": 5, "hash": cut.hash, "entries": 5}
    assert kept.audit.verify().ok
    assert kept.audit.verify(cut).ok
    kept.clock.turn(days=10)
    assert kept.audit.prune(kept.clock.now, "system") == 6
    found = kept.audit.verify()
    assert (found.ok, found.n, found.head.number) == (True, 1, 12)
    execute(kept, "DELETE FROM audit WHERE number = 12")
    assert not kept.audit.verify().ok


def test_more_cut_off_than_was_pruned_is_found(kept: Kept) -> None:
    fill(kept, 5)
    kept.clock.turn(days=10)
    fill(kept, 5)
    kept.audit.prune(kept.clock.now, "system")
    execute(kept, "DELETE FROM audit WHERE number = 6")
    found = kept.audit.verify()
    assert (found.ok, found.first_bad) == (False, 7)


FILTERS: list[tuple[Callable[[Audit], object], list[int]]] = [
    (lambda audit: audit.list(actor="Ada"), [6, 5, 4, 3, 2, 1]),
    (lambda audit: audit.list(action="test.1"), [6, 4, 2]),
    (lambda audit: audit.list(action="test."), [6, 5, 4, 3, 2, 1]),
    (lambda audit: audit.list(action="tes"), []),
    (lambda audit: audit.list(subject="call:0"), [4, 1]),
    (lambda audit: audit.list(since=NOON + timedelta(days=1)), [7]),
    (lambda audit: audit.list(until=NOON + timedelta(days=1), per_page=2), [6, 5]),
]


@pytest.mark.parametrize(("ask", "numbers"), FILTERS)
def test_filters(kept: Kept, ask: Callable[[Audit], object], numbers: list[int]) -> None:
    fill(kept, 6)
    kept.clock.turn(days=1)
    kept.audit.append("Grace", "other", "user:1")
    page = ask(kept.audit)
    assert [entry.number for entry in page.items] == numbers  # type: ignore[attr-defined]


def test_all_about_some_subjects(kept: Kept) -> None:
    fill(kept, 6)
    assert [entry.number for entry in kept.audit.about(["call:0", "call:1"])] == [1, 2, 4, 5]
    assert kept.audit.about([]) == ()


def test_an_entry_is_part_of_the_transaction_around_it(kept: Kept) -> None:
    with pytest.raises(RuntimeError), kept.db.begin():
        fill(kept)
        raise RuntimeError
    fill(kept, 1)
    assert kept.audit.verify().n == 1


def test_threads_do_not_fork_the_chain(kept: Kept) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda k: kept.audit.append("Ada", "test", f"call:{k}"), range(80)))
    found = kept.audit.verify()
    assert (found.ok, found.n) == (True, 80)


def test_processes_do_not_fork_the_chain(kept: Kept, url: str) -> None:
    run_in_processes(4, append, url, 40)
    found = kept.audit.verify()
    assert (found.ok, found.n) == (True, 160)
    actors = [entry.actor for entry in kept.audit.about(["test:1"])]
    assert {actor: actors.count(actor) for actor in set(actors)} == {
        f"process {k}": 40 for k in range(4)
    }
    assert sum(a != b for a, b in pairwise(actors)) > 3  # they did meet
