"""Events on their way into the database, kept on disk until they are there.

Each event is on disk before `put` returns, and leaves it when `write` took it: whether the database
answers makes no difference but in how many wait. After a crash some events may be written twice, so
`write` must not mind; none is lost. It knows no table, and of an event only that it is JSON, maybe
with a `type` and a `call_id`.

In the folder: `NUMBER.jsonl` (events, a line each), `done.json` (how far they are written), and
`rejected.jsonl` (which events `write` refused for good, and why: for a person).
"""

import json
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from tonewatch.core.errors import (
    ConflictError,
    NotFoundError,
    StoreError,
    UnfitError,
)

Event = dict[str, Any]

_NEW_FILE_AFTER = 1 << 20
_BATCH_BYTES = 1 << 18
# These the same event would meet again; any other trouble of the store may pass.
_FOR_GOOD = (ConflictError, NotFoundError, UnfitError)


class Spool:
    """Writes events in their order, in a thread of its own. One process has one in a folder.

    Args:
        folder: where events wait; what another spool left there comes first.
        write: takes events into the database, all or none.
        retry_s: how long to wait after `write` failed.
        gather_s: least time from one `write` to the next, as a few large transactions cost less
            than many small ones.
    """

    def __init__(
        self,
        folder: str | Path,
        write: Callable[[list[Event]], None],
        *,
        retry_s: float = 1.0,
        gather_s: float = 0.0,
    ) -> None:
        self._folder = Path(folder)
        self._write = write
        self._retry_s = retry_s
        self._gather_s = gather_s
        self._changed = threading.Condition()
        self._stopping = False
        self._file: BinaryIO | None = None
        self.last_error = ""
        """What `write` last said; empty since it worked again."""
        self.rejected = 0
        """How many events `write` refused for good since the spool was opened."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._segment, self._offset = self._read_done()
            numbers = [number for number in self._numbers() if number >= self._segment]
            self._waiting = sum(1 for number in numbers for _ in self._lines(number))
        except OSError as error:
            raise self._no_disk(error) from error
        # Never after what another left: its last line may be cut.
        self._newest = max(numbers, default=self._segment) + 1
        # A power failure may lose the last note, and leave one of a file that has gone.
        if self._segment not in numbers:
            self._segment, self._offset = min(numbers, default=self._newest), 0
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many events are not in the database yet."""
        return self._waiting

    def put(self, events: list[Event]) -> None:
        """Keep events; they are safe when this returns. One call for many is quicker.

        Raises:
            StoreError: the disk is full, or the spool is closed; none of the events is kept.
            UnfitError: one of them is not JSON; none is kept.
        """
        lines = b"".join(_line(event) for event in events)
        if not lines:
            return
        with self._changed:
            if self._stopping:
                raise StoreError("expected an open spool, came a closed one; events come too late")
            try:
                self._append(lines)
            except OSError as error:
                raise self._no_disk(error) from error
            self._waiting += len(events)
            self._changed.notify_all()

    def flush(self, timeout_s: float) -> bool:
        """Wait until no event waits, at most so long; gives whether none does."""
        with self._changed:
            return self._changed.wait_for(lambda: self._waiting == 0, timeout_s)

    def close(self, timeout_s: float = 10.0) -> None:
        """Write what waits, unless the database is away: then it stays for the next spool."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        with self._changed:
            if self._file is not None:
                self._file.close()
                self._file = None
            if self._waiting == 0 and not self._thread.is_alive():
                for number in self._numbers():
                    self._path(number).unlink(missing_ok=True)
                (self._folder / "done.json").unlink(missing_ok=True)

    def _run(self) -> None:
        wrote_at = -math.inf
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                # On disk already: what comes meanwhile goes with it, in one transaction.
                rest_s = wrote_at + self._gather_s - time.monotonic()
                self._changed.wait_for(lambda: self._stopping, max(0.0, rest_s))
                last = self._stopping
            wrote_at = time.monotonic()
            went_well = self._write_all()
            with self._changed:
                if last and (self._waiting == 0 or not went_well):
                    return
                if not went_well:
                    self._changed.wait_for(lambda: self._stopping, self._retry_s)

    def _write_all(self) -> bool:
        """Write until none waits; gives whether the database took all."""
        while self._waiting:
            try:
                lines = self._next_lines()
                n = self._give(lines)
                with self._changed:
                    self._waiting -= n
                    self._offset += sum(len(line) for line in lines[:n])
                    self._note(file_is_done=not lines)
                    self._changed.notify_all()
            except OSError as error:
                self.last_error = str(self._no_disk(error))
                return False
            if n < len(lines):
                return False
        return True

    def _give(self, lines: list[bytes]) -> int:
        """Give lines to the database, one by one if there is a bad one; gives how many are done."""
        events = [event for line in lines if (event := _event(line)) is not None]
        if not lines:
            return 0
        if len(events) < len(lines):
            why = "expected a line of JSON, came a damaged one"
        else:
            try:
                self._write(events)
                self.last_error = ""
                return len(lines)
            except Exception as error:
                self.last_error = why = f"{type(error).__name__}: {error}"
                if isinstance(error, StoreError) and not isinstance(error, _FOR_GOOD):
                    return 0
        if len(lines) == 1:
            self._reject(lines[0], why)
            return 1
        return next((i for i, line in enumerate(lines) if not self._give([line])), len(lines))

    def _next_lines(self) -> list[bytes]:
        """Whole lines that are not written yet; none at the end of a file."""
        with self._path(self._segment).open("rb") as file:
            file.seek(self._offset)
            lines = file.readlines(_BATCH_BYTES)
        return [line for line in lines if line.endswith(b"\n")]

    def _note(self, *, file_is_done: bool) -> None:
        """Note how far we are; delete files of which all is written, for what may be erased."""
        if self._waiting == 0:
            self._next_file()
            self._segment, self._offset = self._newest, 0
        elif file_is_done:
            later = [number for number in self._numbers() if number > self._segment]
            self._segment, self._offset = min(later, default=self._newest), 0
        note = self._folder / "done.part"
        note.write_text(json.dumps({"segment": self._segment, "offset": self._offset}))
        note.replace(self._folder / "done.json")
        for number in self._numbers():
            if number < self._segment:
                self._path(number).unlink(missing_ok=True)

    def _next_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        self._newest += 1

    def _append(self, lines: bytes) -> None:
        if self._file is not None and self._file.tell() >= _NEW_FILE_AFTER:
            self._next_file()
        if self._file is None:
            self._file = self._path(self._newest).open("ab", buffering=0)
        before = self._file.tell()
        try:
            written = 0
            while written < len(lines):
                written += self._file.write(lines[written:])
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(before)
            raise

    def _reject(self, line: bytes, why: str) -> None:
        # Without its content: its call was erased, or may be.
        event = _event(line) or {}
        entry = {"error": why, "type": event.get("type"), "call_id": event.get("call_id")}
        with (self._folder / "rejected.jsonl").open("ab") as file:
            file.write(_line(entry))
            file.flush()
            os.fsync(file.fileno())
        self.rejected += 1

    def _read_done(self) -> tuple[int, int]:
        try:
            done = json.loads((self._folder / "done.json").read_text())
            return int(done["segment"]), int(done["offset"])
        except (FileNotFoundError, KeyError, TypeError, ValueError):
            # Unknown, or cut by a power failure: from the first file on; twice is harmless.
            return min(self._numbers(), default=0), 0

    def _numbers(self) -> list[int]:
        paths = self._folder.glob("*.jsonl")
        return sorted(int(path.stem) for path in paths if path.stem.isdecimal())

    def _lines(self, number: int) -> Iterator[bytes]:
        with self._path(number).open("rb") as file:
            file.seek(self._offset if number == self._segment else 0)
            yield from (line for line in file if line.endswith(b"\n"))

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:012d}.jsonl"

    def _no_disk(self, error: OSError) -> StoreError:
        return StoreError(
            f"expected to write events to {self._folder}, came {error.strerror or error}; "
            "make room there"
        )


def _line(event: Event) -> bytes:
    try:
        return json.dumps(event, separators=(",", ":")).encode() + b"\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise UnfitError(f"expected an event as JSON, came one that is not: {error}") from error


def _event(line: bytes) -> Event | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
