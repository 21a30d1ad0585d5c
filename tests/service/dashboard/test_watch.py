import asyncio
from datetime import UTC, datetime

from tonewatch.call.events import CallEnded, CallEvent, CallStarted, EndReason, Heard
from tonewatch.call.roles import Role
from tonewatch.core.events import EmotionEstimated, NoSpeech, SpeechStarted
from tonewatch.service.bus import Bus
from tonewatch.service.dashboard.watch import Watch, as_mapping, row_of
from tonewatch.store.windows import Window

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STARTED = CallStarted("c", NOW, (Role.CALLER,), {}, "voice", "ab", 0.6)


def _heard(end_s: float) -> CallEvent:
    shares = {"calm": 0.25, "sad": 0.75}
    event = EmotionEstimated(end_s - 3, end_s, "sad", 0.75, True, shares, 2.0)
    return Heard("c", 0, Role.CALLER, event)


async def _until(watch: Watch, count: int) -> None:
    async with asyncio.timeout(30):
        while watch.since("c", 0)[1] < count:
            await asyncio.sleep(0.01)


def test_each_page_gets_what_is_new_to_it() -> None:
    async def run() -> None:
        bus = Bus("", "p", lambda: NOW)
        watch = Watch(bus)
        watch.start()
        bus.publish([STARTED, _heard(3), Heard("c", 0, Role.CALLER, SpeechStarted(0.5))])
        await _until(watch, 1)
        first, seen = watch.since("c", 0)
        assert first == [[0, 0, 3, "sad", 0.75, True, 0.25, 0.75]]
        bus.publish([Heard("c", 0, Role.CALLER, NoSpeech(1, 4)), _heard(5)])
        await _until(watch, 3)
        later, seen = watch.since("c", seen)
        assert [row[2:4] for row in later] == [[4, None], [5, "sad"]]
        assert watch.since("c", seen) == ([], 3)
        bus.publish([CallEnded("c", NOW, EndReason.FINISHED, 5, 0, None)])
        async with asyncio.timeout(30):
            while watch.since("c", 0)[1]:
                await asyncio.sleep(0.01)
        await watch.stop()
        bus.close()

    asyncio.run(run())


def test_only_the_last_minute_is_remembered() -> None:
    async def run() -> None:
        bus = Bus("", "p", lambda: NOW)
        watch = Watch(bus)
        watch.start()
        bus.publish([STARTED, *(_heard(end_s) for end_s in range(3, 1003))])
        await _until(watch, 1000)
        rows, count = watch.since("c", 10)
        assert count == 1000
        assert len(rows) == 60
        assert rows[-1][2] == 1002
        await watch.stop()
        bus.close()

    asyncio.run(run())


def test_a_kept_window_has_the_same_form() -> None:
    window = Window(1, 0.0, 3.0, "sad", 0.75, True, {"sad": 0.75, "calm": 0.25}, 2.0)
    row = row_of(window, ["calm", "sad"])
    assert row == [1, 0.0, 3.0, "sad", 0.75, True, 0.25, 0.75]
    assert as_mapping(row)["label"] == "sad"
    assert row_of(Window(0, 3.0, 6.0), ["calm", "sad"]) == [0, 3.0, 6.0, None, 0, False]
