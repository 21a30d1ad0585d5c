"""What other processes do in tests; spawned, so that they share nothing with this one."""

import multiprocessing
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tonewatch.store.audit import Audit
from tonewatch.store.database import Database


def run_in_processes(n: int, target: Callable[..., None], *arguments: Any) -> None:
    """Run `target(*arguments, index)` in n processes at once; all must do well."""
    context = multiprocessing.get_context("spawn")
    children = [context.Process(target=target, args=(*arguments, i)) for i in range(n)]
    for child in children:
        child.start()
    for child in children:
        child.join(300)
    assert [child.exitcode for child in children] == [0] * n


def upgrade(url: str, _index: int) -> None:
    database = Database(url)
    database.upgrade()
    database.close()


def append(url: str, n: int, index: int) -> None:
    database = Database(url)
    audit = Audit(database, lambda: datetime.now(UTC))
    for k in range(n):
        audit.append(f"process {index}", "test.done", "test:1", {"k": k})
    database.close()
