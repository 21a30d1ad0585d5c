from datetime import UTC, datetime, timedelta, timezone

import pytest

from store.kept import NOON, Kept
from tonewatch.core.errors import UnfitError
from tonewatch.store.columns import as_utc, canonical
from tonewatch.store.users import UserRole


def test_a_moment_comes_back_to_the_microsecond_and_in_utc(kept: Kept) -> None:
    there = timezone(timedelta(hours=5, minutes=30))
    kept.clock.now = NOON.astimezone(there)
    user = kept.users.create("Asha", UserRole.SUPERVISOR)
    assert kept.users.get(user.id).created_at == NOON
    assert kept.users.get(user.id).created_at.utcoffset() == timedelta(0)


def test_a_moment_without_a_zone_is_refused(kept: Kept) -> None:
    kept.clock.now = datetime(2026, 3, 1)
    with pytest.raises(UnfitError, match="with its zone"):
        kept.preferences.set("a", 1)


@pytest.mark.parametrize("value", ["\0", "a\0b", "\ud800"])
def test_what_a_database_does_not_take_as_text_is_refused(kept: Kept, value: str) -> None:
    kept.call("c")
    with pytest.raises(UnfitError, match="without NUL"):
        kept.notes.add("c", "me", value)


def test_text_that_is_too_long_is_refused_not_cut(kept: Kept) -> None:
    with pytest.raises(UnfitError, match="at most 64 characters, came 65"):
        kept.preferences.set("a" * 65, 1)


@pytest.mark.parametrize("value", ["\U0001f600 ä ß 中文 \n\t\\'\"%_", "x" * 70_000])
def test_text_comes_back_as_it_was(kept: Kept, value: str) -> None:
    kept.call("c")
    kept.notes.add("c", "me", value)
    assert kept.notes.of("c")[0].text == value


@pytest.mark.parametrize(
    "value", [None, 0.1 + 0.2, 1e-300, 2**60, "a\0\ud800", {"b": [1, {"ä": True}], "a": ""}]
)
def test_json_comes_back_as_it_was(kept: Kept, value: object) -> None:
    kept.preferences.set("a", {"value": value})
    assert kept.preferences.get("a") == {"value": value}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1: 1, "1": 1}, {1, 2}])
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(UnfitError, match="value of JSON"):
        canonical(value)


def test_canonical_has_one_spelling() -> None:
    assert canonical({"b": 1, "a": "ä"}) == canonical({"a": "ä", "b": 1}) == '{"a":"\\u00e4","b":1}'


def test_as_utc() -> None:
    assert as_utc(NOON.astimezone(timezone(timedelta(hours=-3)))).tzinfo is UTC
