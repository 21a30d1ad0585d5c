from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from store.kept import EMOTION, NOON, SHA, Kept, windows
from tonewatch.core.errors import ConflictError, NotFoundError, UnfitError
from tonewatch.store.calls import CallRecord, CallState
from tonewatch.store.windows import Window


def test_a_call_from_start_to_end(kept: Kept) -> None:
    started = kept.call("c", caller="Grace")
    assert started == CallRecord(
        id="c",
        started_at=NOON,
        ended_at=None,
        state=CallState.LIVE,
        reason=None,
        channels=("caller", "call_taker"),
        metadata={"caller": "Grace"},
        bundle="voice",
        bundle_sha256=SHA,
        threshold=0.6,
        duration_s=0.0,
        dropped_s=0.0,
        emotion=None,
        warnings=(),
        legal_hold=False,
        erased_at=None,
    )
    ended = kept.calls.end(
        "c",
        ended_at=NOON + timedelta(seconds=10),
        reason="hung_up",
        duration_s=10.0,
        dropped_s=0.1 + 0.2,
        emotion=EMOTION,
    )
    assert (ended.state, ended.reason) == (CallState.ENDED, "hung_up")
    assert (ended.duration_s, ended.dropped_s, ended.emotion) == (10.0, 0.1 + 0.2, EMOTION)
    assert kept.calls.get("c") == ended


def test_starting_and_ending_twice_changes_nothing(kept: Kept) -> None:
    kept.call("c")
    ended = kept.ended_call("c")
    assert kept.call("c") == ended
    again = kept.calls.end("c", ended_at=NOON, reason="error", duration_s=0.0)
    assert again == ended


def test_another_call_of_that_id_is_a_conflict(kept: Kept) -> None:
    kept.call("c")
    with pytest.raises(ConflictError, match="new id"):
        kept.call("c", minutes=1)


def test_windows_come_back_bit_for_bit(kept: Kept) -> None:
    kept.call("c")
    heard = (
        Window(0, 1 / 3, 10 / 3, "fear", 0.1 + 0.2, True, {"fear": 0.1 + 0.2, "joy": 1e-17}, 2.1),
        Window(1, 1 / 3, 10 / 3, "joy", 1.0, False, {"joy": 1.0}, 0.7),
        Window(0, 4 / 3, 13 / 3),
    )
    kept.calls.add_windows("c", heard)
    assert kept.calls.windows("c") == heard


def test_windows_may_come_twice(kept: Kept) -> None:
    kept.call("c")
    other = replace(windows(1)[0], label="joy", confidence=0.1)
    for heard in (windows(3), windows(5), windows(5), (other,), ()):
        kept.calls.add_windows("c", heard)
    assert kept.calls.windows("c") == windows(5), "what came first stays"


def test_windows_of_many_calls(kept: Kept) -> None:
    for call_id in ("a", "b", "c"):
        kept.call(call_id)
    kept.calls.add_windows("b", windows(2))
    for _ in range(2):
        kept.calls.add_windows_of({"c": windows(3), "b": windows(4), "a": ()})
    kept.calls.add_windows_of({})
    assert [kept.calls.windows(call_id) for call_id in "abc"] == [(), windows(4), windows(3)]
    with pytest.raises(NotFoundError, match="'x'"):
        kept.calls.add_windows_of({"a": windows(1), "x": windows(1)})
    assert kept.calls.windows("a") == ()


def test_windows_may_come_twice_at_once(kept: Kept) -> None:
    kept.call("c")
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: kept.calls.add_windows("c", windows(20)), range(4)))
    assert kept.calls.windows("c") == windows(20)


def test_some_windows(kept: Kept) -> None:
    kept.call("c")
    kept.calls.add_windows("c", windows(5))
    assert kept.calls.windows("c", since_s=2.0) == windows(5)[2:]
    assert kept.calls.windows("c", limit=2) == windows(5)[3:]


def test_a_warning_is_kept_once(kept: Kept) -> None:
    kept.call("c")
    kept.calls.warn("c", "clipped", "once")
    kept.calls.warn("c", "dropped", "0.5 s")
    kept.calls.warn("c", "clipped", "again")
    assert [warning["message"] for warning in kept.calls.get("c").warnings] == ["0.5 s", "again"]


def test_what_died_is_marked_interrupted_where_its_windows_end(kept: Kept) -> None:
    kept.call("heard")
    kept.calls.add_windows("heard", windows(5))
    kept.call("silent")
    kept.call("elsewhere")
    kept.ended_call("ended")
    assert kept.calls.mark_interrupted(["elsewhere"]) == 2
    heard = kept.calls.get("heard")
    assert (heard.state, heard.reason, heard.duration_s) == ("interrupted", "interrupted", 7.0)
    assert heard.ended_at == NOON + timedelta(seconds=7)
    assert kept.calls.get("silent").ended_at == NOON
    assert kept.calls.get("elsewhere").state is CallState.LIVE
    assert kept.calls.get("ended").state is CallState.ENDED
    assert kept.calls.mark_interrupted(["elsewhere"]) == 0


def test_an_end_that_was_still_on_its_way_counts(kept: Kept) -> None:
    kept.call("c")
    kept.calls.mark_interrupted()
    kept.calls.add_windows("c", windows(2))
    assert kept.ended_call("c").state is CallState.ENDED


def test_an_end_by_interruption(kept: Kept) -> None:
    kept.call("c")
    ended = kept.calls.end("c", ended_at=NOON, reason="interrupted", duration_s=1.0)
    assert ended.state is CallState.INTERRUPTED


def found(kept: Kept, **filters: object) -> set[str]:
    return {call.id for call in kept.calls.list(**filters).items}  # type: ignore[arg-type]


def test_filters(kept: Kept) -> None:
    kept.call("a", minutes=0, caller="Jürgen O'Brien", line="100%_x")
    kept.call("b", minutes=1)
    kept.ended_call("c", caller="Grace")
    assert found(kept) == {"a", "b", "c"}
    assert found(kept, state=CallState.LIVE) == {"a", "b"}
    assert found(kept, label="fear") == {"c"}
    assert found(kept, since=NOON + timedelta(minutes=1)) == {"b"}
    assert found(kept, until=NOON + timedelta(minutes=1)) == {"a", "c"}
    assert found(kept, search="JÜRGEN o'b") == {"a"}
    assert found(kept, search="0%_x") == {"a"}
    assert found(kept, search="0_%x") == set()
    assert found(kept, search="b") == {"a", "b"}
    assert found(kept, search="caller") == set()
    assert found(kept, search="") == {"a", "b", "c"}


def test_notes_and_decisions_in_their_order(kept: Kept) -> None:
    kept.call("c")
    notes = tuple(kept.notes.add("c", "Ada", f"note {k}") for k in range(3))
    assert kept.notes.of("c") == notes
    assert notes[0].created_at == NOON
    decisions = tuple(kept.decisions.add("c", "Ada", "check", value) for value in ("yes", "no"))
    assert kept.decisions.of("c") == decisions
    assert decisions[0].reason == ""


def test_an_empty_note_is_refused(kept: Kept) -> None:
    kept.call("c")
    with pytest.raises(UnfitError, match="empty"):
        kept.notes.add("c", "Ada", " \n")


def test_no_such_call(kept: Kept) -> None:
    for step in (
        lambda: kept.calls.get("x"),
        lambda: kept.calls.windows("x"),
        lambda: kept.notes.of("x"),
        lambda: kept.decisions.of("x"),
        lambda: kept.calls.add_windows("x", []),
        lambda: kept.notes.add("x", "Ada", "a"),
        lambda: kept.decisions.add("x", "Ada", "check", "yes"),
        lambda: kept.calls.warn("x", "clipped", ""),
        lambda: kept.calls.hold("x", True),
        lambda: kept.calls.end("x", ended_at=NOON, reason="error", duration_s=0),
    ):
        with pytest.raises(NotFoundError, match="'x'"):
            step()
