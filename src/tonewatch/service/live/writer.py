"""Takes what happens in this process's live calls to the store, every half second, in its thread.

While the database is away, the spool keeps it on disk, in order. What a call's sender was shown
goes into the audit the same way. It knows events, no socket.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from tonewatch.call.events import (
    CallEnded,
    CallEvent,
    CallStarted,
    CallWarned,
    Heard,
    to_dict,
)
from tonewatch.call.sinks import Subscription
from tonewatch.core.errors import StoreError
from tonewatch.core.events import EmotionEstimated, NoSpeech
from tonewatch.service.live.keeper import Item, shown
from tonewatch.store.spool import Spool

_EVERY_S = 0.5
_SHOWN_EACH = 10
"""Windows of a call in one entry of the audit: one each would make the audit ten times as long."""


class Writer:
    """A thread that writes.

    Args:
        events: those of this process's calls.
        spool: takes them.
        on_turn: called after each turn, for metrics.
    """

    def __init__(
        self,
        events: Subscription,
        spool: Spool,
        on_turn: Callable[[], None],
    ) -> None:
        self._events = events
        self._spool = spool
        self._actors: dict[str, str] = {}
        self._on_turn = on_turn
        self._log = structlog.get_logger("tonewatch.live")
        self._more: deque[Item] = deque()
        self._shown: dict[str, _Shown] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="write", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, end the thread."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def sent_by(self, call_id: str, actor: str) -> None:
        """Tell who sends a call, for the audit; before it begins."""
        self._actors[call_id] = actor

    def put(self, item: Item) -> None:
        """Write this, too, after what happened before."""
        self._more.append(item)

    def _run(self) -> None:
        while True:
            stopping = self._stopped.wait(_EVERY_S)
            more = [self._more.popleft() for _ in range(len(self._more))]
            # Events second: those that `more` follows have all come by now.
            items = [item for event in self._events.take() for item in self._items(event)]
            self._put([*items, *more])
            self._on_turn()
            if stopping:
                self._spool.close()
                return

    def _put(self, items: list[Item]) -> None:
        try:
            self._spool.put(items)
        except StoreError as error:  # a full disk must not end the thread: later there may be room
            self._log.error("not_kept", items=len(items), error=str(error))

    def _items(self, event: CallEvent) -> Sequence[Item]:
        if isinstance(event, CallStarted):
            seen = _Shown(self._actors.pop(event.call_id, "unknown"), event)
            self._shown[event.call_id] = seen
            return to_dict(event), seen.started(len(event.channels))
        seen_of = self._shown.get(event.call_id)
        if isinstance(event, CallWarned):
            return (to_dict(event),)
        if isinstance(event, CallEnded):
            self._shown.pop(event.call_id, None)
            told = () if seen_of is None else (seen_of.take(event),)
            return to_dict(event), *told
        if isinstance(event, Heard) and isinstance(event.event, EmotionEstimated | NoSpeech):
            told = ()
            if seen_of is not None and seen_of.add(event) >= _SHOWN_EACH:
                told = (seen_of.take(),)
            return to_dict(event), *told
        return ()


class _Shown:
    """What of one call its sender was shown and the audit does not know yet."""

    def __init__(self, actor: str, started: CallStarted) -> None:
        self._actor = actor
        self._call_id = started.call_id
        self._bundle: Mapping[str, Any] = {
            "name": started.bundle,
            "sha256": started.bundle_sha256,
            "threshold": started.threshold,
        }
        self._windows: list[list[Any]] = []

    def started(self, n_channels: int) -> Item:
        details = {"bundle": self._bundle, "channels": n_channels}
        return shown(self._call_id, self._actor, "call.started", details)

    def add(self, heard: Heard) -> int:
        window = heard.event
        if isinstance(window, EmotionEstimated):
            self._windows.append(
                [
                    heard.channel,
                    round(window.start_s, 3),
                    round(window.end_s, 3),
                    window.label,
                    round(window.confidence, 4),
                    window.certain,
                ]
            )
        return len(self._windows)

    def take(self, ended: CallEnded | None = None) -> Item:
        emotion = None if ended is None or ended.emotion is None else ended.emotion
        details: dict[str, Any] = {
            "bundle": self._bundle,
            "windows": self._windows,
            "emotion": None
            if emotion is None
            else {
                "label": emotion.label,
                "confidence": round(emotion.confidence, 4),
                "certain": emotion.certain,
            },
        }
        if ended is not None:
            details["ended"] = ended.reason.value
        self._windows = []
        return shown(self._call_id, self._actor, "result.shown", details)
