"""sherpa-onnx on a tiny CTC model made here; its streaming models are played by `Chunked`."""

import sys
from pathlib import Path
from types import SimpleNamespace

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


class Chunked:
    """A streaming recogniser that hears whole chunks alone, and names each loud one."""

    size = 5120

    @classmethod
    def from_transducer(cls, **_: str) -> "Chunked":
        return cls()

    def create_stream(self) -> "Stream":
        return Stream()

    def is_ready(self, stream: "Stream") -> bool:
        return stream.waiting.size >= self.size

    def decode_stream(self, stream: "Stream") -> None:
        chunk, stream.waiting = np.split(stream.waiting, [self.size])
        if np.abs(chunk).max() > 0.1:
            stream.found.append(stream.n_chunks * self.size / RATE_HZ)
        stream.n_chunks += 1

    def tokens(self, stream: "Stream") -> list[str]:
        return ["▁word"] * len(stream.found)

    def timestamps(self, stream: "Stream") -> list[float]:
        return stream.found

    def ys_probs(self, _: "Stream") -> list[float]:
        return []


class Stream:
    def __init__(self) -> None:
        self.waiting = np.zeros(0, np.float32)
        self.found: list[float] = []
        self.n_chunks = 0
        self.over = False

    def accept_waveform(self, _: int, samples: np.ndarray) -> None:
        assert not self.over
        self.waiting = np.concatenate([self.waiting, samples])

    def input_finished(self) -> None:
        self.over = True


def test_end_of_an_utterance_is_heard_by_a_streaming_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "sherpa_onnx", SimpleNamespace(OnlineRecognizer=Chunked))
    for name in ("tokens.txt", "encoder.onnx", "decoder.onnx", "joiner.onnx"):
        (tmp_path / name).touch()
    session = Sherpa(tmp_path).session()
    session.begin(10.0)
    samples = np.zeros(2 * Chunked.size + 1000, np.float32)
    samples[-900:] = 0.5
    assert session.push(samples) == []
    (told,) = session.finish()
    assert isinstance(told, WordsRecognised)
    assert [word.text for word in told.words] == ["word"]
    assert told.end_s == told.words[0].end_s == 10.0 + samples.size / RATE_HZ


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
