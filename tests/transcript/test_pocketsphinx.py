"""PocketSphinx with its own model, on recordings of `transcribed/ljspeech` (skipped without)."""

import threading
from pathlib import Path

import numpy as np
import pytest

from tonewatch.audio.decode import load
from tonewatch.core.errors import TranscriptError
from tonewatch.core.events import Event, WordsRecognised
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.transcript import pocketsphinx
from tonewatch.transcript.backend import Recognised
from tonewatch.transcript.pocketsphinx import Pocketsphinx, PocketsphinxSession
from tonewatch.transcript.pool import Pool
from tonewatch.transcript.schedule import PoolSettings

pytest.importorskip("pocketsphinx", reason="needs the extra `words`")


@pytest.fixture(scope="module")
def recogniser() -> Pocketsphinx:
    return Pocketsphinx()


@pytest.fixture(scope="module")
def clip(shared_data: Path) -> Samples:
    """1.9 s: "in being comparatively modern"."""
    return load(shared_data / "transcribed" / "ljspeech" / "LJ001-0002.flac")


@pytest.fixture(scope="module")
def alone(recogniser: Pocketsphinx, clip: Samples) -> WordsRecognised:
    """What is recognised in the clip, by a session that hears nothing else."""
    return said(recogniser.session(), clip, 1600)[-1]


def said(
    session: PocketsphinxSession, samples: Samples, chunk: int, start_s: float = 0.0
) -> list[WordsRecognised]:
    session.begin(start_s)
    told: list[Recognised] = []
    for k in range(0, samples.size, chunk):
        told += session.push(samples[k : k + chunk])
    told += session.finish()
    return [each for each in told if isinstance(each, WordsRecognised)]


def test_words_with_times_and_confidences(recogniser: Pocketsphinx, clip: Samples) -> None:
    (told,) = said(recogniser.session(), clip, 1600, start_s=100.0)
    assert told.final
    assert (told.start_s, told.end_s) == pytest.approx((100.0, 100.0 + clip.size / RATE_HZ))
    assert {"being", "comparatively"} <= {word.text for word in told.words}
    for word, after in zip(told.words, told.words[1:], strict=False):
        assert told.start_s <= word.start_s < word.end_s <= after.start_s + 1e-6
    assert told.words[-1].end_s <= told.end_s
    assert all(word.text.replace("'", "").isalpha() for word in told.words)
    confidences = [word.confidence for word in told.words]
    assert all(0 <= each <= 1 for each in confidences)
    assert len(set(confidences)) > 1
    (word,) = (word for word in told.words if word.text == "comparatively")
    assert (word.start_s, word.end_s) == pytest.approx((100.41, 101.27), abs=0.1)


def test_results_come_while_somebody_speaks(recogniser: Pocketsphinx, clip: Samples) -> None:
    *partial_results, last = said(recogniser.session(), np.tile(clip, 2), 1600)
    assert partial_results
    assert not any(each.final for each in partial_results)
    assert all(each.start_s == last.start_s for each in partial_results)
    assert all("comparatively" in _texts(each) for each in partial_results)
    assert last.final


def test_chunks_do_not_matter(recogniser: Pocketsphinx, clip: Samples) -> None:
    one = said(recogniser.session(), clip, clip.size)[-1]
    other = said(recogniser.session(), clip, 777)[-1]
    assert one == other


def test_sessions_side_by_side_do_not_mix(
    recogniser: Pocketsphinx, clip: Samples, alone: WordsRecognised
) -> None:
    first, second = recogniser.session(), recogniser.session()
    first.begin(0.0)
    second.begin(0.0)
    for k in range(0, clip.size, 1600):
        first.push(clip[k : k + 1600])
        second.push(np.zeros(clip[k : k + 1600].size, np.float32))
    assert second.finish()[-1] == WordsRecognised(0.0, alone.end_s, (), True)
    assert first.finish() == [alone]


def test_no_words_in_silence_and_nothing_in_nothing(recogniser: Pocketsphinx) -> None:
    session = recogniser.session()
    (told,) = said(session, np.zeros(RATE_HZ, np.float32), 1600)
    assert told == WordsRecognised(0.0, 1.0, (), True)
    session.begin(5.0)
    assert session.finish() == []
    session.begin(5.0)
    session.push(np.zeros(10, np.float32))  # less than a frame
    assert session.finish() == [WordsRecognised(5.0, 5.0 + 10 / RATE_HZ, (), True)]


def test_the_mean_of_a_quiet_channel_is_learnt(
    recogniser: Pocketsphinx, clip: Samples, alone: WordsRecognised
) -> None:
    quiet = said(recogniser.session(), clip * np.float32(0.03), 1600)[-1]
    assert "comparatively" in _texts(alone)
    assert "comparatively" in _texts(quiet)


def test_in_a_pool(clip: Samples) -> None:
    told: list[Event] = []
    over = threading.Event()
    pool = Pool(
        Pocketsphinx,
        1,
        lambda _call, _channel, event: told.append(event),
        on_closed=lambda _call: over.set(),
        settings=PoolSettings(longest_wait_s=120.0, nice=0),  # it waits for no busy machine
    )
    try:
        assert pool.ready(60)
        pool.open("a", 0)
        pool.push("a", 0, np.concatenate([np.zeros(RATE_HZ, np.float32), clip]))
        pool.speech("a", 0, 1.0, None)
        pool.close("a")
        assert over.wait(120)
    finally:
        pool.stop()
    last = told[-1]
    assert isinstance(last, WordsRecognised)
    assert "comparatively" in _texts(last)


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(TranscriptError, match="mdef"):
        Pocketsphinx(tmp_path)


def test_the_model_of_the_wheel_may_be_named(clip: Samples) -> None:
    import pocketsphinx as package

    named = Pocketsphinx(Path(package.get_model_path("en-us")))
    assert "comparatively" in _texts(said(named.session(), clip, 1600)[-1])


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pocketsphinx", None)
    with pytest.raises(TranscriptError, match=r"tonewatch\[words\]"):
        pocketsphinx.load({})


def _texts(told: WordsRecognised) -> list[str]:
    return [word.text for word in told.words]
