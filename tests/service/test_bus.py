"""The bus alone, and two of them on a real Redis; processes are in `live/test_faults.py`."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
import redis

from service.live.processes import redis_url
from service.live.test_live import wait_for
from service.running import Clock
from tonewatch.call.events import (
    Assessed,
    AudioDropped,
    CallEnded,
    CallEvent,
    CallStarted,
    CallWarned,
    EndReason,
    Heard,
)
from tonewatch.call.roles import Role
from tonewatch.core.errors import SettingsError
from tonewatch.core.events import (
    EmotionEstimated,
    NoSpeech,
    NotTranscribed,
    PhraseSpotted,
    Word,
    WordsRecognised,
)
from tonewatch.service import bus as bus_module
from tonewatch.service.bus import Bus
from tonewatch.service.live_call import LiveCall

CLOCK = Clock()
STARTED = CallStarted("c", CLOCK(), (Role.CALLER,), {"desk": "4"}, "voice", "0" * 64, 0.6)
ESTIMATE = Heard(
    "c", 0, Role.CALLER, EmotionEstimated(0.0, 3.0, "calm", 0.7, True, {"calm": 1.0}, 2.0)
)
SILENCE = Heard("c", 0, Role.CALLER, NoSpeech(1.0, 4.0))
WARNED = CallWarned("c", "clipped", "too loud")
WORDS = [
    Heard("c", 0, Role.CALLER, WordsRecognised(0.0, 1.0, (), False)),
    Heard("c", 0, Role.CALLER, WordsRecognised(0.0, 2.0, (Word("fire", 0.0, 1.0, 0.9),), True)),
    Heard("c", 0, Role.CALLER, NotTranscribed(2.0, 3.0)),
    Heard("c", 0, Role.CALLER, PhraseSpotted(2.0, 2.5, "plane crash")),
]
ASSESSED = Assessed("c", 4.0, {"value": 0.7}, {"value": 0.1}, "1")
ENDED = CallEnded("c", CLOCK(), EndReason.FINISHED, 4.0, 0.5, None)
EVENTS: list[CallEvent] = [
    STARTED,
    ESTIMATE,
    SILENCE,
    WARNED,
    AudioDropped("c", 0, 4.0, 0.5),
    *WORDS,
    ASSESSED,
]
KNOWN = LiveCall(
    STARTED, "here", 4.0, SILENCE, ESTIMATE, (WARNED,), 0.5, ASSESSED, tuple(WORDS[1:])
)


def test_live_calls_are_known_until_they_end() -> None:
    bus = Bus("", "here", CLOCK)
    bus.start()
    heard, local = bus.subscribe("page", capacity=20), bus.local.subscribe("store", capacity=20)
    bus.publish(EVENTS)
    assert bus.calls() == (KNOWN,)
    assert bus.call("c") == KNOWN
    assert bus.elsewhere() == frozenset()
    bus.publish([ENDED])
    assert bus.calls() == ()
    assert heard.take() == local.take() == [*EVENTS, ENDED]
    assert set(bus.subscriptions()) == {heard, local}
    bus.close()
    assert heard.closed


def test_words_of_the_last_minute_stay_and_what_is_taken_back_goes() -> None:
    call = KNOWN.after(Heard("c", 0, Role.CALLER, WordsRecognised(61.5, 62.0, (), True)))
    assert [heard.event.start_s for heard in call.words] == [2.0, 2.0, 61.5]
    assert call.after(Assessed("c", 63.0, {}, {}, "1 (off)")).assessment is None


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    url = redis_url()
    yield url
    client = redis.Redis.from_url(url)
    client.flushdb()
    client.close()


def test_calls_of_another_process(url: str) -> None:
    here, there = Bus(url, "here", CLOCK), Bus(url, "there", CLOCK)
    here.start()
    here.publish(EVENTS)
    there.start()  # the call began before it listened
    try:
        wait_for(lambda: True if there.calls() == (KNOWN,) else None)
        assert there.elsewhere() == {"c"}
        assert here.elsewhere() == frozenset()
        heard, local = there.subscribe("page", capacity=20), there.local.subscribe("x", capacity=10)
        here.publish([ENDED])
        wait_for(lambda: None if there.calls() else True)
        assert heard.take()[-1] == ENDED
        assert local.take() == []
    finally:
        here.close()
        there.close()


def test_calls_of_the_dead_end_whatever_the_others_tell(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_module, "_LOOK_EVERY_S", 1.0)
    with redis.Redis.from_url(url) as client:
        snapshot = LiveCall(replace(STARTED, call_id="d"), "dead").to_json()
        client.set("tonewatch:call:d", snapshot, ex=2)
    here, there = Bus(url, "here", CLOCK), Bus(url, "there", CLOCK)
    here.start()
    there.start()
    try:
        assert there.call("d") is not None
        here.publish([STARTED])
        n_turns = 0
        while there.call("d") is not None:
            assert (n_turns := n_turns + 1) < 300, "it is still there"
            here.publish([ESTIMATE])
            time.sleep(0.05)
        assert there.elsewhere() == {"c"}
    finally:
        here.publish([ENDED])
        here.close()
        there.close()


def test_what_is_no_event_does_no_harm(url: str) -> None:
    here, there = Bus(url, "here", CLOCK), Bus(url, "there", CLOCK)
    client = redis.Redis.from_url(url)
    client.set("tonewatch:call:x", "{", ex=600)
    channel = f"tonewatch:{url.rsplit('/', 1)[1]}:events"
    here.start()
    there.start()
    try:
        wait_for(lambda: True if client.pubsub_numsub(channel)[0][1] == 2 else None)
        for text in ("{", "[]", '{"process": "z", "events": [{"type": "x"}]}'):
            client.publish(channel, text)
        here.publish(EVENTS)
        wait_for(lambda: there.call("c"))
    finally:
        here.publish([ENDED])
        here.close()
        there.close()
        client.close()


def test_redis_that_is_not_there() -> None:
    bus = Bus("redis://127.0.0.1:1", "here", CLOCK)
    with pytest.raises(SettingsError, match="expected an answer of Redis"):
        bus.start()
    bus.close()
    with pytest.raises(SettingsError, match="redis://"):
        Bus("no address", "here", CLOCK)
