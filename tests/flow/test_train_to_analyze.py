"""From recordings to a bundle, and with the bundle to answers, by the commands that people use."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audio.recordings import write
from tonewatch.cli.main import app
from voices import make_corpus, voice


@pytest.fixture(scope="module")
def bundle(voices: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="needs torch (the extra `train`)")
    from tonewatch.training.run import run
    from training.small_run import SETTINGS, gathered

    folder = tmp_path_factory.mktemp("flow")
    out = folder / "run"
    run(gathered(voices, folder / "frames"), SETTINGS, out)
    return out / "bundle"


def test_new_voices_are_heard(bundle: Path, tmp_path: Path) -> None:
    for emotion in ("angry", "sad"):
        write(tmp_path / f"{emotion}.flac", voice(emotion, 3, 9), 16_000)
    result = CliRunner().invoke(
        app, ["analyze", "--bundle", str(bundle), str(tmp_path), "--json", "-"]
    )
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    angry, sad = content["files"]
    assert content["bundle"]["name"] == "voices"
    assert angry["emotion"]["label"] == "angry"
    assert sad["emotion"]["label"] == "sad"
    assert 0.5 < angry["speech_s"] <= 1.2


def test_new_speakers_are_scored_and_known_ones_are_named(bundle: Path, tmp_path: Path) -> None:
    # Speakers 0 to 5 were trained on, 6 and 7 were not.
    corpus = make_corpus(tmp_path / "corpus", ["angry", "sad"], speakers=8, takes=1)
    result = CliRunner().invoke(
        app,
        ["evaluate", "--bundle", str(bundle), "--corpus", f"mine:folders={corpus}", "--json", "-"],
    )
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert content["n"] == 16
    assert content["uar"] > 0.8
    warning = content["protocol"].partition("WARNING")[2]
    assert "mine:s0" in warning
    assert "mine:s7" not in warning


def test_the_card_is_shown(bundle: Path) -> None:
    result = CliRunner().invoke(app, ["bundles", str(bundle)], env={"COLUMNS": "160"})
    assert result.exit_code == 0
    assert "Acted speech" in result.stdout
    assert "mine, telephone" in result.stdout
