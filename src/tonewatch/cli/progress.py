"""A progress bar on the standard error, where that is a terminal; nothing elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_to(what: str, total: int) -> Iterator[Callable[[float], None] | None]:
    """Give a function that shows how many of `total` are done; None where nothing is shown."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.update(task, completed=done)


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Give a function to call after each of `total` steps."""
    done = 0
    with progress_to(what, total) as show:

        def step() -> None:
            nonlocal done
            done += 1
            if show is not None:
                show(done)

        yield step
