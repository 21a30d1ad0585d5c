"""Phrases out of a LJSpeech sentence (skipped without `transcribed/ljspeech`)."""

import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tonewatch.audio.decode import load
from tonewatch.core.errors import SettingsError
from tonewatch.core.events import Event, PhraseSpotted, WordsRecognised
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.transcript.backend import Recognised
from tonewatch.transcript.pool import Pool
from tonewatch.transcript.schedule import PoolSettings
from tonewatch.transcript.spotting import Spotting, beside
from transcript.echoing import Echoing

pytest.importorskip("pocketsphinx", reason="needs the extra `words`")

SAID = "Comparatively  modern"


@pytest.fixture(scope="module")
def spotting() -> Spotting:
    return Spotting(
        None, [SAID, "kill", "suicid*", "took ~ pills", "plane crash", "not breathing", "xyzzy"]
    )


@pytest.fixture(scope="module")
def clip(shared_data: Path) -> Samples:
    """1.9 s: "in being comparatively modern"."""
    return load(shared_data / "transcribed" / "ljspeech" / "LJ001-0002.flac")


def heard(spotting: Spotting, samples: Samples, chunk: int = 1600) -> list[Recognised]:
    session = spotting.session()
    session.begin(100.0)
    told: list[Recognised] = []
    for k in range(0, samples.size, chunk):
        told += session.push(samples[k : k + chunk])
    return told + session.finish()


def test_the_vocabulary_says_what_cannot_be_spotted(spotting: Spotting) -> None:
    assert list(spotting.vocabulary.thresholds) == [
        "comparatively modern",
        "plane crash",
        "not breathing",
    ]
    assert spotting.vocabulary.short == ("kill",)
    assert spotting.vocabulary.unknown == ("suicid*", "took ~ pills", "xyzzy")


def test_more_sounds_have_a_lower_threshold(spotting: Spotting) -> None:
    at = spotting.vocabulary.thresholds
    assert at["comparatively modern"] < at["not breathing"] < at["plane crash"]


def test_a_phrase_that_is_said_is_told_once_with_its_time(
    spotting: Spotting, clip: Samples
) -> None:
    (told,) = heard(spotting, np.concatenate([clip, np.zeros(2 * RATE_HZ, np.float32)]))
    assert isinstance(told, PhraseSpotted)
    assert told.phrase == "comparatively modern"
    assert (told.start_s, told.end_s) == pytest.approx((100.4, 101.8), abs=0.15)


def test_a_phrase_is_told_before_the_utterance_ends(spotting: Spotting, clip: Samples) -> None:
    session = spotting.session()
    session.begin(0.0)
    told = session.push(np.concatenate([clip, np.zeros(2 * RATE_HZ, np.float32)]))
    assert [each.phrase for each in told if isinstance(each, PhraseSpotted)]
    assert session.finish() == []


def test_nothing_is_spotted_in_silence(spotting: Spotting) -> None:
    assert heard(spotting, np.zeros(3 * RATE_HZ, np.float32)) == []


def test_the_words_of_another_come_beside(clip: Samples) -> None:
    both = Spotting(Echoing(), [SAID])
    assert both.name == "echoing and phrases"
    told = heard(both, clip)
    assert sum(isinstance(each, PhraseSpotted) for each in told) == 1
    assert [each.final for each in told if isinstance(each, WordsRecognised)][-1]


def test_a_pool_spots_without_any_words(clip: Samples) -> None:
    told, over = list[tuple[str, int, Event]](), threading.Event()
    pool = Pool(
        partial(beside, None, (SAID,)),
        1,
        lambda *event: told.append(event),
        on_closed=lambda _call_id: over.set(),
        settings=PoolSettings(longest_wait_s=120.0, nice=0),
    )
    try:
        assert pool.ready(120.0)
        pool.open("c", 1)
        pool.push("c", 1, np.concatenate([clip, np.zeros(RATE_HZ, np.float32)]))
        pool.speech("c", 1, 0.0, None)
        pool.close("c")
        assert over.wait(120.0)
    finally:
        pool.stop()
    ((call_id, channel, spotted),) = told
    assert (call_id, channel) == ("c", 1)
    assert isinstance(spotted, PhraseSpotted) and spotted.phrase == "comparatively modern"


@pytest.mark.parametrize("phrases", [[], ["kill"], ["xyzzy"], [" "]])
def test_a_vocabulary_of_nothing_is_refused(phrases: list[str]) -> None:
    with pytest.raises(SettingsError, match="dictionary"):
        Spotting(None, phrases)
