"""Trying a bundle on clips, and on a voice from a recording in place of the microphone."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from audio.recordings import write
from tiny_bundle import make_bundle
from tonewatch.audio import microphone
from tonewatch.cli.main import app
from voices import make_corpus, voice


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = make_corpus(tmp_path_factory.mktemp("try"), ["angry", "sad"], speakers=3, takes=1)
    write(root / "sad" / "s0" / "silence.wav", np.zeros(16_000, np.float32), 16_000)
    return f"mine:folders={root}"


def tried(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["try", *map(str, arguments)], env={"COLUMNS": "120"})


def test_clips_are_shown_with_what_was_acted(corpus: str) -> None:
    result = tried("--random", 3, "--corpus", corpus, "--seed", 1, "--quiet")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("actual") == 3
    assert "of 3 right: a look at a few clips, not a score" in result.stdout
    right, wrong = (result.stdout.count(f") {word}\n") for word in ("right", "wrong"))
    assert f"{right} of 3 right" in result.stdout
    assert right + wrong + result.stdout.count("no speech") == 3
    again = tried("--random", 3, "--corpus", corpus, "--seed", 1, "--quiet")
    assert again.stdout == result.stdout


def test_speakers_that_the_bundle_knows_are_told(corpus: str, tmp_path: Path) -> None:
    known = {"speakers": {"mine": ["mine:s0"]}, "validation_speakers": ["mine:s1"]}
    bundle = make_bundle(tmp_path / "bundle", training=known)
    result = tried("--random", 50, "--corpus", corpus, "--quiet", "--bundle", bundle)
    assert result.exit_code == 0, result.output
    for speaker, told in (("s0", True), ("s1", True), ("s2", False)):
        assert (f"by mine:{speaker}, whom the bundle was trained on" in result.stdout) == told


def test_labels_in_brackets_are_told_to_the_letter(tmp_path: Path) -> None:
    labels = ("[low]", "[high]")
    trained = {"scheme": "mine", "trained_labels": (*labels, *"abcdefg"), "labels": labels}
    bundle = make_bundle(tmp_path / "own", **trained)
    corpus = make_corpus(tmp_path / "corpus", labels, speakers=2, takes=1)
    result = tried("--random", 9, "--corpus", f"m:folders={corpus}", "--quiet", "--bundle", bundle)
    assert result.exit_code == 0, result.output
    assert result.stdout.count("actual [low]") == result.stdout.count("actual [high]") == 2


def test_all_clips_with_silence_among_them(corpus: str) -> None:
    result = tried("--random", 50, "--corpus", corpus, "--quiet")
    assert result.stdout.count("actual") == 7
    assert "actual sad, no speech was heard" in result.stdout


def test_a_machine_without_a_loudspeaker_says_so_once(
    corpus: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(microphone, "can_play", lambda: False)
    result = tried("--random", 2, "--corpus", corpus)
    assert result.exit_code == 0
    assert result.stdout.count("not played") == 1


def test_a_voice_is_heard_stretch_by_stretch(tmp_path: Path) -> None:
    spoken = write(tmp_path / "a.wav", np.tile(voice("angry", 1, 0), 6), 16_000)
    silent = write(tmp_path / "b.wav", np.zeros(32_000, np.float32), 16_000)
    result = tried("--mic", 4, "--source", spoken, "--source", silent)
    assert result.exit_code == 0, result.output
    first, *heard = result.stdout.splitlines()
    assert first == "the first 4 s of 7.2 s of a.wav:"
    assert heard[0].endswith(("certain)", "unsure)"))
    assert heard[1].startswith(f"■ {heard[0].split()[0]}")
    assert heard[-1] == "no speech was heard"


def test_wrong_usage(corpus: str, tmp_path: Path) -> None:
    for wrong in ([], ["--random", 3], ["--mic", 4, "--random", 3, "--corpus", corpus],
                  ["--random", 3, "--corpus", "unheard=of"], ["--mic", 0],
                  ["--mic", 4, "--bundle", "none"], ["--mic", 4, "--corpus", corpus],
                  ["--mic", 4, "--seed", 0]):  # fmt: skip
        assert tried(*wrong).exit_code == 2, wrong
    for option in ("--source", "--device"):
        result = tried("--random", 1, "--corpus", corpus, "--quiet", option, tmp_path / "a.wav")
        assert result.exit_code == 2 and "expected --mic beside it" in result.stderr
    assert tried("--mic", 4, "--source", tmp_path / "none.wav").exit_code == 1
