"""PocketSphinx: the recogniser that is there at once, as its English model is in its wheel.

It subtracts the channel's mean from the cepstra (CMN) and begins with that of some studio, with
which a telephone is hardly understood. So the first seconds of a channel are heard twice: for their
mean alone, which needs no search, and then for the words. The mean stays with the channel.
It knows English, or the language of the model that it is given; at a damaged model it ends its
whole process, which in the pool is a worker of its own.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonewatch.core.errors import TranscriptError
from tonewatch.core.events import Word, WordsRecognised
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.transcript.backend import Recognised
from tonewatch.transcript.extras import needed
from tonewatch.transcript.narrowband import Filling, is_narrow

FRAME_S = 0.01
"""Length of a frame of PocketSphinx in seconds."""

_LEARN_S = 2.0
_PARTIAL_EVERY_S = 0.5
_PRIOR_FRAMES = 500  # the weight that a mean which is set has: CMN_WIN of PocketSphinx
_MEASURED = 2 * RATE_HZ  # at a time: with 300 frames more than the prior, older ones are forgotten
_VARIANT = re.compile(r"\(\d+\)$")


class Pocketsphinx:
    """Recognises with PocketSphinx.

    Args:
        model: a folder as the one of English in the wheel: in it a folder with the acoustic model
            (`mdef`), one `*.lm.bin` or `*.lm`, one `*.dict`. By default that of English.

    Raises:
        TranscriptError: The package is not installed, or the folder holds no such model.
    """

    name = "pocketsphinx"

    def __init__(self, model: Path | None = None) -> None:
        self._options = {} if model is None else _files(model)
        self._idle = [self._load()]

    def session(self) -> "PocketsphinxSession":
        return PocketsphinxSession(self)

    def take(self) -> Any:
        """A decoder for one utterance; 95 MB each, so they are used again."""
        return self._idle.pop() if self._idle else self._load()

    def give_back(self, decoder: Any) -> None:
        self._idle.append(decoder)

    def _load(self) -> Any:
        return load(self._options)


class PocketsphinxSession:
    """One channel."""

    def __init__(self, owner: Pocketsphinx) -> None:
        self._owner = owner
        self._channel = Channel()
        self._decoder: Any = None
        self._start_s = 0.0
        self._n_samples = self._next_partial = 0

    def begin(self, start_s: float) -> None:
        self._start_s = start_s
        self._n_samples = 0
        self._next_partial = round(_PARTIAL_EVERY_S * RATE_HZ)
        self._decoder = self._owner.take()
        self._channel.begin(self._decoder)

    def push(self, samples: Samples) -> list[Recognised]:
        self._n_samples += samples.size
        if not self._channel.push(samples) or self._n_samples < self._next_partial:
            return []
        self._next_partial = self._n_samples + round(_PARTIAL_EVERY_S * RATE_HZ)
        return [self._told(final=False)]

    def finish(self) -> list[Recognised]:
        self._channel.finish()
        told: list[Recognised] = [self._told(final=True)] if self._n_samples else []
        self._owner.give_back(self._decoder)
        self._decoder = None
        return told

    def _told(self, *, final: bool) -> WordsRecognised:
        end_s = self._start_s + self._n_samples / RATE_HZ
        words = tuple(
            Word(
                _VARIANT.sub("", segment.word),
                min(self._start_s + segment.start_frame * FRAME_S, end_s),
                min(self._start_s + (segment.end_frame + 1) * FRAME_S, end_s),
                min(segment.prob, 1.0),  # known once the utterance is over, 1 before
            )
            for segment in self._decoder.seg() or ()
            if segment.word[0] not in "<["
        )
        return WordsRecognised(self._start_s, end_s, words, final)


class Channel:
    """Feeds a decoder with a channel's utterances and keeps the channel's cepstral mean."""

    def __init__(self) -> None:
        self._mean: NDArray[np.float64] | None = None
        self._n_learnt = 0
        self._held: list[Samples] = []
        self._filling: Filling | None = None
        self._decoder: Any = None

    def begin(self, decoder: Any) -> None:
        self._decoder = decoder
        self._held = []
        if self._learnt:
            self._start()

    def push(self, samples: Samples) -> bool:
        """Take samples; returns whether the search has come as far as they go."""
        if self._held or not self._learnt:
            self._held.append(samples)
            if sum(each.size for each in self._held) < _LEARN_S * RATE_HZ:
                return False
            self._learn()
            return True
        self._search(samples)
        return True

    def finish(self) -> None:
        """End the utterance; the decoder has its final result."""
        if self._held or not self._learnt:
            self._learn()
        self._decoder.end_utt()
        if self._learnt:
            self._mean = _parsed(self._decoder.get_cmn(False))

    @property
    def _learnt(self) -> bool:
        return self._n_learnt >= _LEARN_S / FRAME_S

    def _learn(self) -> None:
        """Measure the mean of what is held, then search it."""
        held = np.concatenate([np.zeros(0, np.float32), *self._held])
        self._held = []
        self._filling = Filling(held) if is_narrow(held) else None
        for k in range(0, held.size, _MEASURED):
            self._measure(held[k : k + _MEASURED])
        self._start()
        if held.size:
            self._search(held)

    def _measure(self, samples: Samples) -> None:
        """Add the mean of these samples to what is known of the channel."""
        n_frames = samples.size // round(FRAME_S * RATE_HZ)
        if not n_frames:
            return
        # From a mean of zeros: the decoder tells n / (prior + n) of that of the samples.
        zeros = np.zeros_like(_parsed(self._decoder.get_cmn(False)))
        self._set_mean(zeros)
        self._decoder.start_utt()
        self._decoder.process_raw(_pcm(self._filled(samples)), no_search=True)
        self._decoder.end_utt()
        mean = _parsed(self._decoder.get_cmn(False)) * (1 + _PRIOR_FRAMES / n_frames)
        before = zeros if self._mean is None else self._mean
        weight = n_frames / (self._n_learnt + n_frames)
        self._mean = before + weight * (mean - before)
        self._n_learnt += n_frames

    def _search(self, samples: Samples) -> None:
        self._decoder.process_raw(_pcm(self._filled(samples)))

    def _filled(self, samples: Samples) -> Samples:
        return samples if self._filling is None else self._filling.push(samples)

    def _start(self) -> None:
        if self._mean is not None:
            self._set_mean(self._mean)
        self._decoder.start_utt()

    def _set_mean(self, mean: NDArray[np.float64]) -> None:
        self._decoder.set_cmn(",".join(f"{value:g}" for value in mean))


def load(options: Mapping[str, str | None]) -> Any:
    """A decoder.

    Raises:
        TranscriptError: The package is not installed, or it cannot read the model.
    """
    pocketsphinx = needed("pocketsphinx", "words")
    try:
        return pocketsphinx.Decoder(loglevel="FATAL", **options)
    except (RuntimeError, ValueError) as error:
        raise TranscriptError(
            f"PocketSphinx cannot load {options or 'its own model'}: {error}; name the folder of "
            "a whole model"
        ) from error


def _files(model: Path) -> dict[str, str]:
    found = {
        "hmm": [path.parent for path in model.glob("*/mdef")],
        "lm": [
            path
            for path in (*model.glob("*.lm.bin"), *model.glob("*.lm"))
            if "phone" not in path.name
        ],
        "dict": [*model.glob("*.dict")],
    }
    if wrong := {name: len(paths) for name, paths in found.items() if len(paths) != 1}:
        raise TranscriptError(
            f"{model}: expected one folder with an mdef, one *.lm.bin or *.lm and one *.dict, "
            f"came {wrong} of them; name the folder of a PocketSphinx model"
        )
    return {name: str(paths[0]) for name, paths in found.items()}


def _pcm(samples: Samples) -> bytes:
    return (np.clip(samples, -1, 1) * 32767).astype(np.int16).tobytes()


def _parsed(mean: str) -> NDArray[np.float64]:
    return np.array([float(value) for value in mean.split(",")])
