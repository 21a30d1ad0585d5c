"""docs/why/transcript.md: how often phrases of emergencies are spotted, where said and where not.

False alarms: of the shipped English phrases on all recordings of LibriSpeech, each a channel of its
own. Whatever is spotted counts as false, though some may have been said. It is spotted once, with
thresholds 10 orders of magnitude under the shipped ones, and each find keeps its likelihood ratio;
so it is known afterwards what any higher thresholds would have told.

Two-fold cross-fitting: the speakers are shuffled (seed 0) and dealt into two halves of about the
same length. The thresholds of one half (`fitted`: for each number of sounds the lowest with which
its phrases stay within their share of `BUDGET`) are tried on the other, and the other way round. So
all recordings are tried by thresholds that did not see them or their speakers, and the rule that is
tried is the one that `THRESHOLDS` come from, given both halves. Interval: Byar's, at 95 %.

Hits: of phrases of one to four words out of the LJSpeech transcripts, sought where they are said:
real speech, but of one speaker and of no emergency.

What a phrase is worth: how often those that can be spotted stand in the 152 calls, by gravity.
"""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.outcome import Outcome, aim
from bench.setting import Setting
from bench.words import LINES, clips, heard
from tonewatch.audio.decode import load
from tonewatch.core.events import PhraseSpotted
from tonewatch.core.signal import RATE_HZ
from tonewatch.corpora.readers import read_corpus
from tonewatch.transcript.pocketsphinx import Channel
from tonewatch.transcript.spotting import THRESHOLDS, Spotting
from tonewatch.triage.phrases import Kind, shipped, to_spot
from tonewatch.triage.words import tokens

BUDGET = 0.4
"""False alarms a minute that the thresholds of a half may have there, all phrases together."""

_BELOW = 10.0
_TAIL = np.zeros(round(0.3 * RATE_HZ), np.float32)  # the search tells a phrase only after it
# Of PocketSphinx (kws_search.c, kws_detections.c): a find's score is told less 1500, and is a
# logarithm to the base 1.0001, shifted right by 10 bits.
_LESS, _SHIFTED, _BASE = 1500, 1024, 1.0001
_WORDS_A_MINUTE = 150.0


@dataclass(frozen=True)
class Find:
    """A phrase that was spotted: how many sounds it has, and the log10 of its likelihood ratio."""

    phrase: str
    n_sounds: int
    log_ratio: float


@dataclass(frozen=True)
class Heard:
    """A recording: its speaker, its length, and what was spotted in it."""

    speaker: str
    minutes: float
    finds: tuple[Find, ...]


def run(setting: Setting) -> list[Outcome]:
    if not setting.data or not (setting.data / "librispeech").is_dir():
        note = "it needs librispeech in a data folder; name it in TONEWATCH_DATA"
        return [Outcome("Spotting: skipped", [""], [], [note])]
    return [*_hits(setting), _false_alarms(setting), *_worth(setting)]


def _false_alarms(setting: Setting) -> Outcome:
    assert setting.data is not None
    table = read_corpus("librispeech", setting.data / "librispeech")
    recordings = [(each.path, each.speaker) for each in table.utterances]
    if setting.quick:
        recordings = recordings[:: len(recordings) // 6]
    low = {n: at - _BELOW for n, at in THRESHOLDS.items()}
    spotting = Spotting(None, to_spot(), thresholds=low)
    sounds = {p: _class(at, low) for p, at in spotting.vocabulary.thresholds.items()}
    sizes = Counter(sounds.values())
    began = time.process_time()
    every = [_spot(spotting, path, speaker, sounds) for path, speaker in recordings]
    factor = (time.process_time() - began) / 60 / sum(each.minutes for each in every)
    halves = dealt(every)
    rows, unseen = [], list[Find]()
    for name, own, other in (("first", *halves), ("second", *halves[::-1])):
        told = false_alarms(own, fitted(other, sizes))
        unseen += told
        rows.append(_row(f"{name} half, by thresholds of the other", told, own))
    rows.append(_row("both, each by thresholds of the other", unseen, every))
    rows.append(_row("both, shipped thresholds", false_alarms(every, THRESHOLDS), every))
    minutes = sum(each.minutes for each in every)
    low_, high = interval(len(unseen))
    names = [each.phrase for each in unseen]
    return Outcome(
        f"False alarms of {len(sounds)} emergency phrases on {minutes:.0f} min of LibriSpeech",
        ["", "false alarms", "minutes", "an hour", "95 %"],
        rows,
        [
            aim("false alarms of the whole vocabulary", len(unseen) / minutes, 1.0, " a minute"),
            f"thresholds of both halves: {fitted(every, sizes)}; shipped: {dict(THRESHOLDS)}",
            f"not looked for: {len(spotting.vocabulary.short)} phrases of too few sounds, "
            f"{len(spotting.vocabulary.unknown)} with gaps, open endings or unknown words",
            f"real-time factor {factor:.2f} (CPU, at the low thresholds)",
            "most often: " + ", ".join(sorted(set(names), key=names.count, reverse=True)[:8]),
        ],
        {
            "a_minute": len(unseen) / minutes,
            "an_hour": [60 * n / minutes for n in (low_, len(unseen), high)],
            "minutes": minutes,
            "thresholds": fitted(every, sizes),
            "finds": sorted([f.n_sounds, f.log_ratio, f.phrase] for h in every for f in h.finds),
        },
    )


def _class(threshold: float, thresholds: Mapping[int, float]) -> int:
    return next(n for n, at in thresholds.items() if at == threshold)


def _spot(spotting: Spotting, path: Path, speaker: str, sounds: Mapping[str, int]) -> Heard:
    samples, decoder = load(path), spotting.take()
    channel = Channel()
    channel.begin(decoder)
    for k in range(0, samples.size, RATE_HZ // 10):
        channel.push(samples[k : k + RATE_HZ // 10])
    channel.push(_TAIL)
    channel.finish()
    finds = []
    for segment in decoder.seg() or ():
        phrase = segment.word.strip()
        steps = math.log(segment.prob) / math.log(_BASE) + _LESS
        log_ratio = steps * _SHIFTED * math.log10(_BASE)
        # Else PocketSphinx counts in another way than is thought here.
        assert log_ratio >= spotting.vocabulary.thresholds[phrase] - 0.2, (phrase, log_ratio)
        finds.append(Find(phrase, sounds[phrase], log_ratio))
    spotting.give_back(decoder)
    return Heard(speaker, samples.size / RATE_HZ / 60, tuple(finds))


def dealt(every: Sequence[Heard]) -> tuple[list[Heard], list[Heard]]:
    """Two halves of about the same length, no speaker in both."""
    speakers = sorted({each.speaker for each in every})
    np.random.default_rng(0).shuffle(speakers)
    halves: tuple[list[Heard], list[Heard]] = ([], [])
    for speaker in speakers:
        shorter = min(halves, key=lambda half: sum(each.minutes for each in half))
        shorter += [each for each in every if each.speaker == speaker]
    return halves


def fitted(half: Sequence[Heard], sizes: Mapping[int, int]) -> dict[int, float]:
    """For each number of sounds the lowest whole threshold that keeps its share of the budget."""
    minutes = sum(each.minutes for each in half)
    found = {}
    for n in THRESHOLDS:
        may = math.floor(BUDGET * minutes * sizes[n] / sum(sizes.values()))
        ratios = sorted(
            (f.log_ratio for each in half for f in each.finds if f.n_sounds == n), reverse=True
        )
        lowest = THRESHOLDS[n] - _BELOW
        found[n] = lowest if len(ratios) <= may else float(math.floor(ratios[may]) + 1)
    return found


def false_alarms(half: Sequence[Heard], thresholds: Mapping[int, float]) -> list[Find]:
    """What would have been told."""
    return [f for each in half for f in each.finds if f.log_ratio >= thresholds[f.n_sounds]]


def interval(n: int) -> tuple[float, float]:
    """Where the mean of a count lies (Byar's approximation, 95 %)."""
    low = n * (1 - 1 / (9 * n) - 1.96 / (3 * math.sqrt(n))) ** 3 if n else 0.0
    return low, (n + 1) * (1 - 1 / (9 * (n + 1)) + 1.96 / (3 * math.sqrt(n + 1))) ** 3


def _row(name: str, told: Sequence[Find], half: Sequence[Heard]) -> list[str]:
    minutes = sum(each.minutes for each in half)
    low, high = (60 * n / minutes for n in interval(len(told)))
    hourly = 60 * len(told) / minutes
    return [name, str(len(told)), f"{minutes:.0f}", f"{hourly:.0f}", f"{low:.0f}-{high:.0f}"]


def _hits(setting: Setting) -> list[Outcome]:
    every = clips(setting)
    if not every:
        return []
    said = [
        {" ".join(words[k : k + n]) for n in range(1, 5) for k in range(len(words) - n + 1)}
        for _, words in every
    ]
    spotting = Spotting(None, sorted(set().union(*said)))
    sought = spotting.vocabulary.thresholds
    rows, values = [], {}
    for name, line in LINES.items():
        found = wanted = 0
        for (samples, _), phrases in zip(every, said, strict=True):
            told = heard(spotting, line(samples))
            spotted = {each.phrase for each in told if isinstance(each, PhraseSpotted)}
            wanted += len(phrases & sought.keys())
            found += len(spotted & phrases)
        rows.append([name, f"{found / wanted:.2f}", str(wanted)])
        values[name] = {"hit_rate": found / wanted, "phrases": wanted}
    return [
        Outcome(
            "Phrases of one to four words out of the LJSpeech transcripts, spotted where said",
            ["", "hit rate", "phrases"],
            rows,
            values=values,
        )
    ]


def _worth(setting: Setting) -> list[Outcome]:
    from tonewatch.training.gravity import LABELS, RECOGNISERS, read_calls

    folder = setting.data and setting.data / "text" / "calls"
    if not folder or not folder.is_dir():
        return []
    lists, can = shipped(), Spotting(None, to_spot()).vocabulary.thresholds.keys()
    said: Counter[tuple[str, str]] = Counter()
    minutes: defaultdict[tuple[str, str], float] = defaultdict(float)
    calls = read_calls(folder)
    for text, by, label in zip(calls.texts, calls.recognisers, calls.classes, strict=True):
        found = tokens(text)
        key = str(by), LABELS[label]
        minutes[key] += sum(token.is_word for token in found) / _WORDS_A_MINUTE
        said[key] += sum(
            hit.phrase.kind is Kind.EMERGENCY and " ".join(hit.phrase.words) in can
            for hit in lists.find(text, found)
        )
    rates = {key: said[key] / minutes[key] for key in minutes}
    rows = [
        [name, *(f"{rates[name, label]:.2f}" for label in ("High", "Medium", "Low"))]
        for name in RECOGNISERS
    ]
    return [
        Outcome(
            f"Phrases that can be spotted, said in a minute ({_WORDS_A_MINUTE:.0f} words) of calls",
            ["text of", "High", "Medium", "Low"],
            rows,
            values={"a_minute": {" ".join(key): rate for key, rate in rates.items()}},
        )
    ]
