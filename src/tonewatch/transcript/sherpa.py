"""sherpa-onnx, when the user has the files of one of its models.

Two kinds are known by their files: streaming transducers (`encoder*.onnx`, `decoder*.onnx`,
`joiner*.onnx`), which have partial results, and NeMo's CTC models (`model*.onnx`), which hear an
utterance once it is over. sherpa-onnx ends its whole process at a model that it cannot read; in the
pool that is a worker of its own. Its tokens become words here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tonewatch.core.errors import TranscriptError
from tonewatch.core.events import Word, WordsRecognised
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.transcript.backend import Recognised, Session
from tonewatch.transcript.extras import needed
from tonewatch.transcript.whole import Whole

UNKNOWN_CONFIDENCE = 0.5
"""Of words whose model tells no probabilities."""

_LAST_TOKEN_S = 0.1  # a token has a start only; the utterance's last one is taken to last so long
_PIECE = RATE_HZ // 100  # a frame of features
_LONGEST_CHUNK_S = 10.0
_PARTS = ("encoder", "decoder", "joiner")


class Sherpa:
    """Recognises with sherpa-onnx.

    Args:
        model: a folder with `tokens.txt` and the files of a streaming transducer or of a CTC model
            of NeMo; where both sizes are there, the one with `int8` in its name is taken.

    Raises:
        TranscriptError: The package is not installed, or the folder holds no such model.
    """

    name = "sherpa"

    def __init__(self, model: Path) -> None:
        package = needed("sherpa_onnx", "sherpa")
        tokens = model / "tokens.txt"
        parts = {part: _smallest(model, part) for part in _PARTS}
        whole = _smallest(model, "model")
        self._streaming = all(parts.values())
        if not tokens.is_file() or not (self._streaming or whole):
            raise TranscriptError(
                f"{model}: expected tokens.txt and either encoder*.onnx, decoder*.onnx and "
                "joiner*.onnx of a streaming model or model*.onnx of a CTC model; name the folder "
                "of one"
            )
        try:
            self._recognizer: Any = (
                package.OnlineRecognizer.from_transducer(
                    tokens=str(tokens), **{part: str(path) for part, path in parts.items()}
                )
                if self._streaming
                else package.OfflineRecognizer.from_nemo_ctc(str(whole), str(tokens))
            )
        except (RuntimeError, ValueError) as error:
            raise TranscriptError(
                f"{model}: sherpa-onnx cannot load it: {error}; name another model's folder"
            ) from error
        self._tail = _chunk(self._recognizer) if self._streaming else np.zeros(0, np.float32)

    def session(self) -> Session:
        if self._streaming:
            return SherpaSession(self._recognizer, self._tail)
        return Whole(self._recognise)

    def _recognise(self, samples: Samples) -> Sequence[Word]:
        stream = self._recognizer.create_stream()
        stream.accept_waveform(RATE_HZ, samples)
        self._recognizer.decode_stream(stream)
        result = stream.result
        return words(result.tokens, result.timestamps, result.ys_log_probs, samples.size / RATE_HZ)


class SherpaSession:
    """One channel of a streaming model; `tail` is the silence that ends an utterance."""

    def __init__(self, recognizer: Any, tail: Samples) -> None:
        self._recognizer = recognizer
        self._tail = tail
        self._stream: Any = None
        self._start_s = 0.0
        self._n_samples = 0
        self._n_tokens = 0

    def begin(self, start_s: float) -> None:
        self._stream = self._recognizer.create_stream()
        self._start_s, self._n_samples, self._n_tokens = start_s, 0, 0

    def push(self, samples: Samples) -> list[Recognised]:
        self._n_samples += samples.size
        self._stream.accept_waveform(RATE_HZ, samples)
        self._decode()
        n_tokens = len(self._recognizer.tokens(self._stream))
        if n_tokens == self._n_tokens:
            return []
        self._n_tokens = n_tokens
        return [self._told(final=False)]

    def finish(self) -> list[Recognised]:
        if not self._n_samples:
            return []
        # What does not fill a chunk is never decoded, not even at the end.
        self._stream.accept_waveform(RATE_HZ, self._tail)
        self._stream.input_finished()
        self._decode()
        return [self._told(final=True)]

    def _decode(self) -> None:
        while self._recognizer.is_ready(self._stream):
            self._recognizer.decode_stream(self._stream)

    def _told(self, *, final: bool) -> WordsRecognised:
        duration_s = self._n_samples / RATE_HZ
        found = words(
            self._recognizer.tokens(self._stream),
            self._recognizer.timestamps(self._stream),
            self._recognizer.ys_probs(self._stream),
            duration_s,
        )
        moved = (
            Word(
                each.text, self._start_s + each.start_s, self._start_s + each.end_s, each.confidence
            )
            for each in found
        )
        return WordsRecognised(self._start_s, self._start_s + duration_s, tuple(moved), final)


def _chunk(recognizer: Any) -> Samples:
    """Silence as long as what the model takes at once, which it does not tell."""
    stream, piece, n_samples = recognizer.create_stream(), np.zeros(_PIECE, np.float32), 0
    while not recognizer.is_ready(stream) and n_samples < _LONGEST_CHUNK_S * RATE_HZ:
        stream.accept_waveform(RATE_HZ, piece)
        n_samples += _PIECE
    return np.zeros(n_samples, np.float32)


def words(
    tokens: Sequence[str],
    starts_s: Sequence[float],
    log_probabilities: Sequence[float],
    duration_s: float,
) -> list[Word]:
    """Tokens to words: one begins where a token begins with a space or with U+2581."""
    groups: list[list[int]] = []
    for number, token in enumerate(tokens):
        if not groups or token[:1] in (" ", "\u2581"):
            groups.append([])
        groups[-1].append(number)
    found = []
    for group in groups:
        text = "".join(tokens[number] for number in group).replace("\u2581", "").strip()
        if not text:
            continue
        after = group[-1] + 1
        last_s = starts_s[group[-1]] + _LAST_TOKEN_S
        end_s = min(last_s, starts_s[after]) if after < len(tokens) else last_s
        found.append(
            Word(
                text,
                min(starts_s[group[0]], duration_s),
                min(end_s, duration_s),
                _confidence([log_probabilities[k] for k in group if k < len(log_probabilities)]),
            )
        )
    return found


def _confidence(log_probabilities: Sequence[float]) -> float:
    from math import exp

    if not log_probabilities:
        return UNKNOWN_CONFIDENCE
    return min(exp(sum(log_probabilities) / len(log_probabilities)), 1.0)


def _smallest(model: Path, part: str) -> Path | None:
    found = sorted(model.glob(f"{part}*.onnx"))
    return next((path for path in found if "int8" in path.name), found[0] if found else None)
