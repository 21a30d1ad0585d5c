"""docs/why/transcript.md: how well PocketSphinx understands.

The 8 LJSpeech sentences of `transcribed/ljspeech` (one speaker, read, 131 words), as they
are and by telephone (8 kHz u-law, 300 to 3400 Hz, white noise at 20 dB or none). Each is one
utterance of a channel of its own, so that nothing is learnt from one for the next. The word error
rate is the edit distance to the transcript over its length, in lower case, without punctuation.
"""

import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.outcome import Outcome
from bench.setting import Setting
from tonewatch.audio.decode import load
from tonewatch.audio.telephone import TelephoneChannel, telephone
from tonewatch.core.events import WordsRecognised
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.transcript.backend import Recognised, Recogniser
from tonewatch.transcript.pocketsphinx import Pocketsphinx

_BLOCK = RATE_HZ // 10


def run(setting: Setting) -> list[Outcome]:
    every = clips(setting)
    if not every:
        return [
            Outcome(
                "Words: skipped",
                [""],
                [],
                ["it needs transcribed/ljspeech in a data folder; name it in TONEWATCH_DATA"],
            )
        ]
    return [_words(every)]


def _words(every: list[tuple[Samples, list[str]]]) -> Outcome:
    recogniser = Pocketsphinx()
    rows, values = [], {}
    for name, line in LINES.items():
        errors = n_words = 0
        began, audio_s = time.process_time(), 0.0
        for samples, wanted in every:
            came = [
                word.text
                for told in heard(recogniser, line(samples))
                if isinstance(told, WordsRecognised) and told.final
                for word in told.words
            ]
            errors += _distance(wanted, _normal(" ".join(came)))
            n_words += len(wanted)
            audio_s += samples.size / RATE_HZ
        factor = (time.process_time() - began) / audio_s
        rows.append([name, f"{errors / n_words:.3f}", str(n_words), f"{factor:.2f}"])
        values[name] = {"wer": errors / n_words, "words": n_words, "rtf_cpu": factor}
    return Outcome(
        f"PocketSphinx on {len(every)} LJSpeech clips, {audio_s:.0f} s",
        ["", "word error rate", "words", "RTF, CPU"],
        rows,
        values=values,
    )


def heard(recogniser: Recogniser, samples: Samples) -> list[Recognised]:
    """What is told of samples, as one utterance of a new channel."""
    session = recogniser.session()
    session.begin(0.0)
    told: list[Recognised] = []
    for k in range(0, samples.size, _BLOCK):
        told += session.push(samples[k : k + _BLOCK])
    return told + session.finish()


def clips(setting: Setting) -> list[tuple[Samples, list[str]]]:
    """The sentences, each with its words; none where they are not at hand."""
    folder = setting.data / "transcribed" / "ljspeech" if setting.data else Path()
    table = folder / "metadata.csv"
    if not table.is_file():
        return []
    rows = [line.split("|") for line in table.read_text(encoding="utf-8").splitlines()]
    return [
        (load(folder / f"{row[0]}.flac"), _normal(row[-1]))
        for row in rows[: 2 if setting.quick else None]
    ]


def _by_telephone(samples: Samples, snr_db: float | None) -> Samples:
    return telephone(samples, TelephoneChannel(snr_db=snr_db), rng=np.random.default_rng(0))


def _normal(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower())


def _distance(wanted: list[str], came: list[str]) -> int:
    """Levenshtein's, over words."""
    row: list[Any] = list(range(len(came) + 1))
    for i, word in enumerate(wanted, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(came, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return int(row[-1])


LINES: Mapping[str, Callable[[Samples], Samples]] = {
    "clean": lambda samples: samples,
    "telephone": lambda samples: _by_telephone(samples, 20.0),
    "telephone without noise": lambda samples: _by_telephone(samples, None),
}
"""The ways that speech comes."""
