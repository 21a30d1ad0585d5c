"""The last minutes of every live call, for pages: one reader of the bus for all of them.

Pages ask what is new since they last asked; none of them slows the bus. It knows no page.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

from tonewatch.call.events import CallEnded, CallEvent, Heard
from tonewatch.call.sinks import Subscription
from tonewatch.core.events import EmotionEstimated, NoSpeech
from tonewatch.service.bus import Bus
from tonewatch.store.windows import Window

_CAPACITY = 20_000
_REMEMBERED = 60  # windows of one call: what a sparkline shows; the store has the others

Row = list[Any]


class Watch:
    """Remembers the windows of live calls.

    Args:
        bus: where the events come from.
    """

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self._lock = threading.Lock()
        self._windows: dict[str, deque[Row]] = {}
        self._counts: dict[str, int] = {}
        self._events: Subscription | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to read, in the running event loop."""
        self._events = self.bus.subscribe("dashboard", capacity=_CAPACITY)
        self._task = asyncio.create_task(self._read(self._events))

    async def stop(self) -> None:
        """Read no more."""
        if self._events is not None:
            self._events.close()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def since(self, call_id: str, seen: int) -> tuple[list[Row], int]:
        """The windows of a call after the first `seen` that came, and how many came in all.

        What is longer ago than is remembered is left out.
        """
        with self._lock:
            windows, count = self._windows.get(call_id), self._counts.get(call_id, 0)
            if windows is None or count <= seen:
                return [], count
            return list(islice(windows, max(0, len(windows) - (count - seen)), None)), count

    async def _read(self, events: Subscription) -> None:
        async for event in events:
            self._take(event)

    def _take(self, event: CallEvent) -> None:
        if isinstance(event, CallEnded):
            with self._lock:
                self._windows.pop(event.call_id, None)
                self._counts.pop(event.call_id, None)
        elif isinstance(event, Heard) and isinstance(event.event, EmotionEstimated | NoSpeech):
            with self._lock:
                windows = self._windows.setdefault(event.call_id, deque(maxlen=_REMEMBERED))
                windows.append(_row_of_event(event.channel, event.event))
                self._counts[event.call_id] = self._counts.get(event.call_id, 0) + 1


def row_of(window: Window, labels: Sequence[str]) -> Row:
    """A kept window as parts in the browser read it."""
    if window.label is None:
        return [window.channel, window.start_s, window.end_s, None, 0, False]
    return [
        window.channel,
        window.start_s,
        window.end_s,
        window.label,
        round(window.confidence, 4),
        window.certain,
        *(round(window.probabilities.get(label, 0.0), 4) for label in labels),
    ]


def _row_of_event(channel: int, heard: EmotionEstimated | NoSpeech) -> Row:
    if isinstance(heard, NoSpeech):
        return [channel, heard.start_s, heard.end_s, None, 0, False]
    return [
        channel,
        heard.start_s,
        heard.end_s,
        heard.label,
        round(heard.confidence, 4),
        heard.certain,
        *(round(share, 4) for share in heard.probabilities.values()),
    ]


def as_mapping(row: Row) -> dict[str, Any]:
    """A row as the audit takes it."""
    names = ("channel", "start_s", "end_s", "label", "confidence", "certain")
    return dict(zip(names, row, strict=False))
