"""Two at one user's links at once."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from service.running import Clock
from store.servers import KINDS, new_database
from tonewatch.core.errors import NotFoundError
from tonewatch.service.auth.people import People
from tonewatch.service.settings import Settings
from tonewatch.store.audit import Audit
from tonewatch.store.database import Database
from tonewatch.store.links import OneTimeLinks
from tonewatch.store.users import UserRole, Users


@pytest.mark.parametrize("kind", KINDS)
def test_a_link_is_made_while_the_one_before_is_used(kind: str, tmp_path: Path) -> None:
    clock = Clock()
    with new_database(kind, tmp_path) as url, closing(Database(url)) as database:
        database.upgrade()
        users, links = Users(database, clock), OneTimeLinks(database, clock)
        audit = Audit(database, clock)
        people = People(database, users, links, audit, Settings())
        user, link = people.add("bob", UserRole.CALL_TAKER, "admin")
        used = Event()

        def use() -> None:
            with database.begin():
                links.use(link.partition("=")[2], "password")
                used.set()
                time.sleep(0.5)  # the other comes as far as it can
                users.set_password(user.id, "hash")
                audit.append("bob", "user.password_set", f"user:{user.id}")

        with ThreadPoolExecutor(1) as thread:
            using = thread.submit(use)
            assert used.wait(10)
            newer = people.new_link(user.id, "admin")[1].partition("=")[2]
            using.result()
        assert users.password_hash_of("bob") == "hash"
        assert links.use(newer, "password").id == user.id
        with pytest.raises(NotFoundError):
            links.use(link.partition("=")[2])
