"""Recording a corpus in the terminal, from recordings in place of the microphone."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from audio.recordings import write
from tonewatch.audio.decode import load
from tonewatch.cli.main import app
from tonewatch.corpora.collection import Collection
from voices import voice


@pytest.fixture
def takes(tmp_path: Path) -> list[str]:
    """The options that record two good takes and a silent one."""
    options: list[str] = []
    for name, emotion in (("a", "angry"), ("b", "sad")):
        samples = np.pad(voice(emotion, 1, 0), 8_000)
        options += ["--source", str(write(tmp_path / f"{name}.wav", samples, 16_000))]
    silent = write(tmp_path / "c.wav", np.zeros(32_000, np.float32), 16_000)
    return [*options, "--source", str(silent)]


def record(out: Path, *more: str, said: str = "") -> Result:
    return CliRunner().invoke(
        app, ["record", "--out", str(out), *more], input=said, env={"COLUMNS": "200"}
    )


def test_good_takes_are_kept_and_bad_ones_named(tmp_path: Path, takes: list[str]) -> None:
    out = tmp_path / "mine"
    result = record(out, *takes, "--consent", "--sex", "female", "--age", "30-39")
    assert result.exit_code == 1, result.output
    assert "no_speech" in result.stdout
    assert "Takes of speaker 01 kept" in result.stdout
    rows = Collection(out).takes()
    assert [row.path for row in rows] == ["01_01_01_01_01.wav", "01_02_01_01_01.wav"]
    assert all(row.consent and row.snr_db and row.level_dbfs for row in rows)
    (who,) = Collection(out).speakers()
    assert (who.sex, who.age, who.language) == ("female", "30-39", "en")
    assert "trained" in who.consent.text


def test_a_recording_is_not_cut_to_the_length_of_a_take(tmp_path: Path) -> None:
    samples = np.tile(np.pad(voice("angry", 1, 0), 8_000), 8)
    files = [write(tmp_path / f"{s}.wav", samples[: s * 16_000], 16_000) for s in (8, 13)]
    out = tmp_path / "mine"
    result = record(out, "--consent", *(f"--source={file}" for file in files))
    assert result.exit_code == 1, result.output
    assert "too_long" in result.stdout
    (kept,) = Collection(out).takes()
    assert load(out / kept.path).size == 8 * 16_000


def test_a_speaker_goes_on_where_they_stopped(tmp_path: Path, takes: list[str]) -> None:
    out = tmp_path / "mine"
    record(out, *takes[:2], "--consent")
    result = record(out, *takes[:2], "--speaker", "01")
    assert result.exit_code == 0, result.output
    assert "agreed on" in result.stdout
    rows = Collection(out).takes()
    assert [row.path[:5] for row in rows] == ["01_01", "01_02"]


def test_without_consent_nothing_is_kept(tmp_path: Path, takes: list[str]) -> None:
    for said in ("n\n", "\n", ""):
        result = record(tmp_path / "mine", *takes, said=said)
        assert result.exit_code == 1
        assert not (tmp_path / "mine").exists()
    assert "without consent" in record(tmp_path / "mine", *takes, said="n\n").stdout


def test_one_may_keep_retake_skip_and_quit(tmp_path: Path, takes: list[str]) -> None:
    out = tmp_path / "mine"
    # Agreed, a man; the first taken twice and kept, the second passed over, the third kept anyway.
    said = "y\nmale\nr\nr\nx\nk\ns\nr\nk\n"
    result = record(out, *takes, "--ask", said=said)
    assert result.exit_code == 0, result.output
    assert "came 'x'" in result.stdout
    rows = Collection(out).takes()
    assert [row.path for row in rows] == ["01_01_02_01_01.wav", "01_03_02_01_01.wav"]
    result = record(out, *takes, "--ask", "--speaker", "01", said="q\n")
    assert result.exit_code == 0
    assert len(Collection(out).takes()) == 2


@pytest.mark.parametrize(
    ("said", "sex"),
    [("F\n", "female"), ("m\n", "male"), ("woman\nfemale\n", "female"), ("\n", None)],
)
def test_the_sex_is_asked_until_it_is_understood(
    tmp_path: Path, takes: list[str], said: str, sex: str | None
) -> None:
    out = tmp_path / "mine"
    result = record(out, *takes[:2], said=f"y\n{said}")
    assert result.exit_code == 0, result.output
    assert ("came 'woman'" in result.stdout) == ("woman" in said)
    assert [speaker.sex for speaker in Collection(out).speakers()] == [sex]
    assert [row.sex for row in Collection(out).takes()] == [sex]


def test_a_speaker_is_forgotten(tmp_path: Path, takes: list[str]) -> None:
    out = tmp_path / "mine"
    record(out, *takes[:2], "--consent")
    result = record(out, "--forget", "01")
    assert result.exit_code == 0
    assert "and their takes: 1" in result.stdout
    assert list(out.glob("*.wav")) == []
    assert record(out, "--forget", "01").exit_code == 1


def test_sentences_of_ones_own(tmp_path: Path, takes: list[str]) -> None:
    prompts = tmp_path / "mine.txt"
    prompts.write_text("Come soon.\n")
    result = record(tmp_path / "mine", *takes[:2], "--consent", "--prompts", str(prompts))
    assert result.exit_code == 0, result.output
    (row,) = Collection(tmp_path / "mine").takes()
    assert (row.sentence, row.language) == ("Come soon.", "")


def test_what_is_agreed_to_is_shown_to_the_letter(tmp_path: Path, takes: list[str]) -> None:
    prompts, out = tmp_path / "mine.toml", tmp_path / "mine [b]"
    text = "Kept by [the University of X] :smile: [/]."
    prompts.write_text(f'sentences = ["Come [bold] :fire: [/]."]\nconsent = "{text}"\n')
    result = record(out, *takes[:2], "--prompts", str(prompts), "--ask", said="y\n\nr\nk\n")
    assert result.exit_code == 0, result.output
    assert text in result.stdout
    assert "Come [bold] :fire: [/]." in result.stdout
    assert f"--corpus mine:recorded={out}" in result.stdout.replace("\n", "")
    assert Collection(out).speakers()[0].consent.text == text


def test_wrong_usage(tmp_path: Path, takes: list[str]) -> None:
    out = tmp_path / "mine"
    many = ["--source", takes[1]] * 17
    for wrong in (["--sex", "tenor"], ["--prompts", "none.toml"], ["--bundle", "none"], many):
        assert record(out, "--consent", *takes, *wrong).exit_code == 2
    assert record(out, "--consent", *takes[:2], "--source", "none.wav").exit_code == 1
    assert not out.exists(), "nobody was asked before the options were right"
