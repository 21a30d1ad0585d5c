from datetime import timedelta
from hashlib import sha256

import pytest
from sqlalchemy import select

from store.kept import NOON, Kept
from tonewatch.core.errors import NotFoundError
from tonewatch.store.tables import KeyRow
from tonewatch.store.users import UserRole


def test_a_secret_finds_its_key(kept: Kept) -> None:
    key, secret = kept.keys.create("desk", ["live", "calls", "live"])
    assert secret.startswith(f"tw_{key.prefix}_")
    assert key.scopes == ("calls", "live")
    found = kept.keys.check(secret)
    assert found is not None
    assert (found.id, found.last_used_at) == (key.id, NOON)
    assert kept.keys.get(key.id) == found


def test_what_is_no_secret_finds_none(kept: Kept) -> None:
    key, secret = kept.keys.create("desk", [])
    for wrong in ("", "tw", "tw__", f"tw_{key.prefix}_", secret[:-1], secret + "a", secret.upper()):
        assert kept.keys.check(wrong) is None
    assert kept.keys.check("tw_\0_\ud800") is None


def test_the_database_holds_no_secret(kept: Kept) -> None:
    _, secret = kept.keys.create("desk", [])
    with kept.db.read() as session:
        row = session.scalars(select(KeyRow)).one()
        assert row.secret_sha256 == sha256(secret.encode()).hexdigest()
        assert all(secret != getattr(row, column.key) for column in KeyRow.__table__.columns)


def test_a_key_ends(kept: Kept) -> None:
    _, secret = kept.keys.create("desk", [], expires_at=NOON + timedelta(days=1))
    assert kept.keys.check(secret) is not None
    kept.clock.turn(days=1)
    assert kept.keys.check(secret) is None


def test_a_revoked_key_stays_revoked(kept: Kept) -> None:
    key, secret = kept.keys.create("desk", [])
    assert kept.keys.revoke(key.id).revoked_at == NOON
    kept.clock.turn(days=1)
    assert kept.keys.revoke(key.id).revoked_at == NOON
    assert kept.keys.check(secret) is None


def test_a_key_sleeps_with_its_owner(kept: Kept) -> None:
    user = kept.users.create("Ada", UserRole.SUPERVISOR)
    _, secret = kept.keys.create("desk", [], user.id)
    kept.users.set_active(user.id, False)
    assert kept.keys.check(secret) is None
    kept.users.set_active(user.id, True)
    assert kept.keys.check(secret) is not None


def test_a_use_is_noted_once_a_minute(kept: Kept) -> None:
    key, secret = kept.keys.create("desk", [])
    kept.keys.check(secret)
    kept.clock.turn(seconds=59)
    kept.keys.check(secret)
    assert kept.keys.get(key.id).last_used_at == NOON
    kept.clock.turn(seconds=1)
    kept.keys.check(secret)
    assert kept.keys.get(key.id).last_used_at == NOON + timedelta(minutes=1)


def test_the_list_is_newest_first(kept: Kept) -> None:
    user = kept.users.create("Ada", UserRole.SUPERVISOR)
    older, _ = kept.keys.create("older", [])
    kept.clock.turn(seconds=1)
    newer, _ = kept.keys.create("newer", [], user.id)
    assert kept.keys.list() == (newer, older)
    assert kept.keys.list(user.id) == (newer,)


def test_no_such_key(kept: Kept) -> None:
    for step in (kept.keys.get, kept.keys.revoke):
        with pytest.raises(NotFoundError):
            step("x")
