"""Brings the events of live calls to every dashboard: of this process, and by Redis of all others.

A process publishes its own calls' events and keeps a snapshot of each call in Redis, which expires
when the process dies. What subscribers hear and `calls` lists is the same wherever a call runs.
Redis is a convenience of dashboards: while it is away, calls go on and are kept. It knows no socket
and no database.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime

import redis
import structlog

from tonewatch.call.events import (
    CallEnded,
    CallEvent,
    CallStarted,
    EndReason,
    from_dict,
    to_dict,
)
from tonewatch.call.sinks import Hub, Subscription
from tonewatch.core.errors import CallError, SettingsError
from tonewatch.service.live_call import LiveCall

_SEND_EVERY_S = 0.2
_SNAPSHOT_EVERY_S = 2.0
_LOOK_EVERY_S = 5.0
_EXPIRES_S = 15
_CAPACITY = 20_000
_TIMEOUT_S = 5.0

EXPIRED_AFTER_S = _EXPIRES_S + 2 * _LOOK_EVERY_S
"""Calls of a process that died so long ago are known no more."""


class _Board:
    """The live calls, by what was told of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[str, LiveCall] = {}

    def take(self, events: Iterable[CallEvent], process: str) -> None:
        with self._lock:
            for event in events:
                if isinstance(event, CallStarted):
                    self._calls[event.call_id] = LiveCall(event, process)
                elif isinstance(event, CallEnded):
                    self._calls.pop(event.call_id, None)
                elif event.call_id in self._calls:
                    self._calls[event.call_id] = self._calls[event.call_id].after(event)

    def put(self, call: LiveCall) -> None:
        with self._lock:
            self._calls[call.started.call_id] = call

    def get(self, call_id: str) -> LiveCall | None:
        with self._lock:
            return self._calls.get(call_id)

    def all(self) -> tuple[LiveCall, ...]:
        with self._lock:
            return tuple(self._calls.values())


class Bus:
    """Takes the events of this process's calls; gives those of all processes.

    Args:
        redis_url: where the other processes meet; empty is none.
        process: this process's name, unique.
        clock: the time.

    Attributes:
        local: where the events of this process's calls alone come out.
    """

    def __init__(self, redis_url: str, process: str, clock: Callable[[], datetime]) -> None:
        self.local = Hub()
        self.process = process
        self._everywhere = Hub()
        self._board = _Board()
        self._relay = (
            _Relay(redis_url, process, clock, self._board, self._everywhere, self.local)
            if redis_url
            else None
        )

    def start(self) -> None:
        """Begin to hear other processes.

        Raises:
            SettingsError: Redis does not answer.
        """
        if self._relay is not None:
            self._relay.start()

    def close(self) -> None:
        """Send what is to be sent, and end all subscriptions."""
        self.local.close()
        if self._relay is not None:
            self._relay.stop()
        self._everywhere.close()

    def publish(self, events: Iterable[CallEvent]) -> None:
        """Tell what happened in calls of this process; it never waits."""
        events = tuple(events)
        self._board.take(events, self.process)
        self.local.publish(events)
        self._everywhere.publish(events)

    def subscribe(self, name: str, *, capacity: int) -> Subscription:
        """Hear the events of all processes; close it when done."""
        return self._everywhere.subscribe(name, capacity=capacity)

    def subscriptions(self) -> tuple[Subscription, ...]:
        """All there are, for metrics."""
        return (*self.local, *self._everywhere)

    def calls(self) -> tuple[LiveCall, ...]:
        """All calls that are heard now, the longest first."""
        return tuple(sorted(self._board.all(), key=lambda call: call.started.started_at))

    def call(self, call_id: str) -> LiveCall | None:
        """One of them; None where it is not live."""
        return self._board.get(call_id)

    def elsewhere(self) -> frozenset[str]:
        """The ids of the calls that other processes hear now."""
        return frozenset(
            call.started.call_id for call in self._board.all() if call.process != self.process
        )


class _Relay:
    """Two threads: one sends what happens here, the other takes in what happens elsewhere."""

    def __init__(
        self,
        url: str,
        process: str,
        clock: Callable[[], datetime],
        board: _Board,
        everywhere: Hub,
        local: Hub,
    ) -> None:
        self._process = process
        self._clock = clock
        self._board = board
        self._everywhere = everywhere
        self._outgoing = local.subscribe("redis", capacity=_CAPACITY)
        try:
            self._redis = redis.Redis.from_url(
                url,
                decode_responses=True,
                socket_timeout=_TIMEOUT_S,
                socket_connect_timeout=_TIMEOUT_S,
            )
        except ValueError as error:
            raise SettingsError(
                f"expected TONEWATCH_REDIS_URL as redis://…, came: {error}"
            ) from error
        # Publishing knows no database, so that its number must be in the channel's name.
        number = self._redis.connection_pool.connection_kwargs.get("db") or 0
        self._channel = f"tonewatch:{number}:events"
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(turn,), name=f"bus-{name}", daemon=True)
            for name, turn in (("send", self._send), ("hear", self._hear))
        ]
        self._log = structlog.get_logger("tonewatch.bus")

    def start(self) -> None:
        try:
            self._redis.ping()
            self._look()
        except redis.RedisError as error:
            raise SettingsError(
                f"expected an answer of Redis, came: {error}; start it, or set another "
                "TONEWATCH_REDIS_URL"
            ) from error
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(2 * _TIMEOUT_S)
        self._redis.close()

    def _run(self, turn: Callable[[], None]) -> None:
        """Do it again after every failure of Redis, until told to stop."""
        is_away = False
        while not self._stopped.is_set():
            try:
                turn()
            except redis.RedisError as error:
                if not is_away:
                    self._log.warning("redis_away", error=str(error))
                is_away = True
                self._stopped.wait(1.0)
            else:
                is_away = False

    def _send(self) -> None:
        since_snapshot_s = _SNAPSHOT_EVERY_S
        while True:
            stopping = self._stopped.wait(_SEND_EVERY_S)
            since_snapshot_s += _SEND_EVERY_S
            events = self._outgoing.take()
            news = {event.call_id for event in events if isinstance(event, CallStarted)}
            if since_snapshot_s >= _SNAPSHOT_EVERY_S:
                since_snapshot_s = 0.0
                news = {call.started.call_id for call in self._mine()}
            pipe = self._redis.pipeline(transaction=False)
            # Before the event: whoever hears of a call finds its snapshot.
            for call in self._mine():
                if call.started.call_id in news:
                    pipe.set(_key(call.started.call_id), call.to_json(), ex=_EXPIRES_S)
            for event in events:
                if isinstance(event, CallEnded):
                    pipe.delete(_key(event.call_id))
            if events:
                plain = [to_dict(event) for event in events]
                message = json.dumps({"process": self._process, "events": plain})
                pipe.publish(self._channel, message)
            pipe.execute()
            if stopping:
                return

    def _hear(self) -> None:
        with self._redis.pubsub() as incoming:  # type: ignore[no-untyped-call]
            incoming.subscribe(self._channel)
            incoming.get_message(timeout=_TIMEOUT_S)  # only now nothing is missed
            self._look()
            looked_at = time.monotonic()
            while not self._stopped.is_set():
                message = incoming.get_message(timeout=0.5)
                if message is not None and message["type"] == "message":
                    self._take(message["data"])
                if time.monotonic() - looked_at >= _LOOK_EVERY_S:
                    self._look()
                    looked_at = time.monotonic()

    def _take(self, text: str) -> None:
        try:
            message = json.loads(text)
            if message["process"] == self._process:
                return
            events = [from_dict(event) for event in message["events"]]
        except (ValueError, KeyError, TypeError, CallError) as error:
            self._log.warning("redis_message", error=str(error))
            return
        self._board.take(events, message["process"])
        self._everywhere.publish(events)

    def _look(self) -> None:
        """Take in snapshots of calls that began before we listened; end those that expired."""
        keys = list(self._redis.scan_iter(match=_key("*"), count=1000))
        there = set()
        for text in self._redis.mget(keys) if keys else []:
            call = LiveCall.from_json(text) if isinstance(text, str) else None
            if call is None or call.process == self._process:
                continue
            there.add(call.started.call_id)
            if self._board.get(call.started.call_id) is None:
                self._board.put(call)
        for call in self._board.all():
            if call.process != self._process and call.started.call_id not in there:
                ended = CallEnded(
                    call_id=call.started.call_id,
                    ended_at=self._clock(),
                    reason=EndReason.INTERRUPTED,
                    duration_s=call.heard_s,
                    dropped_s=call.dropped_s,
                    emotion=None,
                )
                self._board.take([ended], call.process)
                self._everywhere.publish([ended])

    def _mine(self) -> list[LiveCall]:
        return [call for call in self._board.all() if call.process == self._process]


def _key(call_id: str) -> str:
    return f"tonewatch:call:{call_id}"
