"""The readers of one's own recordings: folders and manifest."""

from pathlib import Path

import pytest

from tonewatch.core.errors import CorpusError
from tonewatch.corpora import folders, manifest


def test_speakers_by_pattern(tmp_path: Path) -> None:
    for name in ("happy/s1_a.wav", "happy/s2_a.wav", "sad/x/s1_b.ogg", "sad/zz.wav", "top.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    table = folders.read(tmp_path, speaker_pattern=r"(?P<speaker>s\d)_")
    assert table.by_speaker() == {"folders:s1": 2, "folders:s2": 1}
    assert {p.path.name for p in table.problems} == {"zz.wav", "top.wav"}
    for wrong in (r"(s\d)", "(?P<speaker>"):
        with pytest.raises(CorpusError, match="expected"):
            folders.read(tmp_path, speaker_pattern=wrong)


def listed(tmp_path: Path, text: str, *names: str) -> Path:
    for name in names:
        (tmp_path / name).touch()
    path = tmp_path / "manifest.csv"
    path.write_bytes(text.encode("utf-8-sig"))
    return path


def test_a_list_tells_all(tmp_path: Path) -> None:
    path = listed(
        tmp_path,
        "Path,Emotion,speaker,sex,language,line\r\n"
        'a.wav,Anger,anna,F,pl,"red, one"\r\nb.wav,,,,,\r\n',
        "a.wav",
        "b.wav",
    )
    for root in (path, tmp_path):
        first, second = manifest.read(root).utterances
        assert (first.emotion, first.speaker, first.sex) == ("angry", "manifest:anna", "female")
        assert (first.language, first.extra) == ("pl", {"line": "red, one"})
        assert (second.emotion, second.speaker, second.sex) == (None, "manifest:unknown", None)


def test_rows_that_cannot_be_used_are_reported(tmp_path: Path) -> None:
    path = listed(
        tmp_path,
        "path,emotion,sex\na.wav,sad,\na.wav,happy,\nnone.wav,sad,\n,sad,\nb.wav,sad,tenor\nb.wav\n"
        f"c.wav,sad,male,too,many\n{'x' * 300}.wav,sad,\nnul\0.wav,sad,\n",
        "a.wav",
        "b.wav",
        "c.wav",
    )
    table = manifest.read(path)
    assert [u.path.name for u in table.utterances] == ["a.wav", "b.wav", "c.wav"]
    reasons = " / ".join(problem.reason for problem in table.problems)
    assert len(table.problems) == 6
    assert "twice" in reasons
    assert "no such file" in reasons
    assert "'tenor'" in reasons


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "columns path and emotion"),
        (b"path\na.wav\n", r"add \['emotion'\]"),
        (b"path,emotion\nnone.wav,sad\n", "none usable"),
        (b'path,emotion\n"a.wav,sad\n', "UTF-8 CSV"),
        (b"path,emotion\n\xff,sad\n", "UTF-8 CSV"),
        (b"path,emotion\n\x00,sad\n", "expected"),
    ],
)
def test_a_wrong_list_says_what_is_wrong(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=says):
        manifest.read(path)
