"""How fast bundles hear, beside each other: measured in one go, in turns, on one thread.

A busy machine makes all of them slower, so ratios hold where seconds do not. Every window is
judged, as if all of it were speech, whatever the network makes of it. The clock is an argument.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

import numpy as np

from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.inference.bundle import Bundle
from tonewatch.inference.predictor import Predictor

_LENGTH_S = 20
_ROUNDS = 5


@dataclass(frozen=True)
class Pace:
    """Seconds of processor for a second of audio, and how many times those of the first bundle."""

    rtf: float
    ratio: float


def paces(
    bundles: Mapping[str, Bundle], *, clock: Callable[[], float] = time.process_time
) -> dict[str, Pace]:
    """The pace of each bundle, the first of which is the measure; medians of five rounds."""
    predictors = {name: Predictor(bundle) for name, bundle in bundles.items()}
    noise = np.random.default_rng(0).normal(0, 0.05, _LENGTH_S * RATE_HZ).astype(np.float32)
    took: dict[str, list[float]] = {name: [] for name in predictors}
    for number in range(_ROUNDS + 1):
        for name, predictor in predictors.items():
            started = clock()
            _hear(predictor, noise)
            if number:  # the first round warms up
                took[name].append(clock() - started)
    rtf = {name: median(seconds) / _LENGTH_S for name, seconds in took.items()}
    measure = next(iter(rtf.values()), 0.0)
    return {name: Pace(own, own / measure if measure else 1.0) for name, own in rtf.items()}


def _hear(predictor: Predictor, samples: Samples) -> None:
    info, each = predictor.bundle.info, predictor.samples_each
    hop = max(2, round(info.hop_s * RATE_HZ / each)) * each
    listener = predictor.listen(round(info.window_s * RATE_HZ / each))
    for start in range(0, len(samples) - hop + 1, hop):
        listener.push(samples[start : start + hop])
        listener.logits()
