from collections.abc import Callable

import pytest

from store.kept import NOON, Kept
from tonewatch.core.errors import ConflictError, NotFoundError, UnfitError
from tonewatch.store.users import UserRole

ADMIN = UserRole.ADMINISTRATOR


def test_a_user_is_kept(kept: Kept) -> None:
    user = kept.users.create(" Ada ", UserRole.SUPERVISOR, "hash")
    assert (user.name, user.role, user.active, user.created_at) == (
        "Ada",
        UserRole.SUPERVISOR,
        True,
        NOON,
    )
    assert kept.users.get(user.id) == user
    assert kept.users.by_name("ADA") == user
    assert kept.users.by_name("Grace") is None
    assert kept.users.password_hash_of("ada") == "hash"


def test_the_list_is_by_name(kept: Kept) -> None:
    for name in ("b", "C", "a"):
        kept.users.create(name, UserRole.RESEARCHER)
    assert [user.name for user in kept.users.list()] == ["a", "b", "C"]


@pytest.mark.parametrize("name", ["ada", "ADA ", "\uff21da"])
def test_no_two_names_differ_by_spelling_only(kept: Kept, name: str) -> None:
    kept.users.create("Ada", ADMIN)
    with pytest.raises(ConflictError, match="taken"):
        kept.users.create(name, ADMIN)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\0", "x" * 65, "\u200b"])
def test_names_that_cannot_be_seen_are_refused(kept: Kept, name: str) -> None:
    with pytest.raises(UnfitError):
        kept.users.create(name, ADMIN)


def test_letters_with_accents_differ(kept: Kept) -> None:
    kept.users.create("Jose", ADMIN)
    kept.users.create("José", ADMIN)
    found = kept.users.by_name("JOSÉ")
    assert found is not None
    assert found.name == "José"


def test_changes(kept: Kept) -> None:
    user = kept.users.create("Ada", UserRole.CALL_TAKER)
    assert kept.users.password_hash_of("Ada") is None
    kept.users.set_password(user.id, "new")
    assert kept.users.set_role(user.id, UserRole.RESEARCHER).role is UserRole.RESEARCHER
    assert kept.users.password_hash_of("Ada") == "new"
    assert not kept.users.set_active(user.id, False).active
    assert kept.users.password_hash_of("Ada") is None
    assert kept.users.set_active(user.id, True) == kept.users.get(user.id)


def test_nobody_of_that_id(kept: Kept) -> None:
    steps: list[Callable[[], object]] = [
        lambda: kept.users.get("x"),
        lambda: kept.users.set_password("x", None),
        lambda: kept.users.set_role("x", ADMIN),
        lambda: kept.users.set_active("x", False),
    ]
    for step in steps:
        with pytest.raises(NotFoundError):
            step()


def test_the_last_administrator_stays(kept: Kept) -> None:
    first = kept.users.create("first", ADMIN)
    second = kept.users.create("second", ADMIN)
    kept.users.set_active(second.id, False)
    with pytest.raises(ConflictError, match="the last"):
        kept.users.set_active(first.id, False)
    with pytest.raises(ConflictError, match="the last"):
        kept.users.set_role(first.id, UserRole.SUPERVISOR)
    kept.users.set_active(second.id, True)
    assert kept.users.set_role(first.id, UserRole.SUPERVISOR).role is UserRole.SUPERVISOR
