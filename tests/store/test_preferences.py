from concurrent.futures import ThreadPoolExecutor

import pytest

from store.kept import Kept
from tonewatch.core.errors import UnfitError


def test_values_are_kept_by_key(kept: Kept) -> None:
    assert kept.preferences.get("a") is None
    assert kept.preferences.get("a", 3) == 3
    kept.preferences.set("b", {"x": [1]})
    kept.preferences.set("a", 1)
    kept.preferences.set("a", 2)
    assert kept.preferences.all() == {"a": 2, "b": {"x": [1]}}


def test_none_forgets(kept: Kept) -> None:
    kept.preferences.set("a", 1)
    kept.preferences.set("a", None)
    kept.preferences.set("b", None)
    assert kept.preferences.all() == {}


def test_threads_that_set_one_key_do_not_meet(kept: Kept) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda k: kept.preferences.set("a", k), range(24)))
    assert kept.preferences.get("a") in range(24)


def test_changes_of_one_key_at_once_all_count(kept: Kept) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda k: kept.preferences.change("a", [], lambda a: [*a, k]), range(24)))
    assert sorted(kept.preferences.get("a")) == list(range(24))
    assert kept.preferences.change("a", [], len) == 24
    assert kept.preferences.all() == {"a": 24}


def test_what_is_no_json_is_refused(kept: Kept) -> None:
    with pytest.raises(UnfitError):
        kept.preferences.set("a", float("nan"))
