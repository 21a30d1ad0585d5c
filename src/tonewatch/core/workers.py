"""Processes beside this one, of one thread each.

NumPy's linear algebra starts a thread a core in every process; several processes of several
threads each are several times slower than single ones. Processes are spawned, not forked, as
neither ONNX Runtime's threads nor torch's survive a fork.
"""

import os
import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from multiprocessing.process import BaseProcess
from typing import Any

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@contextmanager
def workers(
    jobs: int, start: Callable[..., None] | None = None, arguments: tuple[Any, ...] = ()
) -> Iterator[ProcessPoolExecutor]:
    """A pool of `jobs` processes, each of which calls `start(*arguments)` first."""
    with (
        _one_thread_each(),
        ProcessPoolExecutor(jobs, get_context("spawn"), start, arguments) as pool,
    ):
        yield pool


_lock = threading.Lock()
_pools = 0
_before: dict[str, str | None] = {}


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes read it once, when they load NumPy; the last of several pools undoes it."""
    global _pools, _before
    with _lock:
        if not _pools:
            _before = {name: os.environ.get(name) for name in _THREADS}
            os.environ.update(dict.fromkeys(_THREADS, "1"))
        _pools += 1
    try:
        yield
    finally:
        with _lock:
            _pools -= 1
            if not _pools:
                for name, value in _before.items():
                    if value is None:
                        os.environ.pop(name, None)
                    else:
                        os.environ[name] = value


def end_all_but(others: Collection[BaseProcess]) -> None:
    """End the processes of a pool that broke, where `others` are those of this process beside it.

    The pool waits for the processes left, of which it now and then (CPython 3.11) misses to end
    one.
    """
    for process in set(active_children()).difference(others):
        process.kill()
