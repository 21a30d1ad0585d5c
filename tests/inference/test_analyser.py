from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tonewatch import Analyser, Predictor
from tonewatch.core.errors import BadSamplesError, SettingsError
from tonewatch.core.events import EmotionEstimated, Event, NoSpeech, SpeechEnded, SpeechStarted
from tonewatch.inference.streaming import StreamingListener

RATE_HZ = 16_000
Samples = NDArray[np.float32]


@pytest.fixture(scope="module")
def predictor(tiny_bundle: Path) -> Predictor:
    return Predictor.load(tiny_bundle)


def noise(seconds: float, seed: int = 0) -> Samples:
    """Noise whose level and colour change, so that windows differ."""
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE_HZ)
    level = np.repeat(rng.uniform(0.1, 0.4, n // 4000 + 1), 4000)[:n]
    return np.asarray(level * rng.standard_normal(n), np.float32)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE_HZ), np.float32)


def hear(
    predictor: Predictor,
    samples: Samples,
    chunks: list[int] | None = None,
    window_s: float | None = None,
    hop_s: float | None = None,
    smoothing_s: float = 0.0,
) -> list[Event]:
    analyser = Analyser(predictor, window_s=window_s, hop_s=hop_s, smoothing_s=smoothing_s)
    events: list[Event] = []
    at = 0
    for size in chunks or []:
        events += analyser.push(samples[at : at + size])
        at += size
    return events + analyser.push(samples[at:]) + analyser.finish()


def windows(events: list[Event]) -> list[tuple[float, float]]:
    judged = [e for e in events if isinstance(e, EmotionEstimated | NoSpeech)]
    return [(e.start_s, e.end_s) for e in judged]


SIGNAL = np.concatenate([noise(3.3), silence(4.1), noise(2.45, seed=1)])


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 30_000), max_size=30),
    st.integers(0, SIGNAL.size),
    st.sampled_from([(3.0, 1.0), (2.0, 0.76), (1.0, 1.0), (0.52, 0.08)]),
    st.sampled_from([0.0, 2.0]),
)
def test_chunks_change_nothing(
    predictor: Predictor,
    chunks: list[int],
    length: int,
    lengths_s: tuple[float, float],
    smoothing_s: float,
) -> None:
    samples = SIGNAL[:length]
    whole = hear(predictor, samples, None, *lengths_s, smoothing_s)
    assert hear(predictor, samples, chunks, *lengths_s, smoothing_s) == whole


GAP = [noise(3.3), noise(2.45, seed=1)]
HEARD_S = 10.0
LENGTHS_S = [(3.0, 1.0), (2.0, 0.76), (0.52, 0.08)]


def gapped(
    predictor: Predictor, gap: list[int], window_s: float | None = None, hop_s: float | None = None
) -> list[Event]:
    analyser = Analyser(predictor, window_s=window_s, hop_s=hop_s)
    events = analyser.push(GAP[0])
    for n_samples in gap:
        events += analyser.skip(n_samples)
        events += analyser.push(GAP[0][:0])  # nothing does not end a gap
    return events + analyser.push(GAP[1]) + analyser.finish()


def later(event: Any, by_s: float) -> Any:
    moved = {
        each.name: pytest.approx(getattr(event, each.name) + by_s)
        for each in fields(event)
        if each.name in ("start_s", "end_s")
    }
    return replace(event, **moved)


@settings(max_examples=20)
@given(st.lists(st.integers(0, 9 * RATE_HZ), max_size=8), st.sampled_from(LENGTHS_S))
def test_cuts_of_a_gap_change_nothing(
    predictor: Predictor, gap: list[int], lengths_s: tuple[float, float]
) -> None:
    assert gapped(predictor, gap, *lengths_s) == gapped(predictor, [sum(gap)], *lengths_s)


def test_short_gap_is_silence(predictor: Predictor) -> None:
    for gap_s in (0.0, 0.37, HEARD_S):
        samples = np.concatenate([GAP[0], silence(gap_s), GAP[1]])
        assert gapped(predictor, [round(gap_s * RATE_HZ)]) == hear(predictor, samples)


@pytest.mark.parametrize("lengths_s", LENGTHS_S)
def test_long_gap_moves_what_follows_and_changes_nothing_else(
    predictor: Predictor, lengths_s: tuple[float, float]
) -> None:
    window_s, hop_s = lengths_s
    jumped_s, rest_s = 3600 * hop_s, 0.3 * hop_s
    until_jump = np.concatenate([GAP[0], silence(HEARD_S)])
    n_before = len(Analyser(predictor, window_s=window_s, hop_s=hop_s).push(until_jump))
    near = hear(predictor, np.concatenate([until_jump, silence(rest_s), GAP[1]]), None, *lengths_s)
    far = gapped(predictor, [round((HEARD_S + jumped_s + rest_s) * RATE_HZ)], *lengths_s)
    assert far[:n_before] == near[:n_before]
    assert [later(event, jumped_s) for event in near[n_before:]] == far[n_before:]
    assert any(isinstance(event, EmotionEstimated) for event in far[n_before:])


def test_stream_that_ends_in_a_gap(predictor: Predictor) -> None:
    analyser = Analyser(predictor)
    analyser.push(GAP[0])
    assert len(analyser.skip(round(3600.5 * RATE_HZ))) < 15
    (last,) = windows(analyser.finish())
    assert last == pytest.approx((3600.8, 3603.8))
    with pytest.raises(SettingsError, match=r"finish\(\)"):
        analyser.skip(1)


@pytest.mark.parametrize("gap", [[1], [30_000], [8_000] * 50, [3605 * RATE_HZ]])
@pytest.mark.parametrize("lengths_s", LENGTHS_S)
def test_gap_that_may_not_be_judged_takes_the_windows_that_reach_into_it(
    predictor: Predictor, gap: list[int], lengths_s: tuple[float, float]
) -> None:
    def told(*, judge: bool) -> list[Event]:
        window_s, hop_s = lengths_s
        analyser = Analyser(predictor, window_s=window_s, hop_s=hop_s)
        events = analyser.push(GAP[0])
        for n_samples in gap:
            events += analyser.skip(n_samples, judge=judge)
        return events + analyser.push(noise(5)) + analyser.finish()

    from_s = GAP[0].size / RATE_HZ
    to_s = from_s + sum(gap) / RATE_HZ
    left = [
        event
        for event in told(judge=True)
        if not isinstance(event, EmotionEstimated | NoSpeech)
        or event.end_s <= from_s
        or event.start_s >= to_s
    ]
    assert told(judge=False) == left
    assert windows(left)[-1][0] >= to_s


def test_stream_that_ends_unjudged(predictor: Predictor) -> None:
    for samples in (GAP[0][: RATE_HZ // 100], GAP[0][:RATE_HZ], noise(3.6)):
        analyser = Analyser(predictor)
        told = analyser.push(samples) + analyser.skip(0, judge=False)
        assert len(windows(told)) == (samples.size > 3 * RATE_HZ)
        assert windows(analyser.finish()) == []


def test_windows_differ(predictor: Predictor) -> None:
    # Else the tests of equality here would show nothing.
    estimates = [e for e in hear(predictor, noise(12)) if isinstance(e, EmotionEstimated)]
    assert len({e.confidence for e in estimates}) == len(estimates) == 10


@pytest.mark.parametrize(
    ("seconds", "window_s", "hop_s", "expected"),
    [
        (3.0, 3.0, 1.0, [(0, 3)]),
        (5.0, 3.0, 1.0, [(0, 3), (1, 4), (2, 5)]),
        (5.4, 3.0, 1.0, [(0, 3), (1, 4), (2, 5)]),  # less than half a hop is left
        (5.52, 3.0, 1.0, [(0, 3), (1, 4), (2, 5), (2.52, 5.52)]),
        (2.0, 3.0, 1.0, [(0, 2)]),
        (1.3, 3.0, 1.0, [(0, 1.28)]),
        (0.1, 3.0, 1.0, [(0, 0.08)]),
        (2.0, 1.0, 0.8, [(0, 1), (0.8, 1.8)]),
        (2.2, 1.0, 0.8, [(0, 1), (0.8, 1.8), (1.2, 2.2)]),
    ],
)
def test_where_windows_lie(
    predictor: Predictor,
    seconds: float,
    window_s: float,
    hop_s: float,
    expected: list[tuple[float, float]],
) -> None:
    got = windows(hear(predictor, noise(seconds), None, window_s, hop_s))
    assert got == [pytest.approx(pair) for pair in expected]


def test_a_window_is_told_with_its_last_sample(predictor: Predictor) -> None:
    analyser = Analyser(predictor)
    samples = noise(4)
    assert windows(analyser.push(samples[: 3 * RATE_HZ - 1])) == []
    assert windows(analyser.push(samples[3 * RATE_HZ - 1 : 3 * RATE_HZ])) == [(0, 3)]


def test_silence_is_no_emotion(predictor: Predictor) -> None:
    events = hear(predictor, silence(6))
    assert {type(e) for e in events} == {NoSpeech}
    assert windows(events) == [(0, 3), (1, 4), (2, 5), (3, 6)]


def test_a_pause_is_a_gap(predictor: Predictor) -> None:
    events = hear(predictor, np.concatenate([noise(4), silence(6), noise(4)]))
    kinds = [type(e) for e in events if isinstance(e, EmotionEstimated | NoSpeech)]
    assert kinds[:2] == kinds[-2:] == [EmotionEstimated] * 2
    assert kinds[5:7] == [NoSpeech] * 2
    ended = [e for e in events if isinstance(e, SpeechEnded)]
    assert len(ended) == len([e for e in events if isinstance(e, SpeechStarted)]) == 2
    np.testing.assert_allclose([(e.start_s, e.end_s) for e in ended], [(0, 4), (10, 14)], atol=0.25)


@pytest.mark.parametrize("n", [0, 1, 639, 640, 1279])
def test_almost_nothing(predictor: Predictor, n: int) -> None:
    events = hear(predictor, noise(1)[:n])
    assert events == ([NoSpeech(0.0, n / RATE_HZ)] if n else [])


def test_estimates_are_consistent(predictor: Predictor) -> None:
    for event in hear(predictor, noise(8)):
        if isinstance(event, EmotionEstimated):
            assert sum(event.probabilities.values()) == pytest.approx(1)
            assert event.confidence == event.probabilities[event.label]
            assert event.confidence == max(event.probabilities.values())
            assert event.certain == (event.confidence >= 0.4)
            assert tuple(event.probabilities) == predictor.bundle.info.labels
            assert 0 < event.speech_s <= event.end_s - event.start_s


@pytest.mark.parametrize("peak", [1.0, 30.0, 1e6])
def test_clipped_and_loud_samples_give_a_result(predictor: Predictor, peak: float) -> None:
    loud = np.sign(noise(4)) * np.float32(peak)
    judged = [e for e in hear(predictor, loud) if isinstance(e, EmotionEstimated | NoSpeech)]
    assert len(judged) == 2
    estimates = [e for e in judged if isinstance(e, EmotionEstimated)]
    assert all(np.isfinite(list(e.probabilities.values())).all() for e in estimates)
    assert estimates or peak > 1


@pytest.mark.parametrize(
    "bad",
    [
        np.array([0, np.nan], np.float32),
        np.array([np.inf], np.float32),
        np.array([1e20], np.float32),
        np.zeros((5, 2), np.float32),
        np.zeros(5, np.int16),
    ],
)
def test_bad_samples_are_refused_and_leave_no_trace(predictor: Predictor, bad: Samples) -> None:
    analyser = Analyser(predictor)
    samples = noise(4.2)
    events = analyser.push(samples[:30_000])
    with pytest.raises(BadSamplesError, match="expected"):
        analyser.push(bad)
    events += analyser.push(samples[30_000:]) + analyser.finish()
    assert events == hear(predictor, samples)


def test_streams_that_share_a_predictor_do_not_mix(predictor: Predictor) -> None:
    signals = [noise(5, seed) for seed in (1, 2)]
    analysers = [Analyser(predictor) for _ in signals]
    events: list[list[Event]] = [[], []]
    for start in range(0, 5 * RATE_HZ, 3000):
        for i, signal in enumerate(signals):
            events[i] += analysers[i].push(signal[start : start + 3000])
    for i, signal in enumerate(signals):
        assert events[i] + analysers[i].finish() == hear(predictor, signal)


def test_the_callers_buffer_may_be_used_again(predictor: Predictor) -> None:
    samples = noise(4)
    analyser = Analyser(predictor)
    buffer = np.zeros(1600, np.float32)
    events: list[Event] = []
    for start in range(0, samples.size, 1600):
        buffer[:] = samples[start : start + 1600]
        events += analyser.push(buffer)
    assert events + analyser.finish() == hear(predictor, samples)


def test_what_it_keeps_does_not_grow(predictor: Predictor) -> None:
    analyser = Analyser(predictor, window_s=1, hop_s=0.2)
    block = noise(1)
    listener = analyser._listener
    assert isinstance(listener, StreamingListener)
    analyser.push(block)
    first = listener.memory
    for _ in range(100):
        analyser.push(block)
    for before, after in zip(first.state, listener.memory.state, strict=True):
        assert before is after  # nor does it move
    assert np.shares_memory(first.past, listener.memory.past)
    assert listener.memory.past.shape[1] == 25
    assert analyser._waiting.samples.size < 0.2 * RATE_HZ


def test_after_the_end_nothing_comes(predictor: Predictor) -> None:
    analyser = Analyser(predictor)
    analyser.push(noise(1))
    assert analyser.finish()
    assert analyser.finish() == []
    with pytest.raises(SettingsError, match="new Analyser"):
        analyser.push(noise(1))


def test_bundle_may_be_a_path(tiny_bundle: Path, predictor: Predictor) -> None:
    analyser = Analyser(tiny_bundle)
    assert analyser.push(noise(3)) == Analyser(predictor).push(noise(3))
