"""Phrases out of a LJSpeech sentence (skipped without `transcribed/ljspeech`)."""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tonewatch.audio.decode import load
from tonewatch.core.errors import SettingsError, TranscriptError
from tonewatch.core.events import Event, NotTranscribed, PhraseSpotted, Word, WordsRecognised
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.transcript.backend import Recognised, Recogniser
from tonewatch.transcript.pool import Pool
from tonewatch.transcript.schedule import PoolSettings
from tonewatch.transcript.spotting import Spotting, beside
from tonewatch.transcript.whole import Whole
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


class Away:
    """A recogniser of words whose server is away."""

    name = "away"

    def session(self) -> Whole:
        return Whole(self._recognise)

    def _recognise(self, samples: Samples) -> list[Word]:
        raise TranscriptError("the server cannot be reached")


@pytest.mark.parametrize("fails_at", ["push", "finish"])
def test_phrases_are_told_where_the_words_fail(
    clip: Samples, fails_at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> list[Recognised]:
        raise TranscriptError("broken")

    monkeypatch.setattr(Whole, fails_at, fail)
    both = Spotting(Away(), [SAID])
    for _ in range(2):
        session = both.session()
        session.begin(100.0)
        with pytest.raises(TranscriptError, match="broken") as told:
            session.push(clip)
            session.finish()
        assert [each.phrase for each in told.value.phrases] == ["comparatively modern"]
        assert len(both._idle) == 1  # the decoder, which takes long to load, is back


@pytest.mark.parametrize("silence_s", [0.0, 1.0])  # told at the end of the utterance, and before
def test_a_pool_tells_phrases_beside_words_that_failed(clip: Samples, silence_s: float) -> None:
    told = pooled(Away, clip, silence_s)
    assert [type(event) for _, _, event in told] == [PhraseSpotted, NotTranscribed]


def test_a_pool_spots_without_any_words(clip: Samples) -> None:
    ((call_id, channel, spotted),) = pooled(None, clip, 1.0)
    assert (call_id, channel) == ("c", 1)
    assert isinstance(spotted, PhraseSpotted) and spotted.phrase == "comparatively modern"


def pooled(
    make_words: Callable[[], Recogniser] | None, clip: Samples, silence_s: float
) -> list[tuple[str, int, Event]]:
    told, over = list[tuple[str, int, Event]](), threading.Event()
    silence = np.zeros(round(silence_s * RATE_HZ), np.float32)
    pool = Pool(
        partial(beside, make_words, (SAID,)),
        1,
        lambda *event: told.append(event),
        on_closed=lambda _call_id: over.set(),
        settings=PoolSettings(longest_wait_s=120.0, nice=0),
    )
    try:
        assert pool.ready(120.0)
        pool.open("c", 1)
        pool.push("c", 1, np.concatenate([clip, silence]))
        pool.speech("c", 1, 0.0, None)
        pool.close("c")
        assert over.wait(120.0)
    finally:
        pool.stop()
    return told


@pytest.mark.parametrize("phrases", [[], ["kill"], ["xyzzy"], [" "]])
def test_a_vocabulary_of_nothing_is_refused(phrases: list[str]) -> None:
    with pytest.raises(SettingsError, match="dictionary"):
        Spotting(None, phrases)
