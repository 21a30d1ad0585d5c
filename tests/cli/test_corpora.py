import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from audio.recordings import write
from tonewatch.cli.main import app


@pytest.fixture
def emodb(tmp_path: Path) -> Path:
    folder = tmp_path / "emodb"
    folder.mkdir()
    for name, seconds in (("03a01Fa", 1.0), ("03a02Na", 2.5), ("08a01Fa", 0.5), ("08b01Wa", 1.0)):
        write(folder / f"{name}.wav", np.zeros(round(seconds * 8000), np.float32), 8000)
    return folder


def test_json_counts_everything(emodb: Path) -> None:
    result = CliRunner().invoke(app, ["corpora", f"emodb={emodb}", "--json", "-"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "corpora": {
            "emodb": {
                "n": 4,
                "duration_s": 5.0,
                "longest_s": 2.5,
                "duration_unknown": 0,
                "by_label": {"neutral": 1, "happy": 2, "angry": 1},
                "by_label_and_sex": {
                    "neutral": {"male": 1},
                    "happy": {"male": 1, "female": 1},
                    "angry": {"female": 1},
                },
                "by_speaker": {"emodb:03": 2, "emodb:08": 2},
                "by_sex": {"female": 2, "male": 2},
                "by_language": {"de": 4},
                "problems": [],
            }
        }
    }


def test_tables(emodb: Path, tmp_path: Path) -> None:
    target = tmp_path / "counts.json"
    result = CliRunner().invoke(app, ["corpora", f"emodb={emodb}", "--json", str(target)])
    assert result.exit_code == 0
    for words in ("4 recordings by 2 speakers", "5 s", "language: de", "happy", "03 2, 08 2"):
        assert words in result.stdout
    assert json.loads(target.read_text("utf-8"))["corpora"]["emodb"]["n"] == 4


def test_problems_are_listed_and_are_no_failure(emodb: Path) -> None:
    (emodb / "08b02Wa.wav").write_bytes(b"")
    (emodb / "readme.wav").write_bytes(b"")
    result = CliRunner().invoke(app, ["corpora", f"emodb={emodb}", "--json", "-"])
    assert result.exit_code == 0
    counts = json.loads(result.stdout)["corpora"]["emodb"]
    assert counts["n"] == 5
    assert {Path(problem["file"]).name for problem in counts["problems"]} == {
        "08b02Wa.wav",
        "readme.wav",
    }
    assert "left aside" in CliRunner().invoke(app, ["corpora", f"emodb={emodb}"]).stdout


def test_two_folders_of_one_corpus_are_one(tmp_path: Path) -> None:
    for channel in ("01", "02"):
        folder = tmp_path / channel
        folder.mkdir()
        write(folder / f"03-{channel}-05-01-01-01-07.wav", np.zeros(800, np.float32), 8000)
    result = CliRunner().invoke(
        app, ["corpora", f"ravdess={tmp_path / '01'}", f"ravdess={tmp_path / '02'}", "--json", "-"]
    )
    counts = json.loads(result.stdout)["corpora"]
    assert list(counts) == ["ravdess"]
    assert (counts["ravdess"]["n"], counts["ravdess"]["by_speaker"]) == (2, {"ravdess:07": 2})


def test_what_lies_in_two_parts_of_a_corpus_counts_once(emodb: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(emodb)
    parts = [f"emodb={emodb}", f"emodb={tmp_path / 'link'}", f"emodb={tmp_path}"]
    result = CliRunner().invoke(app, ["corpora", *parts, "--json", "-"])
    assert result.exit_code == 0, result.output
    counts = json.loads(result.stdout)["corpora"]["emodb"]
    assert (counts["n"], counts["by_speaker"]) == (4, {"emodb:03": 2, "emodb:08": 2})
    again = [problem for problem in counts["problems"] if "counted once" in problem["reason"]]
    assert [problem["file"] for problem in again] == [str(tmp_path / "link"), str(tmp_path)]
    assert again[0]["reason"].startswith("4 of its recordings")


@pytest.mark.parametrize("command", [["corpora"], ["evaluate", "--corpus"], ["corpus", "outliers"]])
def test_counts_and_scores_replace_nothing_that_is_read(command: list[str], emodb: Path) -> None:
    listed = emodb / "manifest.csv"
    listed.write_text("path,emotion\n03a01Fa.wav,happy\n08b01Wa.wav,\nnul\0.wav,\n")
    for path in (listed, emodb / "03a01Fa.wav"):
        before = path.read_bytes()
        result = CliRunner().invoke(app, [*command, f"m:manifest={emodb}", "--json", str(path)])
        assert (result.exit_code, path.read_bytes()) == (2, before)


def test_wrong_usage_and_failures_differ(tmp_path: Path) -> None:
    def code(*arguments: str) -> int:
        return CliRunner().invoke(app, ["corpora", *arguments]).exit_code

    assert code("ravdess") == code("unheard=of") == code() == 2
    assert code(f"ravdess={tmp_path / 'nowhere'}") == 1
