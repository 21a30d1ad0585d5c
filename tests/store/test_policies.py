import pytest

from store.kept import Kept
from tonewatch.core.errors import ConflictError, NotFoundError, UnfitError


def test_the_newest_holds_and_all_stay(kept: Kept) -> None:
    assert kept.policies.latest() is None
    one = kept.policies.add("1", "a" * 64, "text", "ada")
    two = kept.policies.add("2", "b" * 64, "text 2", "bob")
    assert kept.policies.latest() == two
    again = kept.policies.add("1", "a" * 64, "text", "bob")
    assert kept.policies.latest() == again
    assert kept.policies.all() == (again, two, one)
    assert kept.policies.get("2") == two
    assert kept.policies.get("1") == again


def test_a_name_is_always_the_same_text(kept: Kept) -> None:
    kept.policies.add("1", "a" * 64, "text", "ada")
    with pytest.raises(ConflictError, match="new version"):
        kept.policies.add("1", "b" * 64, "other", "ada")
    with pytest.raises(UnfitError):
        kept.policies.add("v" * 65, "b" * 64, "other", "ada")
    with pytest.raises(NotFoundError):
        kept.policies.get("2")
