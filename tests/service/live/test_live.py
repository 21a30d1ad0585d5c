"""A call from the first message to the last: heard as the analyser hears it, told, kept."""

import io
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from call.streams import interleaved, opus
from service.live.talk import Talk, as_float, key, sample_call, spoken, windows
from service.running import Service
from tonewatch.call.formats import Encoding
from tonewatch.core.events import EmotionEstimated, NoSpeech
from tonewatch.inference.analyser import Analyser
from tonewatch.store.calls import CallRecord, CallState
from tonewatch.store.recordings import Recording
from voices import babble

T = TypeVar("T")


def wait_for(look: Callable[[], T | None]) -> T:
    """What `look` finds; it asks again for five minutes."""
    for _ in range(3000):
        if (found := look()) is not None:
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come about")


def ended(service: Service, call_id: str) -> CallRecord:
    def look() -> CallRecord | None:
        found = service.state.calls.list(search=call_id).items
        return found[0] if found and found[0].state is not CallState.LIVE else None

    return wait_for(look)


def recording_of(service: Service, call_id: str) -> Recording:
    def look() -> Recording | None:
        found = service.state.recordings.list(call_id=call_id).items
        return found[0] if found else None

    return wait_for(look)


def told_by_analyser(samples: NDArray[np.int16]) -> list[tuple[float, float, str | None]]:
    analyser = Analyser("voice")
    events = analyser.push(as_float(samples)) + analyser.finish()
    return [
        (e.start_s, e.end_s, getattr(e, "label", None))
        for e in events
        if isinstance(e, EmotionEstimated | NoSpeech)
    ]


def told(talk: Talk) -> list[tuple[float, float, str | None]]:
    return [(w["start_s"], w["end_s"], w.get("label")) for w in talk.windows()]


def test_call_is_heard_as_the_analyser_hears_it_and_kept(service: Service) -> None:
    samples = sample_call()[: 9 * 16_000]
    with Talk(service.url, key(service)) as talk:
        call_id = talk.open(metadata={"number": "+49 30 1234"})
        talk.send(samples, 777)  # half samples at each cut
        assert talk.hang_up() == (1000, "")
    expected = told_by_analyser(samples)
    assert told(talk) == expected
    assert any(label for _, _, label in expected)
    numbers = [message["number"] for message in talk.heard[1:]]
    assert numbers == list(range(1, len(numbers) + 1))
    last = talk.heard[-1]
    assert (last["type"], last["reason"], last["dropped_s"]) == ("call_ended", "finished", 0.0)

    call = ended(service, call_id)
    assert (call.state, call.reason) == (CallState.ENDED, "finished")
    assert call.metadata == {"number": "+49 30 1234"}
    assert call.duration_s == pytest.approx(9.0)
    assert call.emotion == last["emotion"]
    kept = service.state.calls.windows(call_id)
    assert [(w.start_s, w.end_s, w.label) for w in kept] == expected

    shown = service.state.audit.about([f"call:{call_id}"])
    assert [entry.action for entry in shown] == ["call.started", "result.shown"]
    assert shown[1].details["bundle"]["sha256"] == service.state.predictor.bundle.sha256
    assert len(shown[1].details["windows"]) == sum(label is not None for _, _, label in expected)
    assert "(key " in shown[1].actor

    recording = recording_of(service, call_id)
    with service.state.blobs.open(recording.sha256) as file:
        audio, rate_hz = soundfile.read(io.BytesIO(file.read()), dtype="int16")
    assert rate_hz == 16_000
    np.testing.assert_array_equal(audio, samples)


def test_call_taker_is_recorded_and_never_scored(service: Service) -> None:
    caller, taker = spoken(5, "sad"), spoken(5, "angry", 1)
    with Talk(service.url, key(service)) as talk:
        call_id = talk.open(channels=["caller", "call_taker"])
        talk.send(np.stack([caller, taker], axis=1))
        talk.hang_up()
    heard = [message for message in talk.heard if message["type"] == "heard"]
    assert {message["role"] for message in heard} == {"caller"}
    assert told(talk) == told_by_analyser(caller)
    recording = recording_of(service, call_id)
    with service.state.blobs.open(recording.sha256) as file:
        audio, _ = soundfile.read(io.BytesIO(file.read()), dtype="int16")
    np.testing.assert_array_equal(audio, np.stack([caller, taker], axis=1))


@pytest.mark.parametrize("encoding", ["mulaw", "alaw", "opus"])
def test_other_encodings(service: Service, encoding: str) -> None:
    samples = as_float(spoken(5.2))[:, None]
    is_opus = encoding == "opus"
    data = opus(samples, 16_000) if is_opus else interleaved(samples, Encoding(encoding))
    with Talk(service.url, key(service)) as talk:
        talk.open(encoding=encoding)
        talk.send(data, 1000)
        assert talk.hang_up()[0] == 1000
    assert [(start, end) for start, end, _ in told(talk)][:3] == [(0, 3), (1, 4), (2, 5)]
    assert talk.heard[-1]["duration_s"] == pytest.approx(5.2, abs=0.1)


def test_recording_is_left_out_on_demand(service: Service) -> None:
    with Talk(service.url, key(service)) as talk:
        quiet = talk.open(record=False)
        talk.send(spoken(4))
        talk.hang_up()
    with Talk(service.url, key(service)) as talk:
        talk_id = talk.open()
        talk.send(spoken(4))
        talk.hang_up()
    recording_of(service, talk_id)  # written later than the first would have been
    assert service.state.recordings.list(call_id=quiet).items == ()


def test_resumed_call_loses_nothing(service: Service) -> None:
    samples, secret = sample_call()[: 8 * 16_000], key(service)
    data = samples.astype("<i2").tobytes()
    with Talk(service.url, secret) as first:
        call_id = first.open()
        first.send(data[:163_001])
        first.until("emotion_estimated")
        seen = first.heard[-1]["number"]
        first.vanish()
    with Talk(service.url, secret) as second:
        second.say("resume", call_id=call_id, event=seen)
        resumed = second.next()
        assert resumed["type"] == "resumed"
        assert 96_000 <= resumed["received_bytes"] <= 163_001
        second.send(data[resumed["received_bytes"] :])
        assert second.hang_up()[0] == 1000
    numbers = [m["number"] for m in [*first.heard[1:], *second.heard[1:]]]
    assert numbers == list(range(1, len(numbers) + 1))
    both = windows([*first.heard, *second.heard])
    assert [(w["start_s"], w["end_s"], w.get("label")) for w in both] == told_by_analyser(samples)
    assert ended(service, call_id).dropped_s == 0


def test_bytes_sent_twice_are_heard_once(service: Service) -> None:
    samples, secret = spoken(6), key(service)
    data = samples.tobytes()
    with Talk(service.url, secret) as first:
        call_id = first.open()
        first.send(data[:128_000])
        first.until("emotion_estimated")
        first.vanish()
    with Talk(service.url, secret) as second:
        second.say("resume", call_id=call_id, position=32_000)
        second.send(data[32_000:])
        second.hang_up()
    assert told(second) == told_by_analyser(samples)  # event 0: all are told again


def test_what_is_played_twice_is_told_and_is_a_sign_to_check(service: Service) -> None:
    with Talk(service.url, key(service)) as talk:
        talk.open()
        played = np.concatenate([clip := babble(4, 1), babble(1, 2), clip, babble(0.8, 3)])
        talk.send((32_767 * played).astype(np.int16))
        repeat = talk.until("sound_repeated")["event"]
        assert repeat["start_s"] - repeat["earlier_s"] == pytest.approx(5.0, abs=0.07)
        while not (parts := parts_of(talk.until("assessed")["check"], "replayed_audio")):
            pass
        talk.hang_up()
    assert parts[0]["start_s"] == repeat["start_s"]
    assert parts[0]["numbers"]["earlier_s"] == repeat["earlier_s"]


def parts_of(score: dict[str, Any], cue: str) -> list[dict[str, Any]]:
    return [part for part in score.get("contributions", []) if part["cue"] == cue]


def test_what_was_lost_on_the_way_is_told(service: Service) -> None:
    secret = key(service)
    with Talk(service.url, secret) as first:
        call_id = first.open()
        first.send(spoken(3).tobytes()[:-1])
        first.until("heard")
        first.vanish()
    with Talk(service.url, secret) as second:
        second.say("resume", call_id=call_id, position=5 * 32_000)
        second.send(spoken(2))
        second.hang_up()
    lost = [m for m in second.heard if m["type"] == "audio_dropped"]
    assert [(m["start_s"], m["duration_s"]) for m in lost] == [(pytest.approx(3), pytest.approx(2))]
    assert second.heard[-1]["duration_s"] == pytest.approx(7)
    assert ended(service, call_id).dropped_s == pytest.approx(2, abs=0.01)


def test_second_connection_takes_the_call_over(service: Service) -> None:
    secret = key(service)
    with Talk(service.url, secret) as first, Talk(service.url, secret) as second:
        call_id = first.open()
        second.say("resume", call_id=call_id)
        assert first.closed()[0] == 4409
        second.send(spoken(4))
        assert second.hang_up()[0] == 1000


def test_closing_without_a_word_hangs_up(service: Service) -> None:
    with Talk(service.url, key(service)) as talk:
        call_id = talk.open()
        talk.send(spoken(3.5))
        talk.until("heard")
        talk.socket.close(1000)
    assert ended(service, call_id).reason == "hung_up"
