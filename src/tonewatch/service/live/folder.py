"""The folder of one process: its unwritten events and unfinished recordings, under a lock.

The system lets go of the lock when the process dies, however it dies. So another start finds the
folders of the dead, and never takes that of a process which lives.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

_LOCK = "lock"


class Folder:
    """A folder that this process holds.

    Attributes:
        path: where it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise

    @property
    def spool(self) -> Path:
        """Where events wait for the database."""
        return self.path / "spool"

    @property
    def recordings(self) -> Path:
        """Where recordings of live calls grow."""
        return self.path / "recordings"

    def remove(self) -> None:
        """Delete it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.release()

    def release(self) -> None:
        """Let another process take it."""
        os.close(self._lock)


def of_the_dead(base: Path) -> Iterator[Folder]:
    """The folders below `base` whose process is dead, each held now."""
    for path in sorted(base.iterdir()) if base.is_dir() else ():
        try:
            yield Folder(path)
        except OSError:
            continue
