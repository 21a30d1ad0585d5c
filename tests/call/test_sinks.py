import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonewatch.call.events import CallEnded, CallEvent, CallWarned, EndReason, Heard
from tonewatch.call.roles import Role
from tonewatch.call.sinks import Hub, Subscription
from tonewatch.core.errors import SettingsError
from tonewatch.core.events import NoSpeech, SpeechStarted

PATIENCE_S = 60.0  # far more than any of these needs, on a machine that is busy


def warned(number: int) -> CallEvent:
    return CallWarned("c1", str(number), "")


def window(start_s: float, channel: int = 0, call_id: str = "c1") -> CallEvent:
    return Heard(call_id, channel, Role.CALLER, NoSpeech(start_s, start_s + 3))


def codes(events: list[CallEvent]) -> list[int]:
    return [int(event.code) for event in events if isinstance(event, CallWarned)]


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    yield hub
    hub.close()


def test_everybody_hears_everything_in_order(hub: Hub) -> None:
    first = hub.subscribe("store", capacity=10)
    hub.publish([warned(0)])
    second = hub.subscribe("dashboard", capacity=10)
    hub.publish([warned(1), warned(2)])
    hub.publish([])
    assert codes(first.take()) == [0, 1, 2]
    assert codes(second.take()) == [1, 2]
    assert first.lost_events == second.lost_events == 0
    assert [each.name for each in hub] == ["store", "dashboard"]


@given(st.lists(st.integers(-1, 5), max_size=60), st.integers(1, 6))
def test_a_full_buffer_loses_the_oldest_and_counts_them(steps: list[int], capacity: int) -> None:
    """-1 reads one event; other numbers publish so many."""
    hub = Hub()
    slow, fast = hub.subscribe("slow", capacity=capacity), hub.subscribe("fast", capacity=1000)
    sent, expected, lost, read = 0, list[int](), 0, list[int]()
    for step in steps:
        if step < 0:
            event = slow.get(timeout=0)
            assert (event is None) == (not expected)
            read += codes([event]) if event else []
            assert event is None or read[-1] == expected.pop(0)
            continue
        hub.publish([warned(sent + k) for k in range(step)])
        expected += range(sent, sent + step)
        sent += step
        while len(expected) > capacity:
            expected.pop(0)
            lost += 1
        assert len(slow) == len(expected)
        assert slow.lost_events == lost
    assert codes(slow.take()) == expected
    assert codes(fast.take()) == list(range(sent))
    assert fast.lost_events == 0
    assert len(read) + len(expected) + lost == sent


def test_lost_seconds_are_those_of_lost_windows_counted_once(hub: Hub) -> None:
    slow = hub.subscribe("slow", capacity=1)
    for start_s in (0.0, 1.0, 2.0):
        hub.publish([window(start_s)])
    assert slow.lost_s == 4  # 0 to 3, 1 to 4
    hub.publish([window(10.0, channel=1), window(0.0, call_id="c2")])
    assert slow.lost_s == 4 + 1 + 3
    hub.publish([Heard("c1", 0, Role.CALLER, SpeechStarted(3.0)), warned(1)])
    assert slow.lost_s == 8 + 3
    assert slow.lost_events == 6
    assert codes(slow.take()) == [1]


def test_what_is_remembered_of_a_call_ends_with_it(hub: Hub) -> None:
    slow = hub.subscribe("slow", capacity=1)
    for number in range(50):
        ended = CallEnded(
            str(number), datetime(2026, 1, 2, tzinfo=UTC), EndReason.FINISHED, 3.0, 0.0, None
        )
        hub.publish([window(0.0, call_id=str(number)), ended])
    slow.take()
    assert slow.lost_s == 150
    assert not slow._lost_until_s


def test_a_thread_waits_for_what_comes(hub: Hub) -> None:
    subscription = hub.subscribe("store", capacity=10)
    came: list[CallEvent | None] = []
    reader = threading.Thread(target=lambda: came.append(subscription.get(PATIENCE_S)))
    reader.start()
    hub.publish([warned(1)])
    reader.join(PATIENCE_S)
    assert came == [warned(1)]
    assert subscription.get(timeout=0.01) is None


def test_many_threads_publish_and_nothing_is_lost_or_mixed(hub: Hub) -> None:
    subscription = hub.subscribe("store", capacity=10_000)

    def publish(first: int) -> None:
        for number in range(first, first + 500):
            hub.publish([warned(number)])

    writers = [threading.Thread(target=publish, args=[n]) for n in (0, 1000, 2000, 3000)]
    for writer in writers:
        writer.start()
    came = [subscription.get(PATIENCE_S) for _ in range(2000)]
    for writer in writers:
        writer.join(PATIENCE_S)
    numbers = codes([event for event in came if event is not None])
    for first in (0, 1000, 2000, 3000):
        assert [n for n in numbers if first <= n < first + 500] == list(range(first, first + 500))


def test_async_reading_of_what_a_thread_publishes(hub: Hub) -> None:
    subscription = hub.subscribe("dashboard", capacity=10_000)

    def publish() -> None:
        for number in range(300):
            hub.publish([warned(number)])
        subscription.close()

    async def read() -> list[CallEvent]:
        writer = threading.Thread(target=publish)
        writer.start()
        events = [event async for event in subscription]
        writer.join(PATIENCE_S)
        return events

    assert codes(asyncio.run(asyncio.wait_for(read(), PATIENCE_S))) == list(range(300))


def test_async_reading_in_the_loop_that_publishes(hub: Hub) -> None:
    subscription = hub.subscribe("dashboard", capacity=10)

    async def run() -> list[CallEvent]:
        task = asyncio.create_task(anext(subscription))
        await asyncio.sleep(0)
        hub.publish([warned(1), warned(2)])
        return [await task, await anext(subscription)]

    assert codes(asyncio.run(asyncio.wait_for(run(), PATIENCE_S))) == [1, 2]


def test_a_reader_that_gave_up_takes_nothing_with_it(hub: Hub) -> None:
    subscription = hub.subscribe("dashboard", capacity=10)

    async def run() -> CallEvent:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(subscription), 0.01)
        assert not subscription._waiting
        hub.publish([warned(1)])
        return await anext(subscription)

    assert asyncio.run(asyncio.wait_for(run(), PATIENCE_S)) == warned(1)


def test_a_reader_whose_loop_is_gone_hurts_nobody(hub: Hub) -> None:
    gone, here = hub.subscribe("gone", capacity=10), hub.subscribe("here", capacity=10)
    loop = asyncio.new_event_loop()
    loop.close()
    gone._waiting.add((loop, asyncio.Event()))
    hub.publish([warned(1)])
    assert codes(here.take()) == [1]


def test_closing_lets_readers_end_with_what_waits(hub: Hub) -> None:
    with hub.subscribe("dashboard", capacity=10) as subscription:
        hub.publish([warned(1)])
    hub.publish([warned(2)])
    assert subscription.closed
    assert list(hub) == []
    assert subscription.get() == warned(1)
    assert subscription.get() is None

    async def read() -> list[CallEvent]:
        return [event async for event in subscription]

    assert asyncio.run(read()) == []


def test_a_closed_hub_closes_all_and_those_to_come(hub: Hub) -> None:
    before = hub.subscribe("before", capacity=1)
    waiting = threading.Thread(target=before.get)
    waiting.start()
    hub.close()
    waiting.join(PATIENCE_S)
    assert not waiting.is_alive()
    assert before.closed
    assert hub.subscribe("after", capacity=1).closed


def test_capacity_must_be_positive() -> None:
    with pytest.raises(SettingsError, match="room for 1 or more"):
        Subscription("store", 0)
