"""What `analyze` does with files that cannot be read or written, or must not be."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cli.test_analyze import run
from tonewatch.cli.listen import Request, hear
from tonewatch.cli.page import page
from tonewatch.inference.predictor import Predictor

RATE_HZ = 16_000


@pytest.fixture
def silent(tmp_path: Path) -> Path:
    path = tmp_path / "silent.wav"
    soundfile.write(path, np.zeros(2 * RATE_HZ), RATE_HZ)
    return path


@pytest.mark.parametrize("option", ["--json", "--csv", "--html", "--plot"])
def test_results_do_not_replace_a_recording_named_in_place_of_their_file(
    tiny_bundle: Path, silent: Path, tmp_path: Path, option: str
) -> None:
    call = tmp_path / "call.WAV"
    call.write_bytes(b"a recording")
    code, out, err = run(tiny_bundle, option, call, silent)
    assert (code, out, call.read_bytes()) == (2, "", b"a recording")
    assert "a file for results" in " ".join(err.replace("│", " ").split())


def test_a_file_in_a_folder_that_may_not_be_searched_is_told(
    tiny_bundle: Path, silent: Path, tmp_path: Path
) -> None:
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o600)
    if os.access(shut, os.X_OK):
        pytest.skip("whoever runs this may search every folder")
    code, out, _ = run(tiny_bundle, shut / "call.wav", silent, "--json", "-")
    missing, heard = json.loads(out)["files"]
    assert (code, missing["error"]["kind"], heard["emotion"]) == (1, "not_found", None)
    code, out, _ = run(tiny_bundle, silent, "--json", shut / "new.json")
    assert (code, out) == (2, "")


def test_a_name_that_is_too_long_is_told(tiny_bundle: Path, silent: Path, tmp_path: Path) -> None:
    long = tmp_path / ("x" * 300)
    code, out, _ = run(tiny_bundle, long, silent, "--json", "-")
    missing, heard = json.loads(out)["files"]
    assert (code, missing["error"]["kind"], heard["emotion"]) == (1, "not_found", None)
    for option in ("--json", "--html"):
        code, out, err = run(tiny_bundle, silent, option, long)
        assert (code, out) == (2, "") and "can be written" in err
    assert run(long, silent)[0] == 2


def test_rows_alone_on_stdout_leave_failures_to_stderr(
    tiny_bundle: Path, silent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")  # a path of any length stays on its line
    bad = tmp_path / "[b].wav"
    bad.touch()
    code, out, err = run(tiny_bundle, silent, bad, "--csv", "-")
    assert (code, len(out.splitlines())) == (1, 1)
    assert err.count("failed:") == 1 and "[b].wav: [empty]" in err
    assert "failed:" not in run(tiny_bundle, bad, "--json", "-")[2]


def test_a_recording_that_went_away_since_it_was_heard_is_linked_in_the_page(
    tiny_bundle: Path, silent: Path, tmp_path: Path
) -> None:
    call = tmp_path / "call.wav"
    call.write_bytes(silent.read_bytes())
    predictor = Predictor.load(tiny_bundle)
    heard = hear(call, Request(str(tiny_bundle), envelope=True), predictor)
    call.unlink()
    for channel in (None, 0):
        text = page(predictor.bundle, [heard], channel, tmp_path)
        assert 'src="call.wav"' in text and "Linked" in text


@pytest.mark.parametrize(
    "targets",
    [
        ["--json", "a"],
        ["--csv", "calls/../b"],
        ["--json", "new", "--csv", "./new"],
        ["--html", "x.explained.png", "--plot", "x.png", "--explain"],
        ["--plot", "c.png", "--explain"],  # which writes c.explained.png too
    ],
)
def test_results_replace_no_recording_and_no_other_results(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, targets: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("calls").mkdir()
    recordings = [Path("a"), Path("b"), Path("c.explained.png")]
    for path in recordings:
        soundfile.write(path, np.zeros(RATE_HZ), RATE_HZ, format="WAV")
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    code, out, err = run(tiny_bundle, *recordings, *targets)
    assert (code, out) == (2, "") and "file of its own" in " ".join(err.replace("│", " ").split())
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_a_folder_is_no_target(tiny_bundle: Path, silent: Path) -> None:
    code, _, err = run(tiny_bundle, silent, "--plot", ".", "--explain")
    assert code == 2 and "in a folder that exists" in " ".join(err.replace("│", " ").split())
