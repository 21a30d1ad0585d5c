"""faster-whisper on a tiny Whisper made here: the path is real, the words mean nothing."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from tonewatch.core.errors import TranscriptError
from tonewatch.core.events import WordsRecognised
from tonewatch.core.signal import RATE_HZ
from tonewatch.transcript.whisper import Whisper
from transcript.tiny_whisper import tiny_whisper


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for module in ("faster_whisper", "torch", "transformers"):
        pytest.importorskip(module, reason="needs the extras `whisper`, `train` and `bench`")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the converter's, not ours
        return tiny_whisper(tmp_path_factory.mktemp("whisper"))


def test_words_with_times_and_confidences(model: Path) -> None:
    noise = np.random.default_rng(0).standard_normal(2 * RATE_HZ).astype(np.float32)
    session = Whisper(model, language="en").session()
    session.begin(5.0)
    assert session.push(noise[:RATE_HZ]) == []
    assert session.push(noise[RATE_HZ:]) == []
    (told,) = session.finish()
    assert isinstance(told, WordsRecognised)
    assert (told.start_s, told.end_s, told.final) == (5.0, 7.0, True)
    assert told.words
    for word in told.words:
        assert 5.0 <= word.start_s <= word.end_s <= 7.0
        assert 0 <= word.confidence <= 1
        assert {type(word.start_s), type(word.end_s), type(word.confidence)} == {float}
        assert word.text == word.text.strip() != ""


def test_the_language_is_found_if_none_is_told(model: Path) -> None:
    session = Whisper(model).session()
    session.begin(0.0)
    session.push(np.random.default_rng(0).standard_normal(RATE_HZ).astype(np.float32))
    (told,) = session.finish()
    assert told.end_s == 1.0


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    pytest.importorskip("faster_whisper", reason="needs the extra `whisper`")
    with pytest.raises(TranscriptError, match=r"model\.bin.*ct2-transformers-converter"):
        Whisper(tmp_path)


def test_a_damaged_model_is_told(tmp_path: Path) -> None:
    pytest.importorskip("faster_whisper", reason="needs the extra `whisper`")
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(TranscriptError, match="cannot load"):
        Whisper(tmp_path)


def test_without_the_package_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(TranscriptError, match=r"tonewatch\[whisper\]"):
        Whisper(tmp_path)
