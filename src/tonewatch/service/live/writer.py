"""Takes what happens in this process's live calls to the store, five times a second, in its thread.

While the database is away, the spool keeps it on disk, in order; while the disk is full, it waits
here. What a call's sender was shown
goes into the audit the same way. Of assessments those are kept that tell something new, and the
last. It knows events, no socket.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import structlog

from tonewatch.call.events import (
    Assessed,
    CallEnded,
    CallEvent,
    CallStarted,
    CallWarned,
    Heard,
    to_dict,
)
from tonewatch.call.sinks import Subscription
from tonewatch.core.errors import StoreError, UnfitError
from tonewatch.core.events import (
    EmotionEstimated,
    NoSpeech,
    NotTranscribed,
    PhraseSpotted,
    WordsRecognised,
)
from tonewatch.service.assessed import for_audit
from tonewatch.service.live.keeper import Item, shown
from tonewatch.service.shown import judged, row
from tonewatch.store.spool import Spool

_EVERY_S = 0.2
"""With the time to write, what a killed process loses stays under a second."""
_PUT_EACH = 1000
_MOST_UNKEPT = 100_000
"""What waits for room on the disk, some 100 MB; then the newest is lost, for a call without its
start is none."""
_SHOWN_EACH = 10
"""Windows of a call in one entry of the audit: one each would make the audit ten times as long."""
_MOVED = 0.05
"""An assessment whose value moved by so much is kept, though its words stay the same."""

_Waiting = tuple[Item, Callable[[], None] | None]


class Writer:
    """A thread that writes.

    Args:
        events: those of this process's calls.
        spool: takes them.
        on_turn: called after each turn, for metrics.
        rules: what the audit says of a version of triage's rules.
    """

    def __init__(
        self,
        events: Subscription,
        spool: Spool,
        on_turn: Callable[[], None],
        rules: Callable[[str], Mapping[str, Any]],
    ) -> None:
        self._events = events
        self._spool = spool
        self._actors: dict[str, str] = {}
        self._on_turn = on_turn
        self._rules = rules
        self._log = structlog.get_logger("tonewatch.live")
        self._more: deque[_Waiting] = deque()
        self._unkept: list[_Waiting] = []
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

    def put(self, item: Item, on_safe: Callable[[], None] | None = None) -> None:
        """Write this, too, after what happened before.

        Args:
            item: what is to be kept.
            on_safe: called in the writer's thread once the item is on disk.
        """
        self._more.append((item, on_safe))

    def _run(self) -> None:
        while True:
            stopping = self._stopped.wait(_EVERY_S)
            more = [self._more.popleft() for _ in range(len(self._more))]
            # Events second: those that `more` follows have all come by now.
            items = [item for event in self._events.take() for item in self._items(event)]
            self._put([*self._unkept, *((item, None) for item in items), *more])
            self._on_turn()
            if stopping:
                self._spool.close()
                return

    def _put(self, waiting: list[_Waiting]) -> None:
        """Write these; what there is no room for comes first in the next turn."""
        n_kept = 0
        try:
            while n_kept < len(waiting):
                part = waiting[n_kept : n_kept + _PUT_EACH]
                self._keep(part)
                n_kept += len(part)
        except StoreError as error:  # a full disk must not end the thread: later there may be room
            n_lost = max(0, len(waiting) - n_kept - _MOST_UNKEPT)
            waits = len(waiting) - n_kept - n_lost
            self._log.error("not_kept", waiting=waits, lost=n_lost, error=str(error))
        self._unkept = waiting[n_kept : n_kept + _MOST_UNKEPT]

    def _keep(self, part: list[_Waiting]) -> None:
        try:
            self._spool.put([item for item, _ in part])
        except UnfitError as error:  # would never be kept, and must not hold up the others
            if len(part) == 1:
                self._log.error("not_kept", waiting=0, lost=1, error=str(error))
                return
            for each in part:
                self._keep([each])
        else:
            for _, on_safe in part:
                if on_safe is not None:
                    on_safe()

    def _items(self, event: CallEvent) -> Sequence[Item]:
        if isinstance(event, CallStarted):
            seen = _Shown(self._actors.pop(event.call_id, "unknown"), event, self._rules)
            self._shown[event.call_id] = seen
            return to_dict(event), seen.started(len(event.channels))
        seen_of = self._shown.get(event.call_id)
        if isinstance(event, CallWarned):
            return (to_dict(event),)
        if isinstance(event, CallEnded):
            self._shown.pop(event.call_id, None)
            rest = () if seen_of is None else (*seen_of.last_assessed(), seen_of.take(event))
            return to_dict(event), *rest
        if isinstance(event, Assessed):
            return () if seen_of is None else seen_of.assess(event)
        if not isinstance(event, Heard):
            return ()
        if isinstance(event.event, EmotionEstimated | NoSpeech):
            return to_dict(event), *(() if seen_of is None else seen_of.add(event))
        if isinstance(event.event, NotTranscribed | PhraseSpotted):
            return (to_dict(event),)
        stays = isinstance(event.event, WordsRecognised) and event.event.final
        return (to_dict(event),) if stays else ()


class _Shown:
    """What of one call its sender was shown and the audit does not know yet."""

    def __init__(
        self, actor: str, started: CallStarted, rules: Callable[[str], Mapping[str, Any]]
    ) -> None:
        self._rules = rules
        self._actor = actor
        self._call_id = started.call_id
        self._bundle: Mapping[str, Any] = {
            "name": started.bundle,
            "sha256": started.bundle_sha256,
            "threshold": started.threshold,
        }
        self._windows: list[list[Any]] = []
        self._assessments: list[Assessed] = []
        self._assessed: Assessed | None = None
        self._kept: Assessed | None = None

    def started(self, n_channels: int) -> Item:
        details = {"bundle": self._bundle, "channels": n_channels}
        return shown(self._call_id, self._actor, "call.started", details)

    def add(self, heard: Heard) -> Sequence[Item]:
        """Take note of a window; gives the entry that is full."""
        window = heard.event
        if isinstance(window, EmotionEstimated):
            self._windows.append(row(asdict(window) | {"channel": heard.channel}))
        return self._full()

    def assess(self, assessed: Assessed) -> Sequence[Item]:
        """Take note of an assessment; gives it where it is to be kept, and the full entry."""
        self._assessments.append(assessed)
        if not assessed.urgency:  # what was told is taken back
            self._assessed = None
            return self._full()
        self._assessed = assessed
        if self._kept is not None and not _tells_more(self._kept, assessed):
            return self._full()
        return *self.last_assessed(), *self._full()

    def last_assessed(self) -> Sequence[Item]:
        """The last assessment, if it is not kept yet."""
        last = self._assessed
        if last is None or last is self._kept:
            return ()
        self._kept = last
        return (to_dict(last),)

    def _rules_of(self, version: str) -> Mapping[str, Any]:
        try:
            return self._rules(version)
        except StoreError:  # the database is away; what set the version is in the audit
            return {"version": version}

    def _full(self) -> Sequence[Item]:
        n = max(len(self._windows), len(self._assessments))
        return (self.take(),) if n >= _SHOWN_EACH else ()

    def take(self, ended: CallEnded | None = None) -> Item:
        emotion = None if ended is None or ended.emotion is None else asdict(ended.emotion)
        details: dict[str, Any] = {
            "bundle": self._bundle,
            "windows": self._windows,
            "emotion": judged(emotion),
        }
        details |= for_audit(self._assessments, self._rules_of)
        if ended is not None:
            details["ended"] = ended.reason.value
        self._windows, self._assessments = [], []
        return shown(self._call_id, self._actor, "result.shown", details)


def _tells_more(kept: Assessed, new: Assessed) -> bool:
    """Whether a band, flag, reason or version changed, or a value moved."""

    def words(each: Assessed) -> tuple[Any, ...]:
        return (
            each.urgency["band"],
            each.urgency["reason"],
            each.check["flagged"],
            each.check["reason"],
            each.policy,
        )

    moved = max(
        abs(new.urgency["value"] - kept.urgency["value"]),
        abs(new.check["value"] - kept.check["value"]),
    )
    return words(kept) != words(new) or moved >= _MOVED
