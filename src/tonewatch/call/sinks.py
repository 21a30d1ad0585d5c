"""Brings a call's events to those who subscribed, and never waits for any of them.

Each subscription has a bounded buffer. Who reads too slowly loses the oldest events, and how many
and how many seconds is counted. The hub knows no store, socket or dashboard; it may be fed and read
from any thread.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

from tonewatch.call.events import CallEnded, CallEvent, Heard
from tonewatch.core.errors import SettingsError
from tonewatch.core.events import EmotionEstimated, NoSpeech


class Subscription:
    """One reader's buffer: read by `async for`, or in a thread by `get`.

    Attributes:
        name: who reads, for metrics; several may have the same.
        capacity: most events held.
        lost_events: events dropped because the buffer was full.
        lost_s: seconds of calls covered by the windows among them, overlaps counted once.
    """

    def __init__(self, name: str, capacity: int) -> None:
        if capacity < 1:
            raise SettingsError(
                f"subscription {name}: expected room for 1 or more, came {capacity}"
            )
        self.name = name
        self.capacity = capacity
        self.lost_events = 0
        self.lost_s = 0.0
        self._events: deque[CallEvent] = deque()
        self._changed = threading.Condition()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._closed = False
        self._lost_until_s: dict[str, dict[int, float]] = {}

    def __len__(self) -> int:
        """Events that wait to be read."""
        return len(self._events)

    @property
    def closed(self) -> bool:
        """Whether nothing more will come; what waits can still be read."""
        return self._closed

    def get(self, timeout: float | None = None) -> CallEvent | None:
        """Wait for the next event, in a thread.

        Args:
            timeout: most seconds to wait; None waits for ever.

        Returns:
            The event; None if none came in time, or if the subscription is closed and empty.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._events or self._closed, timeout)
            return self._next() if self._events else None

    def take(self) -> list[CallEvent]:
        """All that waits, at once and without waiting."""
        with self._changed:
            return [self._next() for _ in range(len(self._events))]

    def close(self) -> None:
        """Let nothing more come; readers end once they have read what waits."""
        with self._changed:
            self._closed = True
            self._wake()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> CallEvent:
        me = (asyncio.get_running_loop(), asyncio.Event())
        while True:
            with self._changed:
                self._waiting.discard(me)
                if self._events:
                    return self._next()
                if self._closed:
                    raise StopAsyncIteration
                me[1].clear()
                self._waiting.add(me)
            try:
                await me[1].wait()
            except asyncio.CancelledError:
                with self._changed:
                    self._waiting.discard(me)
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _put(self, events: Iterable[CallEvent]) -> None:
        with self._changed:
            if self._closed:
                return
            for event in events:
                if len(self._events) == self.capacity:
                    self._lose(self._next())
                self._events.append(event)
            self._wake()

    def _next(self) -> CallEvent:
        event = self._events.popleft()
        if isinstance(event, CallEnded):  # nothing of that call can follow
            self._lost_until_s.pop(event.call_id, None)
        return event

    def _lose(self, event: CallEvent) -> None:
        self.lost_events += 1
        if isinstance(event, Heard) and isinstance(event.event, EmotionEstimated | NoSpeech):
            until = self._lost_until_s.setdefault(event.call_id, {})
            start_s = max(event.event.start_s, until.get(event.channel, 0.0))
            self.lost_s += max(0.0, event.event.end_s - start_s)
            until[event.channel] = event.event.end_s

    def _wake(self) -> None:
        self._changed.notify_all()
        for loop, event in self._waiting:
            with suppress(RuntimeError):  # its loop is closed: nobody waits there any more
                loop.call_soon_threadsafe(event.set)
        self._waiting.clear()


class Hub:
    """Where events of all calls go in, and subscriptions come out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: tuple[Subscription, ...] = ()
        self._closed = False

    def __iter__(self) -> Iterator[Subscription]:
        """The subscriptions there are, for metrics."""
        return iter(self._open())

    def subscribe(self, name: str, *, capacity: int) -> Subscription:
        """Begin to hear; close the subscription when done.

        Raises:
            SettingsError: no capacity.
        """
        subscription = Subscription(name, capacity)
        with self._lock:
            if self._closed:
                subscription.close()
            self._subscriptions = (*self._open(), subscription)
        return subscription

    def publish(self, events: Iterable[CallEvent]) -> None:
        """Give events to each subscription; returns at once, whoever reads or not."""
        events = tuple(events)
        if events:
            for subscription in self._subscriptions:
                subscription._put(events)

    def close(self) -> None:
        """Close all subscriptions, and those to come."""
        with self._lock:
            self._closed = True
            for subscription in self._subscriptions:
                subscription.close()

    def _open(self) -> tuple[Subscription, ...]:
        return tuple(each for each in self._subscriptions if not each.closed)
