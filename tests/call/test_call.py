from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from call.streams import interleaved, opus
from tonewatch import Analyser, Predictor
from tonewatch.call.call import Call
from tonewatch.call.events import (
    AudioDropped,
    CallEnded,
    CallEvent,
    CallStarted,
    CallWarned,
    EndReason,
    Heard,
)
from tonewatch.call.formats import Encoding, StreamDecoder
from tonewatch.call.roles import Role
from tonewatch.core.errors import BadSamplesError, CallError
from tonewatch.core.events import EmotionEstimated, Event, NoSpeech, SoundRepeated
from tonewatch.core.signal import Frames
from tonewatch.inference.recording import analyze
from tonewatch.inference.smoothing import summarise
from tonewatch.inference.streaming import Memory, Step, StreamingNetwork
from voices import babble

RATE_HZ = 16_000
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
Samples = NDArray[np.float32]


@pytest.fixture(scope="module")
def predictor(tiny_bundle: Path) -> Predictor:
    return Predictor.load(tiny_bundle)


class Clock:
    """A minute later each time."""

    def __init__(self) -> None:
        self.now = NOON - timedelta(minutes=1)

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now


def noise(seconds: float, seed: int = 0) -> Samples:
    """Noise whose level changes, so that windows differ."""
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE_HZ)
    level = np.repeat(rng.uniform(0.05, 0.2, n // 4000 + 1), 4000)[:n]
    return np.asarray(level * rng.standard_normal(n), np.float32)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE_HZ), np.float32)


def started(predictor: Predictor, *roles: Role) -> Call:
    call = Call("c1", roles, predictor, clock=Clock())
    call.start()
    return call


def heard(events: Sequence[CallEvent], channel: int = 0) -> list[Event]:
    return [e.event for e in events if isinstance(e, Heard) and e.channel == channel]


def codes(events: Sequence[CallEvent]) -> list[str]:
    return [e.code for e in events if isinstance(e, CallWarned)]


def whole(predictor: Predictor, samples: Samples) -> list[Event]:
    analyser = Analyser(predictor)
    return [*analyser.push(samples), *analyser.finish()]


LOUD = np.clip(6 * noise(2.2, seed=2), -1, 1).astype(np.float32)
SIGNAL = np.concatenate([noise(3.3), silence(4.1), LOUD, noise(2.45, seed=1)])


@settings(max_examples=30)
@given(st.lists(st.integers(0, 40_000), max_size=20), st.integers(0, SIGNAL.size))
def test_chunks_change_nothing_and_the_analyser_is_told_in_full(
    predictor: Predictor, chunks: list[int], length: int
) -> None:
    samples = SIGNAL[:length]
    call = started(predictor, Role.CALLER)
    events: list[CallEvent] = []
    at = 0
    for size in chunks:
        events += call.push(0, samples[at : at + size])
        at += size
    events += [*call.push(0, samples[at:]), *call.finish()]
    at_once = started(predictor, Role.CALLER)
    assert events == [*at_once.push(0, samples), *at_once.finish()]
    assert heard(events) == whole(predictor, samples)
    assert call.heard_s == length / RATE_HZ


PLAYED = np.concatenate([(CLIP := babble(4, 1)), silence(0.3), babble(5, 2), CLIP, noise(1.2)])


@settings(max_examples=5, deadline=None)
@given(st.lists(st.integers(0, 40_000), max_size=8), st.integers(0, 12 * RATE_HZ))
def test_what_is_played_twice_is_told_whatever_the_chunks_and_gaps(
    predictor: Predictor, chunks: list[int], gap: int
) -> None:
    def call_of(chunks: list[int]) -> list[CallEvent]:
        call, at = started(predictor, Role.CALLER, Role.CALL_TAKER), 0
        events = call.drop(0, gap)
        for size in [*chunks, PLAYED.size]:
            block = PLAYED[at : at + size].copy()
            events += [*call.push(0, block), *call.push(1, block)]
            block[:] = 0  # its owner uses it again
            at += block.size
        return events + call.finish()

    events = call_of(chunks)
    assert events == call_of([])
    told = [(e.channel, e.event) for e in events if isinstance(e, Heard)]
    ((channel, repeat),) = (each for each in told if isinstance(each[1], SoundRepeated))
    assert isinstance(repeat, SoundRepeated) and channel == 0
    assert repeat.start_s - repeat.earlier_s == pytest.approx(9.3, abs=0.07)
    assert repeat.earlier_s == pytest.approx(gap / RATE_HZ, abs=0.8)


def test_what_comes_again_in_the_last_part_of_a_second_is_told(predictor: Predictor) -> None:
    call = started(predictor, Role.CALLER)
    events = [call.push(0, PLAYED[: round(12.6 * RATE_HZ)]), call.finish()]
    heard = [[e.event for e in told if isinstance(e, Heard)] for told in events]
    found = [[e for e in told if isinstance(e, SoundRepeated)] for told in heard]
    assert [len(each) for each in found] == [0, 1]
    assert found[1][0].earlier_s == pytest.approx(0, abs=0.8)


@pytest.mark.parametrize("chunk_bytes", [160, 1000, 50_000])
@pytest.mark.parametrize(
    ("encoding", "ending"),
    [(Encoding.MULAW, "ulaw"), (Encoding.ALAW, "alaw"), (Encoding.OPUS, "webm")],
)
def test_a_stream_gives_what_its_recording_gives(
    predictor: Predictor, tmp_path: Path, encoding: Encoding, ending: str, chunk_bytes: int
) -> None:
    column = SIGNAL[:, None]
    if encoding is Encoding.OPUS:
        rate_hz, data = 48_000, opus(column, 16_000)
    else:
        rate_hz, data = 8_000, interleaved(column[::2], encoding)
    recording = tmp_path / f"call.{ending}"
    recording.write_bytes(data)
    timeline = analyze(recording, bundle=predictor)

    decoder, call = StreamDecoder(encoding, rate_hz, 1), started(predictor, Role.CALLER)
    blocks = []
    for at in range(0, len(data), chunk_bytes):
        blocks += decoder.push(data[at : at + chunk_bytes])
    blocks += decoder.finish()
    events = [event for block in blocks for event in call.push(0, block[:, 0])]
    events += call.finish()
    judged = [e for e in heard(events) if isinstance(e, EmotionEstimated | NoSpeech)]
    assert judged == timeline.spans()
    assert len(judged) > 8
    assert call.heard_s == timeline.duration_s


def test_signal_has_what_these_tests_are_about(predictor: Predictor) -> None:
    call = started(predictor, Role.CALLER)
    events = [*call.push(0, SIGNAL), *call.finish()]
    assert len({e.confidence for e in heard(events) if isinstance(e, EmotionEstimated)}) > 4
    assert codes(events) == ["clipped"]
    assert 0 < [type(e) for e in events].index(CallWarned) < len(events) - 3


def test_start_tells_who_and_which_model(predictor: Predictor) -> None:
    roles = (Role.CALLER, Role.CALL_TAKER)
    call = Call("c7", roles, predictor, metadata={"number": "112"}, clock=Clock())
    info = predictor.bundle.info
    assert call.start() == [
        CallStarted("c7", NOON, roles, {"number": "112"}, info.name, predictor.bundle.sha256, 0.4)
    ]


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ([Role.CALLER], []),
        ([Role.CALLER, Role.CALL_TAKER], []),
        ([Role.MIXED], ["mixed_mono"]),
        ([Role.CALL_TAKER], ["nothing_scored"]),
    ],
)
def test_warnings_about_the_channels(
    predictor: Predictor, roles: list[Role], expected: list[str]
) -> None:
    assert codes(Call("c1", roles, predictor, clock=Clock()).start()) == expected


def test_the_call_taker_is_counted_and_never_heard(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    step = StreamingNetwork.step

    def counted(self: StreamingNetwork, features: Frames, memory: Memory, window: int) -> Step:
        steps.append(window)
        return step(self, features, memory, window)

    monkeypatch.setattr(StreamingNetwork, "step", counted)
    call = started(predictor, Role.CALL_TAKER, Role.CALLER)
    assert call.push(0, noise(8)) == []
    assert call.drop(0, RATE_HZ)[0] == AudioDropped("c1", 0, 8.0, 1.0)
    assert call.heard_s == 9
    assert not steps
    assert heard(call.push(1, noise(4)), 1)
    assert steps
    (ended,) = [e for e in call.finish() if isinstance(e, CallEnded)]
    assert ended.duration_s == 9
    # What it said and how loud changes nothing for the caller.
    alone = started(predictor, Role.CALLER)
    alone.push(0, noise(4))
    assert ended.emotion == next(e for e in alone.finish() if isinstance(e, CallEnded)).emotion


def test_channels_do_not_mix(predictor: Predictor) -> None:
    signals = [noise(5, seed=3), noise(5, seed=4)]
    call = started(predictor, Role.CALLER, Role.MIXED)
    events: list[CallEvent] = []
    for start in range(0, 5 * RATE_HZ, 3000):
        for channel, signal in enumerate(signals):
            events += call.push(channel, signal[start : start + 3000])
    events += call.finish()
    for channel, signal in enumerate(signals):
        assert heard(events, channel) == whole(predictor, signal)
    assert {(e.channel, e.role) for e in events if isinstance(e, Heard)} == {
        (0, Role.CALLER),
        (1, Role.MIXED),
    }


def test_end_tells_the_emotion_of_the_call(predictor: Predictor) -> None:
    call = started(predictor, Role.CALLER)
    events = [*call.push(0, noise(7)), *call.finish(EndReason.HUNG_UP)]
    ended = events[-1]
    assert isinstance(ended, CallEnded)
    windows = [e for e in heard(events) if isinstance(e, EmotionEstimated)]
    expected = summarise(windows, predictor.bundle.info.calibration)
    assert expected is not None
    assert ended.emotion is not None
    assert ended.emotion.probabilities == pytest.approx(expected.probabilities)
    assert (ended.emotion.label, ended.emotion.certain) == (expected.label, expected.certain)
    assert (ended.ended_at, ended.reason) == (NOON + timedelta(minutes=1), EndReason.HUNG_UP)
    assert (ended.duration_s, ended.dropped_s) == (7, 0)


def test_no_speech_is_no_emotion() -> None:
    call = started(Predictor.load("voice"), Role.CALLER)
    call.push(0, silence(5))
    ended = call.finish()[-1]
    assert isinstance(ended, CallEnded)
    assert ended.emotion is None


def test_dropped_audio_is_told_counted_and_heard_as_silence(predictor: Predictor) -> None:
    call = started(predictor, Role.CALLER)
    events = call.push(0, noise(4))
    events += call.drop(0, 40_000)
    events += call.drop(0, 0)
    events += call.push(0, noise(4, seed=1))
    events += call.drop(0, 1600)
    events += call.finish()
    assert [e for e in events if isinstance(e, AudioDropped)] == [
        AudioDropped("c1", 0, 4.0, 2.5),
        AudioDropped("c1", 0, 10.5, 0.1),
    ]
    assert codes(events) == ["dropped"]
    assert call.dropped_s == pytest.approx(2.6)
    assert call.heard_s == pytest.approx(10.6)
    ended = events[-1]
    assert isinstance(ended, CallEnded)
    assert (ended.duration_s, ended.dropped_s) == (call.heard_s, call.dropped_s)
    same = np.concatenate([noise(4), silence(2.5), noise(4, seed=1), silence(0.1)])
    assert heard(events) == whole(predictor, same)


def test_dropped_hour_is_told_and_what_follows_has_its_time(predictor: Predictor) -> None:
    call = started(predictor, Role.CALLER, Role.CALL_TAKER)
    events = call.push(0, noise(4))
    for channel in (0, 1):
        events += call.drop(channel, 3600 * RATE_HZ)
    assert len(events) < 40, "only the first of it is heard"
    after = call.push(0, noise(4, seed=1)) + call.finish()
    near = np.concatenate([noise(4), silence(10), noise(4, seed=1)])
    wanted = [e for e in whole(predictor, near) if isinstance(e, EmotionEstimated)]
    last = [e for e in heard(after) if isinstance(e, EmotionEstimated)]
    assert [(e.start_s, e.end_s) for e in last[-2:]] == [(3604, 3607), (3605, 3608)]
    assert last[-1].probabilities == wanted[-1].probabilities
    assert (call.heard_s, call.dropped_s) == (3608, 7200)


@pytest.mark.parametrize("drops", [[1000, 15_000, 300_000], [500_000], [100] * 50 + [495_000]])
def test_cuts_of_what_was_dropped_change_nothing(predictor: Predictor, drops: list[int]) -> None:
    call, other = (started(predictor, Role.CALLER) for _ in range(2))
    loud = np.ones(4_000, np.float32)

    def told(call: Call, drops: list[int]) -> list[CallEvent]:
        events = call.push(0, np.concatenate([noise(3), loud]))
        for n_samples in drops:
            events += call.drop(0, n_samples)
        events += [*call.push(0, noise(3, seed=1)), *call.finish()]
        return [event for event in events if not isinstance(event, AudioDropped)]

    assert told(call, drops) == told(other, [sum(drops)])


def test_mix_of_more_channels_is_told_once(predictor: Predictor) -> None:
    call = started(predictor, Role.CALLER)
    assert codes([*call.mixed_down(), *call.mixed_down()]) == ["mixed_down"]


@pytest.mark.parametrize("level", [0.9, 30.0])
def test_clipping_is_told_once(predictor: Predictor, level: float) -> None:
    call = started(predictor, Role.CALLER)
    events = call.push(0, (np.sign(noise(4)) * np.float32(level)).astype(np.float32))
    assert codes(events) == (["clipped"] if level > 1 else [])


@pytest.mark.parametrize("role", [Role.CALLER, Role.CALL_TAKER])
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
def test_bad_samples_are_refused_and_leave_no_trace(
    predictor: Predictor, role: Role, bad: Samples
) -> None:
    call, other = started(predictor, role), started(predictor, role)
    samples = noise(4.2)
    events = call.push(0, samples[:30_000])
    with pytest.raises(BadSamplesError, match="expected"):
        call.push(0, bad)
    events += [*call.push(0, samples[30_000:]), *call.finish()]
    assert events == [*other.push(0, samples), *other.finish()]


def test_used_in_the_wrong_order(predictor: Predictor) -> None:
    call = Call("c1", [Role.CALLER], predictor, clock=Clock())
    with pytest.raises(CallError, match="has not begun"):
        call.push(0, noise(1))
    with pytest.raises(CallError, match="has not begun"):
        call.drop(0, 5)
    with pytest.raises(CallError, match="before finish"):
        call.finish()
    call.start()
    with pytest.raises(CallError, match="one start"):
        call.start()
    for channel in (-1, 1):
        with pytest.raises(CallError, match="channel of 0 to 0"):
            call.push(channel, noise(1))
    with pytest.raises(CallError, match="number of lost samples"):
        call.drop(0, -1)
    with pytest.raises(CallError, match="expected a reason of"):
        call.finish("bored")
    assert len(call.finish("drained")) == 1
    assert call.finish() == []
    with pytest.raises(CallError, match="has ended"):
        call.push(0, noise(1))


@pytest.mark.parametrize(("name", "roles"), [("", [Role.CALLER]), ("c1", [])])
def test_a_call_has_a_name_and_channels(predictor: Predictor, name: str, roles: list[Role]) -> None:
    with pytest.raises(CallError, match="name and at least one channel"):
        Call(name, roles, predictor, clock=Clock())
