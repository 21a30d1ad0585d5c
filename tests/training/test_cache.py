from pathlib import Path

import pytest

from tonewatch.training.cache import DONE, kept


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / DONE).write_text("1")

    for _ in range(2):
        assert (kept(tmp_path / "deep" / "x", make) / DONE).read_text() == "1"
    assert len(made) == 1
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["x"]


def test_nothing_is_left_of_what_failed(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        (folder / "a").write_text("half")
        raise RuntimeError("no more disk")

    with pytest.raises(RuntimeError, match="no more disk"):
        kept(tmp_path / "x", make)
    assert list(tmp_path.iterdir()) == []


def test_of_two_at_once_the_first_to_be_done_is_kept(tmp_path: Path) -> None:
    def first(folder: Path) -> None:
        (folder / DONE).write_text("first")

    def second(folder: Path) -> None:
        kept(tmp_path / "x", first)
        (folder / DONE).write_text("second")

    assert (kept(tmp_path / "x", second) / DONE).read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
