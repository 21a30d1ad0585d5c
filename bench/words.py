"""docs/why/transcript.md: how well PocketSphinx understands, and how well phrases are spotted.

Words: the 8 LJSpeech sentences of `transcribed/ljspeech` (one speaker, read, 131 words), as they
are and by telephone (8 kHz u-law, 300 to 3400 Hz, white noise at 20 dB or none). Each is one
utterance of a channel of its own, so that nothing is learnt from one for the next. The word error
rate is the edit distance to the transcript over its length, in lower case, without punctuation.

Phrases: false alarms of the English emergency phrases on LibriSpeech, all of which count as false,
though some may have been said; the recordings are those that the thresholds were not set with
(the second half of the list shuffled with seed 0). Hits are of phrases of one to four words out of
the LJSpeech transcripts: real speech, but of one speaker and of no emergency.
"""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.outcome import Outcome, aim
from bench.setting import Setting
from tonewatch.audio.decode import load
from tonewatch.audio.telephone import TelephoneChannel, telephone
from tonewatch.core.events import PhraseSpotted, WordsRecognised
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.transcript.backend import Recognised, Recogniser
from tonewatch.transcript.pocketsphinx import Pocketsphinx
from tonewatch.transcript.spotting import Spotting
from tonewatch.triage.phrases import Kind, shipped

_BLOCK = RATE_HZ // 10


def run(setting: Setting) -> list[Outcome]:
    clips = _clips(setting)
    if not clips:
        return [
            Outcome(
                "Words: skipped",
                [""],
                [],
                ["it needs transcribed/ljspeech in a data folder; name it in TONEWATCH_DATA"],
            )
        ]
    lines: dict[str, Callable[[Samples], Samples]] = {
        "clean": lambda samples: samples,
        "telephone": lambda samples: _by_telephone(samples, 20.0),
        "telephone without noise": lambda samples: _by_telephone(samples, None),
    }
    return [_words(clips, lines), _hits(clips, lines), _false_alarms(setting)]


def _words(
    clips: list[tuple[Samples, list[str]]], lines: dict[str, Callable[[Samples], Samples]]
) -> Outcome:
    recogniser = Pocketsphinx()
    rows, values = [], {}
    for name, line in lines.items():
        errors = n_words = 0
        began, audio_s = time.process_time(), 0.0
        for samples, wanted in clips:
            heard = [
                word.text
                for told in _heard(recogniser, line(samples))
                if isinstance(told, WordsRecognised) and told.final
                for word in told.words
            ]
            errors += _distance(wanted, _normal(" ".join(heard)))
            n_words += len(wanted)
            audio_s += samples.size / RATE_HZ
        factor = (time.process_time() - began) / audio_s
        rows.append([name, f"{errors / n_words:.3f}", str(n_words), f"{factor:.2f}"])
        values[name] = {"wer": errors / n_words, "words": n_words, "rtf_cpu": factor}
    return Outcome(
        f"PocketSphinx on {len(clips)} LJSpeech clips, {audio_s:.0f} s",
        ["", "word error rate", "words", "RTF, CPU"],
        rows,
        values=values,
    )


def _hits(
    clips: list[tuple[Samples, list[str]]], lines: dict[str, Callable[[Samples], Samples]]
) -> Outcome:
    said = [
        {" ".join(words[k : k + n]) for n in range(1, 5) for k in range(len(words) - n + 1)}
        for _, words in clips
    ]
    spotting = Spotting(None, sorted(set().union(*said)))
    sought = spotting.vocabulary.thresholds
    rows, values = [], {}
    for name, line in lines.items():
        found = wanted = 0
        for (samples, _), phrases in zip(clips, said, strict=True):
            told = _heard(spotting, line(samples))
            spotted = {each.phrase for each in told if isinstance(each, PhraseSpotted)}
            wanted += len(phrases & sought.keys())
            found += len(spotted & phrases)
        rows.append([name, f"{found / wanted:.2f}", str(wanted)])
        values[name] = {"hit_rate": found / wanted, "phrases": wanted}
    return Outcome(
        "Phrases of one to four words out of the LJSpeech transcripts, spotted where they are said",
        ["", "hit rate", "phrases"],
        rows,
        values=values,
    )


def _false_alarms(setting: Setting) -> Outcome:
    assert setting.data is not None
    paths = sorted(
        path
        for path in (setting.data / "librispeech").rglob("*")
        if path.suffix in (".ogg", ".opus", ".flac")
    )
    np.random.default_rng(0).shuffle(paths)
    unseen = paths[len(paths) // 2 :][: 4 if setting.quick else None]
    emergency = [
        " ".join(phrase.words)
        for phrase in shipped().all
        if phrase.kind == Kind.EMERGENCY and phrase.language == "en"
    ]
    spotting = Spotting(None, emergency)
    began, audio_s = time.process_time(), 0.0
    spotted: list[str] = []
    for path in unseen:
        samples = load(path)
        audio_s += samples.size / RATE_HZ
        told = _heard(spotting, samples)
        spotted += [each.phrase for each in told if isinstance(each, PhraseSpotted)]
    factor = (time.process_time() - began) / audio_s
    a_minute = len(spotted) / (audio_s / 60)
    vocabulary = spotting.vocabulary
    return Outcome(
        f"False alarms of {len(vocabulary.thresholds)} emergency phrases on {audio_s / 60:.0f} min "
        "of LibriSpeech",
        ["", "false alarms", "an hour", "RTF, CPU"],
        [["phrases", str(len(spotted)), f"{60 * a_minute:.0f}", f"{factor:.2f}"]],
        [
            aim("false alarms of the whole vocabulary", a_minute, 1.0, " a minute"),
            f"not looked for: {len(vocabulary.short)} phrases of too few sounds, "
            f"{len(vocabulary.unknown)} with gaps, open endings or words without a pronunciation",
            "most often: " + ", ".join(sorted(set(spotted), key=spotted.count, reverse=True)[:8]),
        ],
        {"a_minute": a_minute, "minutes": audio_s / 60, "rtf_cpu": factor, "spotted": spotted},
    )


def _heard(recogniser: Recogniser, samples: Samples) -> list[Recognised]:
    session = recogniser.session()
    session.begin(0.0)
    told: list[Recognised] = []
    for k in range(0, samples.size, _BLOCK):
        told += session.push(samples[k : k + _BLOCK])
    return told + session.finish()


def _clips(setting: Setting) -> list[tuple[Samples, list[str]]]:
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
