"""Files by the hash of their content: each content once, and never half of one.

`Blobs` is the port that S3-compatible storage can fill; `FolderBlobs` is a folder. They know no
database: who refers to a file, and when it may go, `Recordings` knows.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256 as new_sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, Protocol

from tonewatch.core.errors import NotFoundError, StoreError, UnfitError

_CHUNK = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Blobs(Protocol):
    """Files by the SHA-256 of their content, in lower-case hexadecimal.

    All of it raises StoreError where the files cannot be reached.
    """

    def put(self, stream: BinaryIO) -> tuple[str, int]:
        """Keep what `stream` has left; gives its hash and its size in bytes."""
        ...

    def open(self, sha256: str) -> BinaryIO:
        """The content from its first byte, seekable.

        Raises:
            NotFoundError: it is not kept.
        """
        ...

    def exists(self, sha256: str) -> bool: ...

    def delete(self, sha256: str) -> bool:
        """Forget the content; gives whether it was there."""
        ...

    def older_than(self, moment: datetime) -> Iterator[str]:
        """The hashes of all that was last put before a moment."""
        ...


class FolderBlobs:
    """Files in a folder, `ab/cd/abcd…`; several processes may share it."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def put(self, stream: BinaryIO) -> tuple[str, int]:
        """Keep what `stream` has left; a crash leaves all of it or nothing."""
        digest = new_sha256()
        size = 0
        part = None
        with _ours("write", self._folder):
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                with NamedTemporaryFile(dir=self._folder, suffix=".part", delete=False) as file:
                    part = Path(file.name)
                    while chunk := stream.read(_CHUNK):
                        digest.update(chunk)
                        size += len(chunk)
                        file.write(chunk)
                    file.flush()
                    os.fsync(file.fileno())
                target = self._path(digest.hexdigest())
                target.parent.mkdir(parents=True, exist_ok=True)
                # Also over the same content: its time says that it is wanted, see `older_than`.
                part.replace(target)
                _sync_folder(target.parent)
            finally:
                if part is not None:
                    part.unlink(missing_ok=True)
        return digest.hexdigest(), size

    def open(self, sha256: str) -> BinaryIO:
        with _ours("read", self._folder):
            try:
                return self._path(sha256).open("rb")
            except FileNotFoundError as error:
                raise NotFoundError(
                    f"expected a file of content {sha256[:12]}…, came none; it was deleted"
                ) from error

    def exists(self, sha256: str) -> bool:
        with _ours("read", self._folder):
            return self._path(sha256).is_file()

    def delete(self, sha256: str) -> bool:
        with _ours("delete", self._folder):
            try:
                self._path(sha256).unlink()
            except FileNotFoundError:
                return False
        return True

    def older_than(self, moment: datetime) -> Iterator[str]:
        """The hashes of all that was last put before `moment`; unfinished files of then go."""
        with _ours("delete", self._folder):
            for path in sorted(self._folder.glob("??/??/*")):
                if _SHA256.fullmatch(path.name) and _changed_at(path) < moment:
                    yield path.name
            for path in self._folder.glob("*.part"):
                if _changed_at(path) < moment:
                    path.unlink(missing_ok=True)

    def _path(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise UnfitError(f"expected a SHA-256 of 64 hexadecimal digits, came {sha256[:80]!r}")
        return self._folder / sha256[:2] / sha256[2:4] / sha256


@contextmanager
def _ours(step: str, folder: Path) -> Iterator[None]:
    """Turn what the file system raises into our error."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"expected to {step} below {folder}, came {error.strerror or error}; "
            "make room there, or let the service read and write"
        ) from error


def _changed_at(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:  # another process was quicker
        return datetime.max.replace(tzinfo=UTC)


def _sync_folder(folder: Path) -> None:
    """Make the file's name survive a power cut; only POSIX can and must."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
