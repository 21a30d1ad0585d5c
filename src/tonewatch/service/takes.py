"""What becomes of an uploaded take of the Studio before anybody decides about it.

Runs in a worker process, as `intake` does. Whatever the browser recorded becomes 16 kHz mono; it is
measured as `tonewatch record` measures. It knows no store and no speaker.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tonewatch.audio.decode import stream_16k
from tonewatch.audio.encode import wav
from tonewatch.core.errors import SettingsError
from tonewatch.core.signal import RATE_HZ
from tonewatch.corpora.quality import LIMITS, Measured, measure
from tonewatch.inference.predictor import Predictor
from tonewatch.inference.speech import speech_spans

LARGEST_TAKE = round(LIMITS.longest_s + 1) * 192_000 * 2
"""Bytes of what a browser sends of the longest take that is good: 16 bits at up to 192 kHz."""

LONGEST_S = 60.0
"""What is longer is refused unheard; what is longer than a take may be is told by its check."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A take that can be kept: the file, and what was measured in it."""

    wav: bytes
    measured: Measured


def check(path: Path, predictor: Predictor) -> Checked:
    """Hear and measure a take.

    Raises:
        AudioError: it cannot be heard.
        SettingsError: it is longer than `LONGEST_S`.
    """
    blocks = []
    heard = 0
    for block in stream_16k(path):
        blocks.append(block)
        heard += block.size
        if heard > LONGEST_S * RATE_HZ:
            raise SettingsError(
                f"expected a take of at most {LONGEST_S:g} s, came a longer one; speak one sentence"
            )
    samples = np.concatenate([np.zeros(0, np.float32), *blocks])
    return Checked(wav(samples), measure(samples, speech_spans(samples, predictor)))
