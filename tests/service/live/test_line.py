import json

import numpy as np
import pytest

from call.streams import SILENT_START, opus, silent_page
from service.live.talk import as_float, spoken
from service.running import Clock
from tonewatch.call.call import Call
from tonewatch.call.events import (
    AudioDropped,
    CallEnded,
    CallEvent,
    CallWarned,
    EndReason,
    Heard,
    from_dict,
)
from tonewatch.call.formats import Encoding
from tonewatch.call.roles import Role
from tonewatch.core.events import EmotionEstimated, NoSpeech
from tonewatch.inference.predictor import Predictor
from tonewatch.service.live.engine import Engine
from tonewatch.service.live.line import LONGEST_WAIT_S, Line
from tonewatch.service.metrics import Metrics


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor.load("voice")


def a_line(
    predictor: Predictor,
    call_id: str = "c",
    channels: int = 1,
    encoding: Encoding = Encoding.PCM_S16LE,
    rate_hz: int = 16_000,
) -> Line:
    call = Call(call_id, [Role.CALLER] * channels, predictor, clock=Clock())
    line = Line(call, encoding, rate_hz, owner="o", actor="a", now=0.0)
    line.begin()
    return line


def test_what_waited_too_long_is_dropped_and_time_goes_on(predictor: Predictor) -> None:
    line = a_line(predictor)
    line.receive(spoken(2).tobytes(), 0.0)
    line.receive(spoken(1).tobytes(), LONGEST_WAIT_S)
    events, more = line.hear(LONGEST_WAIT_S + 1)
    assert [e for e in events if isinstance(e, AudioDropped)] == [AudioDropped("c", 0, 0.0, 2.0)]
    assert not more
    assert line.call.heard_s == 3.0
    assert line.call.dropped_s == 2.0
    assert line.waiting_s == 0


def test_much_audio_is_heard_in_turns(predictor: Predictor) -> None:
    line = a_line(predictor, channels=2)
    line.receive(np.stack([spoken(5)] * 2, axis=1).tobytes(), 0.0)
    line.end(EndReason.HUNG_UP)
    heard_s = []
    more = True
    while more:
        _, more = line.hear(0.0)
        heard_s.append(line.call.heard_s)
    assert heard_s == [2.0, 4.0, 5.0]
    assert line.over
    assert line.ended_as == "hung_up"


def test_events_are_numbered_and_told_from_any_number(predictor: Predictor) -> None:
    line = a_line(predictor)
    line.receive(spoken(4).tobytes(), 7.0)
    line.end(EndReason.FINISHED)
    events: list[CallEvent] = []
    while not line.over:
        events += line.hear(7.0)[0]
    told = line.since(1)  # without the start
    tables = [json.loads(each.text) for each in told]
    assert [table.pop("number") for table in tables] == list(range(2, len(events) + 2))
    assert [from_dict(table) for table in tables] == events
    assert line.since(told[-1].number) == []
    assert {each.since for each in told} == {7.0, None}


def test_gap_after_half_a_frame(predictor: Predictor) -> None:
    line = a_line(predictor)
    line.receive(spoken(1).tobytes()[:-1], 0.0)
    assert not line.skip_to(64_001, 0.0)
    assert line.skip_to(64_000, 0.0)
    line.receive(spoken(1).tobytes(), 0.0)
    line.end(EndReason.FINISHED)
    while not line.over:
        line.hear(0.0)
    assert line.call.heard_s == 3.0
    assert line.call.dropped_s == 1.0


def test_what_came_before_a_gap_is_heard_before_it(predictor: Predictor) -> None:
    line = a_line(predictor, rate_hz=8_000)
    came: list[int] = []
    line.on_audio.append(lambda block: came.append(block if isinstance(block, int) else len(block)))
    line.receive(bytes(16_000), 0.0)
    assert line.skip_to(48_000, 0.0)
    line.receive(bytes(16_000), 0.0)
    line.end(EndReason.FINISHED)
    while not line.over:
        line.hear(0.0)
    at = came.index(32_000)
    assert (sum(came[:at]), sum(came[at + 1 :])) == (16_000, 16_000)
    assert (line.call.heard_s, line.call.dropped_s) == (4.0, 2.0)


@pytest.mark.parametrize("broken", [["push"], ["push", "finish"], ["finish"]])
def test_call_that_breaks_the_service_ends_alone(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch, broken: list[str]
) -> None:
    published: list[CallEvent] = []
    over: list[Line] = []
    engine = Engine(published.extend, over.append, Metrics())
    good, bad = a_line(predictor, "good"), a_line(predictor, "bad")

    def fail(*_: object) -> list[CallEvent]:
        raise RuntimeError("made up")

    for name in broken:
        monkeypatch.setattr(bad.call._channels[0]._analyser, name, fail)
    for line in (bad, good):
        line.receive(spoken(4).tobytes(), engine.clock())
        engine.end(line, EndReason.FINISHED)
    engine.start()
    engine.stop()
    assert {line.call_id: line.ended_as for line in over} == {"good": "finished", "bad": "error"}
    assert bad.broke
    assert not good.broke
    ends = [event for event in published if isinstance(event, CallEnded)]
    assert {end.call_id for end in ends} == {"good", "bad"}


def test_stereo_that_was_said_to_be_mono_is_told(predictor: Predictor) -> None:
    call = Call("c", [Role.CALLER], predictor, clock=Clock())
    line = Line(call, Encoding.OPUS, 48_000, owner="o", actor="a", now=0.0)
    line.begin()
    line.receive(opus(np.stack([as_float(spoken(3.5))] * 2, axis=1), 16_000), 0.0)
    line.end(EndReason.FINISHED)
    events: list[CallEvent] = []
    while not line.over:
        events += line.hear(0.0)[0]
    assert [e.code for e in events if isinstance(e, CallWarned)] == ["mixed_down"]
    assert any(isinstance(event, Heard) for event in events)


def test_model_that_may_not_hear(predictor: Predictor) -> None:
    line = a_line(predictor)
    line.receive(spoken(4).tobytes(), 0.0)
    events, _ = line.hear(0.0, hearing=False)
    assert line.call.dropped_s == 4.0
    assert any(isinstance(event, AudioDropped) for event in events)


@pytest.mark.parametrize(("back_s", "ends_s"), [(99, 5.6), (99, 12.0), (8, 16.0)])
def test_model_that_is_switched_off_judges_nothing_any_more(
    predictor: Predictor, back_s: int, ends_s: float
) -> None:
    line, speech = a_line(predictor), spoken(16).tobytes()
    off_s = 5.6

    def hear(from_s: float, to_s: float, *, hearing: bool) -> list[float]:
        """Where the windows begin that are told."""
        line.receive(speech[round(32_000 * from_s) : round(32_000 * to_s)], 0.0)
        events, more = line.hear(0.0, hearing=hearing)
        while more:
            told, more = line.hear(0.0, hearing=hearing)
            events += told
        heard = [event.event for event in events if isinstance(event, Heard)]
        return [e.start_s for e in heard if isinstance(e, EmotionEstimated | NoSpeech)]

    assert hear(0.0, off_s, hearing=True) == [0.0, 1.0, 2.0]
    told = hear(off_s, min(back_s, ends_s), hearing=False)
    told += hear(min(back_s, ends_s), ends_s, hearing=ends_s > back_s)
    line.end(EndReason.FINISHED)
    told += hear(ends_s, ends_s, hearing=ends_s > back_s)
    assert told == [float(start_s) for start_s in range(back_s, round(ends_s) - 2)]
    assert line.over


def test_opus_far_ahead_of_time_fails_the_call(predictor: Predictor) -> None:
    line = a_line(predictor, encoding=Encoding.OPUS)
    for _ in range(3):
        line.receive(SILENT_START + silent_page(15.3) * 60, 0.0)  # 17 kB that say 15 minutes
    line.hear(0.0)
    assert line.failure is not None and "30 s ahead" in line.failure
    assert line.received_s <= 120
    line.receive(silent_page(15.3), 0.0)
    while not line.over:
        line.hear(60.0)
    assert (line.ended_as, line.waiting_bytes) == ("error", 0)
    assert line.received_s <= 120


def test_backlog_of_opus_is_decoded_in_turns_and_none_of_it_is_left_out(
    predictor: Predictor,
) -> None:
    line = a_line(predictor, encoding=Encoding.OPUS)
    for data in (SILENT_START, *[silent_page(15.3)] * 6):
        line.receive(data, 92.0)
    line.end(EndReason.HUNG_UP)
    received_s, more = [], True
    while more:
        _, more = line.hear(92.0)
        received_s.append(round(line.received_s))
    assert sorted({*received_s}) == [31, 61, 92]
    assert (line.failure, line.ended_as, line.call.dropped_s) == (None, "hung_up", 0.0)
    assert line.call.heard_s == pytest.approx(91.8, abs=0.1)


def test_events_of_a_backlog_are_kept_for_who_comes_back(predictor: Predictor) -> None:
    line = a_line(predictor, channels=2)
    often = np.tile(np.pad(spoken(1.2), 8_000), 20)  # begins and ends 20 times
    line.receive(np.stack([often] * 2, axis=1).tobytes(), 0.0)
    more = True
    while more:
        _, more = line.hear(0.0)
    assert line.number > 120
    assert [told.number for told in line.since(0)] == list(range(1, line.number + 1))


def test_what_comes_after_the_end_is_left_out(predictor: Predictor) -> None:
    line = a_line(predictor)
    line.receive(spoken(5).tobytes(), 0.0)
    line.end(EndReason.DRAINED)
    for _ in range(3):
        line.receive(spoken(1).tobytes(), 0.0)
        assert line.skip_to(line.received_bytes + 32_000, 0.0)
        line.hear(0.0)
    assert line.over
    assert (line.call.heard_s, line.received_bytes) == (5.0, 160_000)


def test_end_that_comes_with_the_last_audio_cuts_nothing_off(predictor: Predictor) -> None:
    line = a_line(predictor, rate_hz=8_000)
    line.receive(bytes(16_000), 0.0)
    line.end(EndReason.FINISHED)
    while not line.over:
        line.hear(0.0)
    assert line.call.heard_s == 1.0


def test_damage_at_the_end_is_told(predictor: Predictor) -> None:
    line = a_line(predictor, encoding=Encoding.OPUS)
    line.receive(opus(as_float(spoken(1))[:, None], 16_000) + bytes(300), 0.0)
    line.end(EndReason.FINISHED)
    while not line.over:
        line.hear(0.0)
    assert line.ended_as == "error"
    assert line.failure is not None and "damaged" in line.failure
    assert line.call.heard_s > 0.9


@pytest.mark.parametrize("encoding", [Encoding.MULAW, Encoding.ALAW])
def test_half_a_frame_before_a_gap_is_completed_by_silence(
    predictor: Predictor, encoding: Encoding
) -> None:
    line = a_line(predictor, channels=2, encoding=encoding)
    blocks: list[np.ndarray] = []
    line.on_audio.append(lambda block: None if isinstance(block, int) else blocks.append(block))
    line.receive({Encoding.MULAW: b"\xff", Encoding.ALAW: b"\xd5"}[encoding] * 31_999, 0.0)
    assert line.skip_to(64_000, 0.0)
    line.end(EndReason.FINISHED)
    while not line.over:
        line.hear(0.0)
    samples = np.concatenate(blocks)
    assert len(samples) == 16_000
    assert np.abs(samples).max() < 0.001


def test_what_is_lost_is_counted_where_it_was_lost(predictor: Predictor) -> None:
    metrics = Metrics()
    engine = Engine(lambda _: None, lambda _: None, metrics, clock=lambda: 6.0)
    line = a_line(predictor, channels=2)
    line.receive(spoken(2).tobytes(), 0.0)
    assert line.skip_to(3 * 64_000, 0.0)
    line.receive(spoken(2).tobytes(), 6.0)
    assert line.skip_to(5 * 64_000, 6.0)
    engine.end(line, EndReason.FINISHED)
    engine.start()
    engine.stop()
    page = metrics.page().decode()
    assert 'tonewatch_dropped_seconds_total{where="queue"} 2.0' in page
    assert 'tonewatch_dropped_seconds_total{where="source"} 6.0' in page
    assert line.call.dropped_s == 8.0
