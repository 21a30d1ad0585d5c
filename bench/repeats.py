"""docs/why/sounds.md: how often sound that comes again is found, and what is wrongly taken for it.

False alarms, in what nobody played:
- corpora, each speaker's recordings one after the other in the order of their names, as one call.
  In LibriSpeech readers read on; in the others the same few sentences come again and again, in
  RAVDESS each mood of one twice in a row: as alike as a voice can be without being played again.
- Sounds that are no speech: each of the 100 of `noise/nonspeech`, between 4 s of a reader's speech
  before and after, as a caller's surroundings.
What is told is no false alarm where it is one recording that the corpus has twice: then the two
stretches are the same wave (their cross-correlation is 0.95 or more).

Found: a reader speaks for 8 s, then comes a clip of 3 to 6 s of another, then 8 s of the first,
then the clip again, beginning at any sample, up to 6 dB louder or softer; all through the telephone
line, with its noise throughout. As a control, what comes instead of the clip the second time is
another stretch of the same reader.
"""

import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from bench.outcome import Outcome
from bench.setting import Setting
from tonewatch.audio.decode import load
from tonewatch.audio.repeats import Repeat, Repeats
from tonewatch.audio.telephone import TelephoneChannel, telephone
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.corpora.readers import read_corpus

_CORPORA = ("librispeech", "ravdess", "emodb", "nemo", "ased", "tess")
_SAME_WAVE = 0.95
_TRIALS = 60
_LINES = {"no noise": None, "noise at 30 dB": 30.0, "noise at 20 dB": 20.0, "noise at 10 dB": 10.0}


def run(setting: Setting) -> list[Outcome]:
    needed = ("librispeech", "ravdess", "noise")
    if not setting.data or not all((setting.data / name).is_dir() for name in needed):
        note = f"it needs {', '.join(needed)} in a data folder; name it in TONEWATCH_DATA"
        return [Outcome("Repeats: skipped", [""], [], [note])]
    return [_false_alarms(setting, setting.data), _found(setting, setting.data)]


def _false_alarms(setting: Setting, data: Path) -> Outcome:
    rows, values = [], {}
    there = [name for name in _CORPORA if (data / name).is_dir()]
    every = [(name, _by_speaker(name, data)) for name in there]
    for name, calls in (*every, ("sounds that are no speech", _surroundings(data))):
        cpu_s, audio_s, told, same = 0.0, 0.0, list[Repeat](), 0
        for n, samples in enumerate(calls):
            if setting.quick and n > 1:
                break
            audio_s += samples.size / RATE_HZ
            began = time.process_time()
            new = repeats(samples)
            cpu_s += time.process_time() - began
            told += new
            same += sum(_is_one_wave(samples, each) for each in new)
        ms = 1000 * cpu_s / audio_s
        hours, false = audio_s / 3600, len(told) - same
        rows.append([name, f"{hours:.2f}", str(len(told)), str(same), str(false), f"{ms:.2f}"])
        values[name] = {"hours": hours, "told": len(told), "same": same, "false": false}
    return Outcome(
        "Sound told as a repeat where nothing is played",
        ["", "hours", "told", "one recording twice", "false", "ms CPU a second"],
        rows,
        values=values,
    )


def _is_one_wave(samples: Samples, repeat: Repeat) -> bool:
    """Whether the two stretches are the same recording."""
    length = round((repeat.end_s - repeat.start_s) * RATE_HZ)
    at, earlier = (round(s * RATE_HZ) for s in (repeat.start_s, repeat.earlier_s))
    spare = RATE_HZ // 5
    wide, part = samples[max(0, earlier - spare) :][: length + 2 * spare], samples[at:][:length]
    size = wide.size + part.size
    product = np.fft.rfft(wide, size) * np.conj(np.fft.rfft(part, size))
    match = np.fft.irfft(product, size)[: wide.size - part.size + 1]
    powers = np.cumsum(np.append(0.0, np.square(wide, dtype=np.float64)))
    power = powers[part.size :][: match.size] - powers[: match.size]
    return bool(np.max(match / np.sqrt(power * np.sum(part**2) + 1e-12)) >= _SAME_WAVE)


def _found(setting: Setting, data: Path) -> Outcome:
    calls = [s for s in _by_speaker("librispeech", data) if s.size > 40 * RATE_HZ]
    rows, values = [], {}
    for name, snr_db in _LINES.items():
        rng = np.random.default_rng(0)
        hits = wrong = 0
        n = 4 if setting.quick else _TRIALS
        for _ in range(n):
            speech, clip, other = _scene(calls, rng)
            for again in (clip, other):
                gain = 10 ** (rng.uniform(-6, 6) / 20)
                parts = (speech[: 8 * RATE_HZ], clip, speech[8 * RATE_HZ :], gain * again)
                call = np.concatenate(parts).astype(np.float32)
                line = telephone(call, TelephoneChannel(snr_db=snr_db), rng=rng)
                told = bool(repeats(line))
                hits += told and again is clip
                wrong += told and again is other
        rows.append([name, f"{hits} of {n}", f"{wrong} of {n}"])
        values[name] = {"hits": hits, "wrong": wrong, "of": n}
    return Outcome(
        "A clip of 3 to 6 s that is played twice in a call by telephone",
        ["line", "found", "another clip of the reader taken for it"],
        rows,
        values=values,
    )


def repeats(samples: Samples) -> list[Repeat]:
    """The repeats of a call."""
    listener, told = Repeats(), list[Repeat]()
    for k in range(0, samples.size, RATE_HZ):
        told += listener.push(samples[k : k + RATE_HZ])
    return told


def _scene(calls: Sequence[Samples], rng: np.random.Generator) -> tuple[Samples, Samples, Samples]:
    """Speech of 16 s of one reader, two clips of the same length of another."""
    one, two = rng.choice(len(calls), 2, replace=False)
    n = int(rng.uniform(3, 6) * RATE_HZ)
    at = int(rng.integers(calls[one].size - 16 * RATE_HZ))
    # The second clip lies elsewhere, so that they share no sample.
    first = int(rng.integers(calls[two].size // 2 - n))
    second = int(rng.integers(calls[two].size // 2, calls[two].size - n))
    clips = (calls[two][start : start + n] for start in (first, second))
    return calls[one][at : at + 16 * RATE_HZ], *clips


def _by_speaker(corpus: str, data: Path) -> Iterator[Samples]:
    utterances = read_corpus(corpus, data / corpus).utterances
    spoken = sorted(utterances, key=lambda each: (each.speaker, each.path.name))
    for _, each in groupby(spoken, key=lambda each: each.speaker):
        yield np.concatenate([load(one.path) for one in each])


def _surroundings(data: Path) -> Iterator[Samples]:
    speech = next(s for s in _by_speaker("librispeech", data) if s.size > 8 * RATE_HZ)
    for path in sorted((data / "noise" / "nonspeech").iterdir()):
        parts = (speech[: 4 * RATE_HZ], load(path), speech[4 * RATE_HZ : 8 * RATE_HZ])
        yield np.concatenate(parts)
