"""What ships spoken, and the program that spoke it."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tonewatch.core.errors import SettingsError
from tonewatch.core.signal import RATE_HZ
from tonewatch.simulate.espeak import PROGRAM, PROSODIES, Espeak
from tonewatch.simulate.scripts import call_taker, shipped
from tonewatch.simulate.spoken import Spoken

espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")


def test_every_line_that_ships_is_spoken() -> None:
    spoken = Spoken()
    lines = [line.text for script in shipped() for line in script.lines]
    for text in [*lines, *call_taker()]:
        samples = spoken.say(text, None, 0)
        seconds_a_word = samples.size / RATE_HZ / len(text.split())
        assert 0.15 < seconds_a_word < 0.9, text
        assert np.abs(samples).max() > 0.1
        # Loud within, and at rest at both ends: the times fit.
        edges = np.concatenate([samples[:160], samples[-160:]])
        assert np.abs(edges).max() < 0.5 * np.abs(samples).max(), text


def test_other_texts_are_not() -> None:
    with pytest.raises(SettingsError, match="espeak-ng"):
        Spoken().say("Something else.", None, 0)


@espeak
def test_moods_and_voices_differ() -> None:
    program = Espeak()
    text = "Cats & dogs <here>."
    said = {emotion: program.say(text, emotion, 0) for emotion in ("sad", "fearful")}
    assert said["sad"].size > 1.3 * said["fearful"].size
    for emotion, samples in said.items():
        assert np.abs(samples).max() == pytest.approx(PROSODIES[emotion].peak, abs=1e-3)
        assert samples.dtype == np.float32
    np.testing.assert_array_equal(said["sad"], program.say(text, "sad", 0))
    assert not np.array_equal(said["sad"], program.say(text, "sad", 1))
    assert program.say(text, None, 0).size == program.say(text, "neutral", 0).size


@espeak
def test_an_unknown_voice_is_said() -> None:
    with pytest.raises(SettingsError, match="nobody"):
        Espeak(("nobody",)).say("Hello.", None, 0)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("#!/bin/sh\nexec /bin/sleep 30\n", "nothing within"),
        ("#!/bin/sh\nprintf RIFFdamaged\n", "came: a damaged WAV"),
        ("#!/nowhere/sh\n", "No such file"),
        ("#!/bin/sh\necho no voice >&2; exit 1\n", "came: no voice"),
    ],
)
def test_a_program_that_fails_is_told(
    script: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / PROGRAM
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    if "sleep" in script:
        monkeypatch.setattr("tonewatch.simulate.espeak._PATIENCE_S", 0.5)
    with pytest.raises(SettingsError, match=rf"speak with the voice v, .*{why}"):
        Espeak(("v",)).say("Hello.", None, 0)


def test_without_the_program_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SettingsError, match="apt install espeak-ng"):
        Espeak()
