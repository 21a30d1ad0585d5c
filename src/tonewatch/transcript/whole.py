"""A session of a recogniser that hears an utterance as a whole, once it is over."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from tonewatch.core.events import Word, WordsRecognised
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.transcript.backend import Recognised

Recognise: TypeAlias = Callable[[Samples], Sequence[Word]]
"""Samples of an utterance, shape [n], n > 0, to its words, with times from its first sample."""


class Whole:
    """Collects an utterance and has it recognised at its end."""

    def __init__(self, recognise: Recognise) -> None:
        self._recognise = recognise
        self._start_s = 0.0
        self._samples: list[Samples] = []

    def begin(self, start_s: float) -> None:
        self._start_s, self._samples = start_s, []

    def push(self, samples: Samples) -> list[Recognised]:
        self._samples.append(samples)
        return []

    def finish(self) -> list[Recognised]:
        samples = np.concatenate([np.zeros(0, np.float32), *self._samples])
        self._samples = []
        if not samples.size:
            return []
        end_s = self._start_s + samples.size / RATE_HZ
        return [
            WordsRecognised(
                self._start_s,
                end_s,
                tuple(
                    Word(
                        word.text,
                        min(self._start_s + word.start_s, end_s),
                        min(self._start_s + word.end_s, end_s),
                        word.confidence,
                    )
                    for word in self._recognise(samples)
                ),
                final=True,
            )
        ]
