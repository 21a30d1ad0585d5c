"""What other processes do in tests; spawned, so that they share nothing with this one."""

import multiprocessing
import time
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from typing import Any

from tonewatch.store.audit import Audit
from tonewatch.store.database import Database


def run_in_processes(n: int, target: Callable[..., None], *arguments: Any) -> None:
    """Run `target(*arguments, index)` in n processes at once; all must do well."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(n)
    children = [
        context.Process(target=_once_all_are_ready, args=(ready, target, *arguments, i))
        for i in range(n)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(300)
    assert [child.exitcode for child in children] == [0] * n


def _once_all_are_ready(ready: Barrier, target: Callable[..., None], *arguments: Any) -> None:
    ready.wait(300)
    target(*arguments)


def upgrade(url: str, _index: int) -> None:
    database = Database(url)
    database.upgrade()
    database.close()


def append(url: str, n: int, index: int) -> None:
    database = Database(url)
    audit = Audit(database, lambda: datetime.now(UTC))
    for k in range(n):
        audit.append(f"process {index}", "test.done", "test:1", {"k": k})
        time.sleep(0.01)  # SQLite lets whoever has just written write on, while the others wait
    database.close()
