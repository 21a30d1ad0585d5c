"""Corpora made from others: what is written where, and that nothing is overwritten."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from audio.recordings import write
from tonewatch.audio.decode import load
from tonewatch.cli.main import app
from tonewatch.core.signal import Samples
from tonewatch.corpora import recorded
from tonewatch.corpora.recorded import Row, read_manifest, write_manifest
from voices import make_corpus, voice


@pytest.fixture
def takes(tmp_path: Path) -> Path:
    """Three speakers, a take of each; one is listed as a copy of another."""
    root = tmp_path / "takes"
    rows = []
    for number in (1, 2, 3):
        path = f"01_01_01_01_0{number}.wav"
        root.mkdir(exist_ok=True)
        write(root / path, np.pad(voice("angry", number, 0), 16_000), 16_000)
        rows.append(Row(path, "angry", f"0{number}", "female", "en", "One.", "natural", "yes"))
    (root / "speakers").mkdir()
    (root / "speakers" / "01.json").write_text("{}")
    write_manifest(root / "manifest.csv", rows)
    return root


def corpus(*arguments: object) -> Result:
    result = CliRunner().invoke(app, ["corpus", *map(str, arguments)], env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def content(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def speech_at(samples: Samples) -> tuple[int, int]:
    loud = np.flatnonzero(np.abs(samples) > 0.05)
    return int(loud[0]), int(loud[-1])


@pytest.mark.parametrize(
    ("arguments", "n"),
    [(["clean"], 3), (["trim", "--pad", "0.2"], 3), (["clip", "--seconds", "0.5"], 3),
     (["synthesize", "--copies", "3"], 12)],
)  # fmt: skip
def test_a_new_corpus_is_written_beside_and_the_old_one_stays(
    takes: Path, tmp_path: Path, arguments: list[str], n: int
) -> None:
    before, out = content(takes), tmp_path / "new"
    result = corpus(*arguments, takes, "--out", out)
    assert result.exit_code == 0, result.output
    assert f"3 recordings in, {n} out; use them as mine:recorded=" in result.stdout
    assert content(takes) == before
    table = recorded.read(out)
    assert len(table) == n
    assert table.problems == ()
    assert table.by_speaker() == {f"recorded:0{number}": n // 3 for number in (1, 2, 3)}
    rows, _ = read_manifest(out / "manifest.csv")
    assert all(row.consent == "yes" for row in rows)
    if arguments[0] != "synthesize":  # what is taken over as it is was measured already
        assert all(row.snr_db is not None and row.level_dbfs is not None for row in rows)
    assert (out / "speakers" / "01.json").is_file()


def test_what_each_does(takes: Path, tmp_path: Path) -> None:
    before = load(takes / "01_01_01_01_01.wav")
    for action, *more in (["trim", "--pad", "0.2"], ["clip", "--seconds", "1.5"], ["clean"]):
        corpus(action, takes, "--out", tmp_path / action, *more)
    trimmed, clipped, cleaned = (
        load(tmp_path / action / "01_01_01_01_01.wav") for action in ("trim", "clip", "clean")
    )
    first, last = speech_at(trimmed)
    assert 0.1 * 16_000 < first < 0.4 * 16_000
    assert 0.1 * 16_000 < trimmed.size - last < 0.4 * 16_000
    assert last - first == speech_at(before)[1] - speech_at(before)[0]
    assert clipped.size == 24_000
    assert speech_at(clipped)[1] - speech_at(clipped)[0] == last - first
    breath = slice(16_400, 18_000)
    assert 0 < np.std(cleaned[breath]) < np.std(before[breath]) / 4


def test_copies_name_their_originals_and_copies_get_no_copies(takes: Path, tmp_path: Path) -> None:
    out, again = tmp_path / "new", tmp_path / "again"
    corpus("synthesize", takes, "--out", out)
    rows = [row for row in read_manifest(out / "manifest.csv")[0] if row.source == "synthetic"]
    assert [(row.path, row.original) for row in rows[:2]] == [
        ("01_01_01_02_01.wav", "01_01_01_01_01.wav"),
        ("01_01_01_02_01-2.wav", "01_01_01_01_01.wav"),
    ]
    assert load(out / rows[0].path).size == load(out / rows[0].original).size
    assert not np.array_equal(load(out / rows[0].path), load(out / rows[1].path))
    same = (out / rows[0].original).read_bytes()
    assert same == (takes / rows[0].original).read_bytes()
    result = corpus("synthesize", out, "--out", again)
    assert "9 recordings in, 15 out" in result.stdout, "two more of each of the three originals"
    rows, _ = read_manifest(again / "manifest.csv")
    assert sorted(row.path for row in rows if row.speaker == "01") == [
        "01_01_01_01_01.wav", *(f"01_01_01_02_01{more}.wav" for more in ("-2", "-3", "-4", "")),
    ]  # fmt: skip
    assert {row.take for row in rows if row.source == "synthetic"} == {1, 2, 3, 4}


def test_a_dry_run_writes_nothing(takes: Path, tmp_path: Path) -> None:
    for action in ("clean", "synthesize", "split"):
        result = corpus(action, takes, "--out", tmp_path / "new", "--dry-run")
        assert result.exit_code == 0, result.output
        assert "wrote nothing" in result.stdout
    outliers = ("outliers", takes, "--out", tmp_path / "new", "--dry-run", "--json")
    result = corpus(*outliers, tmp_path / "new.json")
    assert result.exit_code == 0, result.output
    assert "of 3 recordings to listen to" in result.stdout
    assert json.loads(corpus(*outliers, "-").stdout)["n"] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["takes"]


def test_nothing_is_overwritten(takes: Path, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "a.txt").touch()
    before = content(tmp_path)
    for action in ("clean", "outliers", "split"):
        for out in (takes, takes / "below", tmp_path, full):
            result = corpus(action, takes, "--out", out)
            assert result.exit_code == 2, (action, out)
            assert "expected a" in result.stderr
    assert content(tmp_path) == before


def test_one_bad_file_does_not_stop_the_others(takes: Path, tmp_path: Path) -> None:
    (takes / "01_01_01_01_02.wav").write_bytes(b"no audio")
    result = corpus("clip", takes, "--out", tmp_path / "new")
    assert result.exit_code == 1
    assert "failed: 01_01_01_01_02.wav" in result.stdout
    assert len(recorded.read(tmp_path / "new")) == 2
    result = corpus("outliers", takes, "--json", "-")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["outliers"][0]["word"] == "not_audio"


def test_files_left_aside_are_told(takes: Path, tmp_path: Path) -> None:
    (takes / "stray.wav").touch()
    result = corpus("clip", takes, "--out", tmp_path / "new")
    assert result.exit_code == 0
    assert "files left aside: 1" in result.stderr


def test_any_corpus_may_be_worked_on(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "own", ["angry", "sad"], speakers=3, takes=1)
    result = corpus("synthesize", f"mine:folders={root}", "--out", tmp_path / "new")
    assert result.exit_code == 0, result.output
    table = recorded.read(tmp_path / "new")
    assert table.by_emotion() == {"angry": 9, "sad": 9}
    assert {u.path.name for u in table.utterances} == {"0.wav", "0-copy1.wav", "0-copy2.wav"}


def test_a_split_leads_to_the_recordings(takes: Path, tmp_path: Path) -> None:
    result = corpus("split", takes, "--out", tmp_path / "parts")
    assert result.exit_code == 0, result.output
    speakers = []
    for name in ("train", "validation", "test"):
        (utterance,) = recorded.read(tmp_path / "parts" / f"{name}.csv").utterances
        assert utterance.path.resolve().parent == takes.resolve()
        speakers.append(utterance.speaker)
    assert len(set(speakers)) == 3
    # A part can be worked on too, and stays a corpus by itself.
    clip = corpus("clip", f"recorded={tmp_path}/parts/train.csv", "--out", tmp_path / "clips")
    assert clip.exit_code == 0, clip.output
    assert [u.path.parent for u in recorded.read(tmp_path / "clips").utterances] == [
        tmp_path / "clips" / "takes"
    ]


def test_outliers_are_told_and_written(takes: Path, tmp_path: Path) -> None:
    write(takes / "01_01_01_01_03.wav", np.clip(voice("angry", 3, 0) * 3, -1, 1), 16_000)
    result = corpus("outliers", takes, "--out", tmp_path / "new")
    assert result.exit_code == 0, result.output
    assert "1 of 3 recordings to listen to" in result.stdout
    lines = (tmp_path / "new" / "outliers.csv").read_text("utf-8").splitlines()
    assert lines[0] == "path,word,found"
    assert lines[1].startswith("01_01_01_01_03.wav,clipped,")


@pytest.mark.parametrize("name", ["text.txt/new", "x" * 300])
def test_a_folder_that_cannot_be_is_refused_before_the_work(
    takes: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "text.txt").touch()
    for action in ("outliers", "clean", "split"):
        result = corpus(action, takes, "--out", tmp_path / name)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "new or empty folder" in result.stderr


def test_names_with_brackets_are_told_to_the_letter(takes: Path, tmp_path: Path) -> None:
    rows, _ = read_manifest(takes / "manifest.csv")
    named = [replace(row, path=f"[b] {row.path}", speaker=f"[i]{row.speaker}") for row in rows]
    for row, new in zip(rows, named, strict=True):
        (takes / row.path).rename(takes / new.path)
    write(takes / named[2].path, np.clip(voice("angry", 3, 0) * 3, -1, 1), 16_000)
    write_manifest(takes / "manifest.csv", named)
    assert "[b] 01_01_01_01_03.wav" in corpus("outliers", takes).stdout
    assert "[i]01" in corpus("split", takes, "--out", tmp_path / "[u] new").stdout


def test_wrong_usage(takes: Path, tmp_path: Path) -> None:
    out = tmp_path / "new"
    for wrong in (
        ["clean", takes], ["paint", takes], ["clean", "unheard=of", "--out", out],
        ["split", takes, "--out", out, "--shares", "a,b"],
        ["clip", takes, "--out", out, "--seconds", "0"],
        ["outliers", tmp_path / "none", "--json", tmp_path / "none" / "a.json"],
    ):  # fmt: skip
        assert corpus(*wrong).exit_code == 2, wrong
    for shares in ("50,60", "0,50,50"):
        assert corpus("split", takes, "--out", out, "--shares", shares).exit_code == 2
    assert corpus("outliers", takes, "--run", tmp_path).exit_code == 1
    assert corpus("clean", tmp_path / "none", "--out", out).exit_code == 1
    assert not out.exists()
