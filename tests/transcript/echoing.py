"""A recogniser without a model: each 0.1 s of speech is a word, the number that its samples hold.

Some numbers make trouble, so that the pool's ways with it can be seen.
"""

import os
import time

import numpy as np

from tonewatch.core.errors import TranscriptError
from tonewatch.core.events import Word, WordsRecognised
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.transcript.backend import Recognised

FAILS, DIES, HANGS = 901, 902, 903
STEP = RATE_HZ // 10


class Echoing:
    """Recognises numbers.

    Args:
        seconds_each: how long it works on a second of speech.
    """

    name = "echoing"

    def __init__(self, seconds_each: float = 0.0) -> None:
        self.seconds_each = seconds_each

    def session(self) -> "EchoingSession":
        return EchoingSession(self.seconds_each)


class EchoingSession:
    def __init__(self, seconds_each: float) -> None:
        self._seconds_each = seconds_each
        self._samples = np.zeros(0, np.float32)
        self._start_s = 0.0

    def begin(self, start_s: float) -> None:
        self._samples = np.zeros(0, np.float32)
        self._start_s = start_s

    def push(self, samples: Samples) -> list[Recognised]:
        time.sleep(self._seconds_each * samples.size / RATE_HZ)
        self._samples = np.concatenate([self._samples, samples])
        if FAILS in samples:
            raise TranscriptError("it was told to fail")
        if DIES in samples:
            os._exit(1)
        if HANGS in samples:
            time.sleep(60)
        return [self._told(final=False)]

    def finish(self) -> list[Recognised]:
        return [self._told(final=True)]

    def _told(self, *, final: bool) -> WordsRecognised:
        words = tuple(
            Word(f"{self._samples[k]:.0f}", self._start_s + k / RATE_HZ, self._end_s(k + STEP), 1.0)
            for k in range(0, self._samples.size, STEP)
        )
        return WordsRecognised(self._start_s, self._end_s(self._samples.size), words, final)

    def _end_s(self, k: int) -> float:
        return self._start_s + min(k, self._samples.size) / RATE_HZ


class Unloadable(Echoing):
    """Its model is never there."""

    def __init__(self) -> None:
        raise TranscriptError("expected a model, came none; name its folder")


def spoken(number: float, seconds: float = 0.1) -> Samples:
    return np.full(round(seconds * RATE_HZ), number, np.float32)
