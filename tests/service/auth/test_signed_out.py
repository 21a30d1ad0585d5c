"""Sessions that were ended, as several processes see them."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from service.running import Clock
from store.servers import KINDS, new_database
from tonewatch.service.auth.signed_out import SignedOut
from tonewatch.store.database import Database
from tonewatch.store.preferences import Preferences

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("kind", KINDS)
def test_of_two_processes_that_end_sessions_at_once_no_word_is_lost(
    kind: str, tmp_path: Path
) -> None:
    clock = Clock()
    with (
        new_database(kind, tmp_path) as url,
        closing(Database(url)) as here,
        closing(Database(url)) as there,
    ):
        here.upgrade()
        first, second, third = (
            SignedOut(Preferences(database, clock), 12 * HOUR, clock)
            for database in (here, there, here)
        )
        first.add("before")
        assert second.holds("before")
        with ThreadPoolExecutor(1) as thread:
            with here.begin():
                first.add("one")
                waiting = thread.submit(second.add, "two")
                time.sleep(0.3)  # it has come as far as it can
                assert not waiting.done()
            waiting.result()
        assert all(third.holds(word) for word in ("before", "one", "two"))
