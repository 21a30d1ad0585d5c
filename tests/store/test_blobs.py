import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from tonewatch.core.errors import NotFoundError, StoreError, UnfitError
from tonewatch.store.blobs import Blobs, FolderBlobs

CONTENT = bytes(range(256)) * 5000
SHA256 = sha256(CONTENT).hexdigest()


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "blobs")


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_content_comes_back_and_can_be_sought(blobs: Blobs) -> None:
    assert not blobs.exists(SHA256)
    assert blobs.put(io.BytesIO(CONTENT)) == (SHA256, len(CONTENT))
    assert blobs.exists(SHA256)
    with blobs.open(SHA256) as file:
        assert file.read() == CONTENT
        file.seek(1000)
        assert file.read(3) == CONTENT[1000:1003]


def test_the_same_content_is_one_file(blobs: FolderBlobs, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        put = list(threads.map(lambda _: blobs.put(io.BytesIO(CONTENT)), range(8)))
    assert set(put) == {(SHA256, len(CONTENT))}
    assert [path.name for path in files(tmp_path)] == [SHA256]


def test_what_breaks_off_leaves_nothing(blobs: FolderBlobs, tmp_path: Path) -> None:
    class Broken(io.RawIOBase):
        chunks: Iterator[bytes] = iter([CONTENT])

        def read(self, size: int = -1) -> bytes:
            chunk = next(self.chunks, None)
            if chunk is None:
                raise RuntimeError("the connection broke")
            return chunk

    with pytest.raises(RuntimeError, match="broke"):
        blobs.put(Broken())  # type: ignore[arg-type]
    assert files(tmp_path) == []


def test_delete(blobs: Blobs) -> None:
    blobs.put(io.BytesIO(CONTENT))
    assert blobs.delete(SHA256)
    assert not blobs.delete(SHA256)
    with pytest.raises(NotFoundError, match=SHA256[:12]):
        blobs.open(SHA256)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_only_hashes_are_names(blobs: Blobs, name: str) -> None:
    for step in (blobs.open, blobs.exists, blobs.delete):
        with pytest.raises(UnfitError):
            step(name)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="make room there"):
        FolderBlobs(tmp_path / "file").put(io.BytesIO(CONTENT))


def test_files_that_cannot_be_read_or_deleted(blobs: FolderBlobs, tmp_path: Path) -> None:
    blobs.put(io.BytesIO(CONTENT))
    (path,) = files(tmp_path)
    path.unlink()
    (path / "in the way").mkdir(parents=True)
    for step in (blobs.open, blobs.delete):
        with pytest.raises(StoreError, match="let the service read and write"):
            step(SHA256)
    (tmp_path / "blobs" / "x.part").mkdir()
    listed = blobs.older_than(datetime.now(UTC) + timedelta(days=1))
    assert next(listed) == SHA256
    with pytest.raises(StoreError, match="expected to delete below"):
        next(listed)


def test_old_content_and_unfinished_files(blobs: FolderBlobs, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    blobs.put(io.BytesIO(CONTENT))
    other, _ = blobs.put(io.BytesIO(b"other"))
    part = tmp_path / "blobs" / "x.part"
    part.write_bytes(b"half")
    before = (now - timedelta(days=2)).timestamp()
    for path in files(tmp_path):
        os.utime(path, (before, before))
    assert list(blobs.older_than(now - timedelta(days=3))) == []
    assert part.exists()
    blobs.put(io.BytesIO(CONTENT))  # wanted again
    assert list(blobs.older_than(now - timedelta(days=1))) == [other]
    assert not part.exists()
