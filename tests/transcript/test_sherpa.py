"""sherpa-onnx on a tiny CTC model made here; its streaming models are only tried by their words."""

import sys
from pathlib import Path

import numpy as np
import pytest

from tonewatch.core.errors import TranscriptError
from tonewatch.core.events import Word, WordsRecognised
from tonewatch.core.signal import RATE_HZ
from tonewatch.transcript.sherpa import UNKNOWN_CONFIDENCE, Sherpa, words
from transcript.tiny_sherpa import tiny_ctc


def test_words_of_a_ctc_model(tmp_path: Path) -> None:
    pytest.importorskip("sherpa_onnx", reason="needs the extra `sherpa`")
    pytest.importorskip("onnx", reason="needs the extra `train`")
    at_s = np.arange(RATE_HZ) / RATE_HZ
    tones = [0.3 * np.sin(2 * np.pi * hz * at_s) for hz in (200, 1500, 6000)]
    session = Sherpa(tiny_ctc(tmp_path)).session()
    session.begin(10.0)
    assert session.push(np.concatenate(tones).astype(np.float32)) == []
    (told,) = session.finish()
    assert isinstance(told, WordsRecognised)
    assert (told.start_s, told.end_s, told.final) == (10.0, 13.0, True)
    assert [word.text for word in told.words] == ["low", "mid", "high"]
    assert [word.start_s for word in told.words] == pytest.approx([10.0, 11.0, 12.0], abs=0.05)
    assert all(0 <= word.confidence <= 1 for word in told.words)


def test_tokens_become_words() -> None:
    tokens = ["▁he", "llo", "▁there", "▁", "my", " dear"]
    starts_s = [0.1, 0.2, 0.25, 1.0, 1.05, 1.95]
    found = words(tokens, starts_s, [0.0, 0.0], 2.0)
    assert found == [
        Word("hello", 0.1, 0.25, 1.0),
        Word("there", 0.25, 0.35, UNKNOWN_CONFIDENCE),
        Word("my", 1.0, 1.05 + 0.1, UNKNOWN_CONFIDENCE),
        Word("dear", 1.95, 2.0, UNKNOWN_CONFIDENCE),
    ]
    assert words([], [], [], 1.0) == []
    (halves,) = words(["▁a", "b"], [0.0, 0.1], [np.log(0.5), np.log(0.125)], 1.0)
    assert halves.confidence == pytest.approx(0.25)


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    pytest.importorskip("sherpa_onnx", reason="needs the extra `sherpa`")
    with pytest.raises(TranscriptError, match=r"tokens\.txt"):
        Sherpa(tmp_path)


def test_without_the_package_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "sherpa_onnx", None)
    with pytest.raises(TranscriptError, match=r"tonewatch\[sherpa\]"):
        Sherpa(tmp_path)
