from datetime import timedelta

import pytest
from sqlalchemy import select

from store.kept import Kept
from tonewatch.core.errors import NotFoundError
from tonewatch.store.tables import LinkRow
from tonewatch.store.users import UserRole

ADMIN = UserRole.ADMINISTRATOR


def test_a_link_works_once(kept: Kept) -> None:
    user = kept.users.create("Ada", ADMIN)
    token = kept.links.create(user.id, "password", timedelta(hours=1))
    assert kept.links.peek(token) == user
    assert kept.links.peek(token, "password") == user
    with pytest.raises(NotFoundError):
        kept.links.use(token, "invitation")
    assert kept.links.use(token, "password") == user
    for step in (kept.links.use, kept.links.peek):
        with pytest.raises(NotFoundError):
            step(token)


def test_a_link_ends(kept: Kept) -> None:
    user = kept.users.create("Ada", ADMIN)
    token = kept.links.create(user.id, "password", timedelta(hours=1))
    kept.clock.turn(hours=1)
    with pytest.raises(NotFoundError, match="too old"):
        kept.links.use(token)


def test_a_newer_link_ends_the_older(kept: Kept) -> None:
    user = kept.users.create("Ada", ADMIN)
    older, newer = (kept.links.create(user.id, "password", timedelta(hours=1)) for _ in range(2))
    with pytest.raises(NotFoundError):
        kept.links.use(older)
    assert kept.links.use(newer) == user


def test_links_of_nobody(kept: Kept) -> None:
    with pytest.raises(NotFoundError):
        kept.links.create("x", "password", timedelta(hours=1))
    for token in ("", "x", "\ud800\0"):
        with pytest.raises(NotFoundError):
            kept.links.use(token)


def test_a_link_of_who_is_no_longer_active(kept: Kept) -> None:
    user = kept.users.create("Ada", UserRole.SUPERVISOR)
    token = kept.links.create(user.id, "password", timedelta(hours=1))
    kept.users.set_active(user.id, False)
    with pytest.raises(NotFoundError):
        kept.links.use(token)


def test_the_database_holds_no_token(kept: Kept) -> None:
    user = kept.users.create("Ada", ADMIN)
    token = kept.links.create(user.id, "password", timedelta(hours=1))
    with kept.db.read() as session:
        row = session.scalars(select(LinkRow)).one()
        assert token not in (row.token_sha256, row.purpose, row.user_id)
