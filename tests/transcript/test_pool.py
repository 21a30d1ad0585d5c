import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tonewatch.core.errors import BadSamplesError, CallError, TranscriptError
from tonewatch.core.events import Event, NotTranscribed, WordsRecognised
from tonewatch.transcript.pool import Pool
from tonewatch.transcript.schedule import PoolSettings
from tonewatch.transcript.segments import SegmentSettings
from tonewatch.transcript.worker import MakeRecogniser, Worker
from transcript.echoing import DIES, FAILS, HANGS, Echoing, Unloadable, spoken

QUICK = PoolSettings(segments=SegmentSettings(lead_s=0.0))


class Listener:
    """Keeps what it is told, and from which threads."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int, Event]] = []
        self.closed: list[str] = []
        self.threads: set[str] = set()
        self._changed = threading.Condition()

    def event(self, call_id: str, channel: int, event: Event) -> None:
        with self._changed:
            self.threads.add(threading.current_thread().name)
            self.told.append((call_id, channel, event))
            self._changed.notify_all()

    def over(self, call_id: str) -> None:
        with self._changed:
            self.closed.append(call_id)
            self._changed.notify_all()

    def wait(self, until: Callable[[], bool], timeout_s: float = 20.0) -> None:
        with self._changed:
            assert self._changed.wait_for(until, timeout_s), self.told

    def final(self, call_id: str = "a", channel: int = 0) -> list[str]:
        return [
            word.text
            for call, on, event in list(self.told)
            if (call, on) == (call_id, channel)
            and isinstance(event, WordsRecognised)
            and event.final
            for word in event.words
        ]

    def gaps(self, call_id: str = "a") -> list[NotTranscribed]:
        return [
            event
            for call, _, event in list(self.told)
            if call == call_id and isinstance(event, NotTranscribed)
        ]


@contextmanager
def pool(
    listener: Listener,
    make: MakeRecogniser = Echoing,
    workers: int = 1,
    settings: PoolSettings = QUICK,
) -> Iterator[Pool]:
    running = Pool(make, workers, listener.event, on_closed=listener.over, settings=settings)
    try:
        yield running
    finally:
        running.stop()


def say(running: Pool, *numbers: float, call_id: str = "a", channel: int = 0) -> None:
    running.speech(call_id, channel, 0.0, None)
    for number in numbers:
        running.push(call_id, channel, spoken(number))


def test_words_come_with_their_call_and_channel() -> None:
    listener = Listener()
    with pool(listener, workers=2) as running:
        assert running.ready(30)
        for call_id, channel, number in (("a", 0, 1), ("a", 1, 2), ("b", 0, 3)):
            running.open(call_id, channel)
            say(running, number, number, call_id=call_id, channel=channel)
        running.close("a")
        running.close("b")
        listener.wait(lambda: sorted(listener.closed) == ["a", "b"])
    assert listener.final("a", 0) == ["1", "1"]
    assert listener.final("a", 1) == ["2", "2"]
    assert listener.final("b", 0) == ["3", "3"]
    assert not listener.gaps("a") + listener.gaps("b")
    assert listener.threads == {"words-tell"}


def test_silence_is_not_heard_and_times_are_those_of_the_stream() -> None:
    listener = Listener()
    with pool(listener) as running:
        running.open("a", 0)
        running.push("a", 0, spoken(5, 3.0))
        running.push("a", 0, spoken(1))
        running.speech("a", 0, 3.0, None)
        running.speech("a", 0, 3.0, 3.1)
        running.push("a", 0, spoken(5, 3.0))
        running.close("a")
        listener.wait(lambda: listener.closed == ["a"])
    (event,) = [event for _, _, event in listener.told if getattr(event, "final", False)]
    assert isinstance(event, WordsRecognised)
    assert (event.start_s, event.end_s) == pytest.approx((3.0, 3.1))
    assert [word.text for word in event.words] == ["1"]


def test_a_burst_is_heard_and_what_is_too_much_of_it_is_told() -> None:
    listener = Listener()
    with pool(listener) as running:
        running.open("a", 0)
        running.judged("a", 0, 0.0)
        for second in range(40):
            running.push("a", 0, spoken(second, 1.0))
        running.speech("a", 0, 4.0, None)
        running.close("a")
        listener.wait(lambda: listener.closed == ["a"])
    assert listener.gaps() == [NotTranscribed(4.0, 10.0)]
    assert listener.final()[::10] == [str(second) for second in range(10, 40)]


def test_a_process_that_dies_is_replaced_and_what_it_held_is_told() -> None:
    listener = Listener()
    with pool(listener) as running:
        running.open("a", 0)
        say(running, 1, DIES)
        listener.wait(lambda: bool(listener.gaps()))
        say(running, 2)
        running.close("a")
        listener.wait(lambda: listener.closed == ["a"])
    (gap,) = listener.gaps()
    assert (gap.start_s, gap.end_s) == pytest.approx((0.0, 0.2))
    assert listener.final() == ["2"]


def test_a_process_that_hangs_is_replaced() -> None:
    listener = Listener()
    settings = PoolSettings(answer_within_s=0.5, segments=SegmentSettings(lead_s=0.0))
    with pool(listener, settings=settings) as running:
        running.open("a", 0)
        say(running, HANGS)
        listener.wait(lambda: bool(listener.gaps()))
        say(running, 2)
        running.close("a")
        listener.wait(lambda: listener.closed == ["a"])
    assert listener.final() == ["2"]


def test_a_recogniser_that_fails_goes_on_with_the_next_utterance() -> None:
    listener = Listener()
    with pool(listener) as running:
        running.open("a", 0)
        say(running, FAILS)
        listener.wait(lambda: bool(listener.gaps()))
        say(running, 2)
        running.close("a")
        listener.wait(lambda: listener.closed == ["a"])
    assert listener.final() == ["2"]


def test_a_model_that_cannot_be_loaded_is_told_why() -> None:
    listener = Listener()
    with pool(listener, Unloadable) as running, pytest.raises(TranscriptError, match="name its"):
        running.ready(30)


def test_a_process_that_cannot_be_started_is_told_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries = 0

    def start(make: MakeRecogniser, nice: int) -> Worker:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return Worker(make, nice)

    monkeypatch.setattr("tonewatch.transcript.pool.Worker", start)
    listener = Listener()
    with pool(listener) as running:
        with pytest.raises(TranscriptError, match=r"cannot be started.*Too many open files"):
            running.ready(30)
        running.open("a", 0)
        say(running, 1)
        running.close("a")
        listener.wait(lambda: listener.closed == ["a"])
    assert listener.final() == ["1"]


def test_nobody_waits_for_a_process_that_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def start(make: MakeRecogniser, nice: int) -> Worker:
        begun.set()
        go_on.wait(20.0)
        return Worker(make, nice)

    monkeypatch.setattr("tonewatch.transcript.pool.Worker", start)
    with pool(Listener()) as running:
        assert begun.wait(20.0)
        began = time.monotonic()
        running.open("a", 0)
        say(running, 1)
        assert time.monotonic() - began < 5.0
        go_on.set()


def test_a_process_that_started_after_the_stop_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on, made = threading.Event(), threading.Event(), list[Worker]()

    def start(make: MakeRecogniser, nice: int) -> Worker:
        begun.set()
        go_on.wait(20.0)
        made.append(Worker(make, nice))
        return made[0]

    monkeypatch.setattr("tonewatch.transcript.pool.Worker", start)
    running = Pool(Echoing, 1, Listener().event, settings=QUICK)
    assert begun.wait(20.0)
    stopping = threading.Thread(target=running.stop)
    stopping.start()
    while not running._stopped:
        time.sleep(0.01)
    go_on.set()
    stopping.join(20.0)
    assert not stopping.is_alive()
    (worker,) = made
    assert not worker._process.is_alive()


def test_under_overload_the_urgent_call_is_heard_and_the_others_are_given_up() -> None:
    """Four calls of 2 s each for a worker that does one in real time, four times slower."""
    listener = Listener()
    settings = PoolSettings(longest_wait_s=1.0, utterances=2, segments=SegmentSettings(lead_s=0.0))
    with pool(listener, partial(Echoing, 0.9), settings=settings) as running:
        assert running.ready(30)
        calls = ["a", "b", "c", "urgent"]
        for call_id in calls:
            running.open(call_id, 0)
            running.speech(call_id, 0, 0.0, None)
        running.set_priority("urgent", 1.0)
        for tenth in range(20):
            for call_id in calls:
                running.push(call_id, 0, spoken(tenth))
            time.sleep(0.1)
        for call_id in calls:
            running.close(call_id)
        listener.wait(lambda: sorted(listener.closed) == sorted(calls))
    assert listener.final("urgent") == [str(tenth) for tenth in range(20)]
    assert not listener.gaps("urgent")
    given_up_s = sum(gap.end_s - gap.start_s for call in "abc" for gap in listener.gaps(call))
    heard = sum(len(listener.final(call)) for call in "abc")
    assert given_up_s > 2.0
    assert given_up_s + heard / 10 == pytest.approx(6.0)  # nothing is lost in silence


def test_pushing_never_waits_for_the_worker() -> None:
    listener = Listener()
    with pool(listener, partial(Echoing, 5.0)) as running:
        assert running.ready(30)
        running.open("a", 0)
        say(running, 1)
        began = time.monotonic()
        for _ in range(100):
            running.push("a", 0, spoken(2))
        assert time.monotonic() - began < 2.0
        assert running.waiting_s() > 5.0


def test_stopping_tells_what_was_not_heard() -> None:
    listener = Listener()
    with pool(listener, partial(Echoing, 50.0)) as running:
        assert running.ready(30)
        running.open("a", 0)
        say(running, *range(30))
    assert sum(gap.end_s - gap.start_s for gap in listener.gaps()) == pytest.approx(3.0)
    running.push("a", 0, spoken(1))  # nothing is taken any more, and nothing breaks
    running.stop()


def test_a_listener_that_breaks_does_not_end_the_others_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    listener = Listener()

    def event(call_id: str, channel: int, told: Event) -> None:
        listener.event(call_id, channel, told)
        if call_id == "a":
            raise ValueError("broken")

    running = Pool(Echoing, 1, event, on_closed=listener.over, settings=QUICK)
    for call_id in ("a", "b"):
        running.open(call_id, 0)
        say(running, 1, call_id=call_id)
        running.close(call_id)
    listener.wait(lambda: sorted(listener.closed) == ["a", "b"])
    running.stop()
    assert listener.final("b") == ["1"]
    assert "broken" in caplog.text


def test_its_processes_are_less_urgent_than_this_one(tmp_path: Path) -> None:
    listener = Listener()
    with pool(listener) as running:
        assert running.ready(30)
        (worker,) = running._workers.values()
        assert worker.pid is not None
        mine = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, worker.pid) == min(mine + 10, 19)


def test_what_cannot_be_heard_is_refused() -> None:
    with pool(Listener()) as running:
        with pytest.raises(CallError, match="open"):
            running.push("a", 0, spoken(1))
        running.open("a", 0)
        with pytest.raises(BadSamplesError):
            running.push("a", 0, np.array([np.nan], np.float32))
