"""Names of takes, and the list beside them."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonewatch.core.errors import CorpusError
from tonewatch.corpora import Utterance, read_corpus, recorded
from tonewatch.corpora.folds import corpus_folds, speaker_folds
from tonewatch.corpora.recorded import (
    COLUMNS,
    EMOTION_CODES,
    Name,
    Row,
    is_copy,
    parse_name,
    read_manifest,
    rows_of,
    write_manifest,
)

ROW = Row(
    path="01_02_01_01_07.wav",
    label="angry",
    speaker="07",
    sex="female",
    language="en",
    sentence='He said "help", twice',
    source="natural",
    consent="2026-01-02T03:04:05+00:00",
    take=2,
    level_dbfs=-21.5,
    snr_db=33.0,
    clipping=0.0,
)

NAMES = st.builds(
    Name,
    st.sampled_from(sorted(EMOTION_CODES)),
    st.integers(1, 99),
    st.sampled_from(["female", "male", None]),
    st.sampled_from(["natural", "synthetic"]),
    st.from_regex(r"[0-9]{2,6}", fullmatch=True),
    st.integers(1, 9999),
)


def folder(tmp_path: Path, *rows: Row) -> Path:
    for row in rows:
        (tmp_path / row.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / row.path).touch()
    write_manifest(tmp_path / "manifest.csv", rows)
    return tmp_path


@given(NAMES)
def test_a_name_is_read_as_it_was_made(name: Name) -> None:
    assert parse_name(name.stem) == name


def test_the_four_states_have_the_first_numbers() -> None:
    assert [w for w, n in EMOTION_CODES.items() if n < 5] == [
        "angry", "drunk", "painful", "stressful",
    ]  # fmt: skip
    assert Name("painful", 4, "male", "synthetic", "118", 3).stem == "03_04_02_02_118-3"


@pytest.mark.parametrize(
    "stem",
    ["", "01_02_01_01", "01_02_01_01_7", "00_02_01_01_07", "13_02_01_01_07", "01_00_01_01_07",
     "01_02_03_01_07", "01_02_01_03_07", "01_02_01_01_07-0", "01_02_01_01_07-1x",
     "0١_02_01_01_07"],
)  # fmt: skip
def test_other_names_are_not_guessed(stem: str) -> None:
    assert parse_name(stem) is None


@pytest.mark.parametrize(
    "values",
    [("wistful", 1, None, "natural", "07"), ("sad", 0, None, "natural", "07"),
     ("sad", 100, None, "natural", "07"), ("sad", 1, None, "natural", "7"),
     ("sad", 1, None, "natural", "07", 0)],
)  # fmt: skip
def test_a_name_that_could_not_be_read_is_not_made(values: tuple[object, ...]) -> None:
    with pytest.raises(CorpusError, match="expected"):
        Name(*values)  # type: ignore[arg-type]


def test_a_list_is_read_as_it_was_written(tmp_path: Path) -> None:
    other = Row("sub/b.wav", "", "08", None, "", "", "synthetic", "x", original=ROW.path)
    root = folder(tmp_path, ROW, other)
    assert read_manifest(root / "manifest.csv") == ([ROW, other], [])
    assert (root / "manifest.csv").read_text("utf-8").splitlines()[0] == ",".join(COLUMNS)
    first, second = read_corpus("mine:recorded", root).utterances
    assert (first.speaker, first.sex, first.emotion) == ("mine:07", "female", "angry")
    assert first.extra["snr_db"] == "33.0"
    assert (second.emotion, second.sex, second.corpus) == (None, None, "mine")
    assert second.extra["original"] == ROW.path
    assert [is_copy(u) for u in (first, second)] == [False, True]
    assert read_corpus("recorded", root / "manifest.csv").utterances[0].path == first.path


def test_rows_of_any_corpus_are_a_list_of_it(tmp_path: Path) -> None:
    root = folder(tmp_path / "a", ROW)
    table = recorded.read(root)
    assert rows_of(table, root) == [ROW]
    beside = tmp_path / "b"
    write_manifest(beside / "manifest.csv", rows_of(table, beside))
    (again,) = recorded.read(beside).utterances
    assert again.path.resolve() == table.utterances[0].path.resolve()
    assert again.speaker == "recorded:07"


@pytest.mark.parametrize(
    ("source", "take", "snr", "expected"),
    [("interview", "second", "good", ("natural", 1, None)), ("", "0", "inf", ("natural", 1, None)),
     ("synthetic", "3", "12.5", ("synthetic", 3, 12.5))],
)  # fmt: skip
def test_columns_of_another_list_are_taken_where_they_mean_the_same(
    tmp_path: Path, source: str, take: str, snr: str, expected: tuple[object, ...]
) -> None:
    (tmp_path / "a.wav").touch()
    listed = tmp_path / "list.csv"
    listed.write_text(
        f"path,emotion,source,take,snr_db\na.wav,sad,{source},{take},{snr}\n", "utf-8"
    )
    (row,) = rows_of(read_corpus("mine:manifest", listed), tmp_path)
    assert (row.source, row.take, row.snr_db) == expected
    assert (row.path, row.label) == ("a.wav", "sad")


LONG = "x" * 300  # more than a file system takes


def test_what_cannot_be_used_is_told(tmp_path: Path) -> None:
    root = folder(tmp_path, ROW, replace(ROW, path="b.wav", consent=""), ROW)
    (root / "stray.wav").touch()
    text = (root / "manifest.csv").read_text("utf-8")
    for bad in ("c.wav,sad,07,tenor,,,natural,yes", "d.wav,sad,07,,,,copied,yes",
                "e.wav,sad,07,,,,natural,yes,1,loud", "f.wav,sad,07,,,,natural,yes,nan",
                "g.wav,sad,,,,,natural,yes", "h.wav,sad,07,,,,natural,yes",
                f"{LONG},sad,07,,,,natural,yes"):  # fmt: skip
        text += bad + "\n"
    (root / "manifest.csv").write_text(text, "utf-8")
    table = recorded.read(root)
    assert len(table) == 1
    reasons = {p.path.name: p.reason for p in table.problems}
    assert set(reasons) == {
        "b.wav", ROW.path, "stray.wav", LONG, *(f"{letter}.wav" for letter in "cdefgh"),
    }  # fmt: skip
    assert "consent" in reasons["b.wav"]
    assert "not in the list" in reasons["stray.wav"]
    assert "twice" in reasons[ROW.path]


@pytest.mark.parametrize("content", [b"", b"path,label\n", b"path\n\xff", b'path,"label\n'])
def test_a_wrong_list_says_what_is_wrong(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.csv").write_bytes(content)
    with pytest.raises(CorpusError, match="expected"):
        recorded.read(tmp_path)


def heap(natural: int, speakers: int = 4) -> list[Utterance]:
    """Of each speaker some takes, and two copies of each."""
    found = []
    for speaker in range(speakers):
        for take in range(natural):
            for copy, source in enumerate(("natural", "synthetic", "synthetic")):
                path, who = Path(f"{speaker}-{take}-{copy}.wav"), f"mine:{speaker:02}"
                found.append(Utterance(path, "sad", who, None, "", "mine", {"source": source}))
    return found


@given(st.integers(1, 3), st.integers(2, 4))
def test_copies_stay_with_their_speaker_and_are_never_tested_on(natural: int, count: int) -> None:
    utterances = heap(natural)
    tested: list[int] = []
    for fold in speaker_folds(utterances, count):
        speakers = {utterances[i].speaker for i in fold.train}
        aside = (*fold.validation, *fold.test)
        assert not speakers & {utterances[i].speaker for i in aside}
        assert not any(is_copy(utterances[i]) for i in aside)
        theirs = [i for i, u in enumerate(utterances) if u.speaker in speakers]
        assert list(fold.train) == theirs, "all copies of those who are trained on"
        tested += fold.test
    assert sorted(tested) == [i for i, u in enumerate(utterances) if not is_copy(u)]


def test_a_corpus_left_out_is_tested_without_its_copies() -> None:
    other = [replace(u, corpus="other", speaker=f"other:{u.speaker}") for u in heap(1)]
    utterances = [*heap(1), *other]
    for fold in corpus_folds(utterances):
        assert len(fold.test) == 4
        assert len({utterances[i].corpus for i in fold.train}) == 1
