"""Processes that are killed, stopped, or lose their database: what was heard is kept."""

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url
from websockets.exceptions import ConnectionClosed

from service.live.processes import Proxy, redis_url, secret_in, serving
from service.live.talk import Talk, spoken, windows
from service.live.test_live import wait_for
from store.servers import new_database
from tonewatch.service.bus import Bus
from tonewatch.store.blobs import FolderBlobs
from tonewatch.store.calls import CallRecord, Calls, CallState
from tonewatch.store.database import Database
from tonewatch.store.recordings import Recording, Recordings

N_CALLS = 20
LOST_S = 1.0
AWAY_S = float(os.environ.get("TONEWATCH_TEST_AWAY_S", "4"))


class Sender(threading.Thread):
    """Sends a call in real time and reads what is told, until something ends it.

    Attributes:
        close: code and reason, once the connection was closed.
        sent_s: how much was sent.
    """

    def __init__(self, url: str, secret: str, seconds: float = 600, **fields: object) -> None:
        super().__init__(daemon=True)
        self.talk = Talk(url, secret)
        self.call_id = self.talk.open(**fields)
        self.close: tuple[int, str] | None = None
        self.sent_s = 0.0
        self._began = 0.0
        self._late_s: deque[float] = deque([0.0], maxlen=3)
        self._samples = spoken(5)
        self._seconds = seconds
        self._reader = threading.Thread(target=self._read, daemon=True)

    def run(self) -> None:
        self._began = time.monotonic()
        self._reader.start()
        with suppress(ConnectionClosed):
            while self.sent_s < self._seconds:
                start = int(self.sent_s * 16_000) % (len(self._samples) - 4_000)
                self.talk.send(self._samples[start : start + 3_200])
                self.sent_s += 0.2
                time.sleep(max(0.0, self._began + self.sent_s - time.monotonic()))
            self.talk.say("end")
        self._reader.join()

    def told_s(self) -> float:
        """The end of the last window that came."""
        return max((window["end_s"] for window in self.talk.windows()), default=0.0)

    def heard_s(self) -> float:
        """How much of what was sent is heard by now, as late as the last windows came."""
        return self.sent_s - max(self._late_s)

    def _read(self) -> None:
        try:
            while True:
                for window in windows([self.talk.next()]):
                    self._late_s.append(time.monotonic() - self._began - window["end_s"])
        except ConnectionClosed:
            self.close = self.talk.closed()


@contextmanager
def senders(n: int, url: str, secret: str, seconds: float = 600) -> Iterator[list[Sender]]:
    all_ = [Sender(url, secret, seconds) for _ in range(n)]
    for sender in all_:
        sender.start()
    try:
        yield all_
    finally:
        for sender in all_:
            with suppress(OSError):
                sender.talk.vanish()
        for sender in all_:
            sender.join(60)


class Kept:
    """What is in a database now."""

    def __init__(self, url: str, data_dir: Path) -> None:
        def clock() -> datetime:
            return datetime.now(UTC)

        self.database = Database(url)
        self.calls = Calls(self.database, clock)
        self.blobs = FolderBlobs(data_dir / "blobs")
        self.recordings = Recordings(self.database, clock, self.blobs)

    def __enter__(self) -> "Kept":
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()

    def heard_s(self, call_id: str) -> float:
        return max((window.end_s for window in self.calls.windows(call_id)), default=0.0)

    def recorded(self, call_id: str) -> tuple[Recording, ...] | None:
        return tuple(self.recordings.list(call_id=call_id).items) or None

    def over(self, call_id: str) -> CallRecord | None:
        call = self.calls.get(call_id)
        return None if call.state is CallState.LIVE else call


def all_told(calls: list[Sender], seconds: float) -> None:
    def look() -> bool | None:
        assert all(call.close is None for call in calls), [call.close for call in calls]
        return True if all(call.told_s() >= seconds for call in calls) else None

    wait_for(look)


def test_killed_process_loses_a_second_at_most(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    url = f"sqlite:///{data_dir / 'tonewatch.db'}"
    secret = secret_in(url)
    with serving(data_dir) as process, senders(N_CALLS, process.url, secret) as calls:
        all_told(calls, 8.0)
        before = [(call.call_id, call.heard_s(), call.told_s()) for call in calls]
        time.sleep(LOST_S)
        process.kill()
    with serving(data_dir), Kept(url, data_dir) as kept:
        for call_id, heard_s, told_s in before:
            call = kept.calls.get(call_id)
            assert (call.state, call.reason) == (CallState.INTERRUPTED, "interrupted")
            assert kept.heard_s(call_id) >= told_s
            recording = kept.recordings.list(call_id=call_id).items[0]
            assert recording.duration_s >= heard_s
            assert kept.blobs.exists(recording.sha256)
    assert not list((data_dir / "live").glob("*/recordings/*"))


def test_stopped_process_ends_and_keeps_its_calls(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    url = f"sqlite:///{data_dir / 'tonewatch.db'}"
    secret = secret_in(url)
    with serving(data_dir) as process, senders(4, process.url, secret) as calls:
        all_told(calls, 4.0)
        # Uvicorn ends by the signal itself once all is done, as systemd expects.
        assert process.stop() in (0, -signal.SIGTERM), process.log.read_text()
        for call in calls:
            call.join(60)
            assert call.close is not None
            assert call.close[0] == 1012
            assert call.talk.heard[-1]["reason"] == "drained"
    with Kept(url, data_dir) as kept:
        for call in calls:
            record = kept.calls.get(call.call_id)
            assert (record.state, record.reason) == (CallState.ENDED, "drained")
            assert kept.heard_s(call.call_id) == call.told_s()
            assert kept.recordings.list(call_id=call.call_id).items
    assert not list((data_dir / "live").iterdir())


@pytest.fixture(scope="module")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with new_database("postgresql", tmp_path_factory.getbasetemp()) as url:
        yield url


def test_database_that_is_away_loses_nothing(tmp_path: Path, postgres_url: str) -> None:
    """For 30 s with TONEWATCH_TEST_AWAY_S=30."""
    address = make_url(postgres_url)
    proxy = Proxy(address.host or "", address.port or 5432)
    by_proxy = address.set(host="127.0.0.1", port=proxy.port)
    through = by_proxy.render_as_string(hide_password=False)
    data_dir, secret = tmp_path / "data", secret_in(postgres_url)
    with (
        serving(data_dir, database_url=through) as process,
        Kept(postgres_url, data_dir) as kept,
        senders(4, process.url, secret, 10 + AWAY_S) as calls,
    ):
        all_told(calls, 4.0)
        proxy.cut()
        time.sleep(0.5)  # a transaction that was under way may still come through
        stored_s = [kept.heard_s(call.call_id) for call in calls]
        all_told(calls, max(stored_s) + AWAY_S)
        assert [kept.heard_s(call.call_id) for call in calls] == stored_s, "it was not away"
        proxy.is_open = True
        for call in calls:
            call.join(120)
            assert call.close is not None
            assert call.close[0] == 1000
            record = wait_for(partial(kept.over, call.call_id))
            assert record.reason == "finished"
            assert record.dropped_s == 0
            told = [(w["start_s"], w["end_s"], w.get("label")) for w in call.talk.windows()]
            there = kept.calls.windows(call.call_id)
            assert [(w.start_s, w.end_s, w.label) for w in there] == told
            assert there[-1].end_s >= 9 + AWAY_S
            (recording,) = wait_for(partial(kept.recorded, call.call_id))
            assert recording.duration_s == pytest.approx(call.sent_s)
            assert kept.blobs.exists(recording.sha256)
        assert process.popen.poll() is None
    proxy.close()


def test_dashboard_sees_calls_of_other_processes(tmp_path: Path, postgres_url: str) -> None:
    """The bus as a dashboard reads it, in this process, and calls in two others."""
    shared = {"database_url": postgres_url, "redis_url": redis_url(), "secret": "x" * 32}
    secret = secret_in(postgres_url)
    data_dir = tmp_path / "data"
    with serving(data_dir, **shared) as one, senders(2, one.url, secret) as calls:
        all_told(calls, 4.0)
        bus = Bus(shared["redis_url"], "dashboard", lambda: datetime.now(UTC))
        bus.start()
        heard = bus.subscribe("test", capacity=1000)
        assert {call.started.call_id for call in bus.calls()} == {c.call_id for c in calls}
        wait_for(lambda: all(call.estimate or call.window for call in bus.calls()) or None)
        with serving(data_dir, **shared) as two:
            # A second process must not take the first one's calls for dead.
            with Kept(postgres_url, data_dir) as kept:
                states = {kept.calls.get(call.call_id).state for call in calls}
                assert states == {CallState.LIVE}
            late = Sender(two.url, secret, 6, metadata={"desk": "4"})
            late.start()
            live = wait_for(lambda: bus.call(late.call_id))
            assert live.started.metadata == {"desk": "4"}
            late.join(120)
            wait_for(lambda: True if bus.call(late.call_id) is None else None)
        assert {event.call_id for event in heard.take()} == {
            late.call_id,
            *(call.call_id for call in calls),
        }
        one.kill()
        wait_for(lambda: None if bus.calls() else True)  # their snapshots expire
        reasons = [event.reason for event in heard.take() if hasattr(event, "reason")]
        assert reasons == ["interrupted"] * 2
        bus.close()
