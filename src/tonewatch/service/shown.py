"""Writes into the audit what was shown to whom: windows, scores, the model's hash, its threshold.

One entry for each shown timeline, and none for the same content again to the same person within an
hour: a page that asks every second must not drown the audit. Of a timeline that has grown since, an
entry holds the windows that are new. Likewise what was played to whom. It knows no request.
"""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeVar

from tonewatch.store.audit import Audit

K = TypeVar("K")
V = TypeVar("V")

_AGAIN_AFTER = timedelta(hours=1)
_REMEMBERED = 10_000
_WINDOWS_EACH = 1_000  # a day of windows in one entry would be megabytes


class Shown:
    """Tells the audit what was shown."""

    def __init__(self, audit: Audit, clock: Callable[[], datetime]) -> None:
        self._audit = audit
        self._clock = clock
        self._lock = threading.Lock()
        self._last: OrderedDict[tuple[str, str, str], datetime] = OrderedDict()
        # Of whom and what: when the first windows were told, how many by now, and their digest.
        self._begun: OrderedDict[tuple[str, str], tuple[datetime, int, str]] = OrderedDict()

    def tell(
        self,
        actor: str,
        subject: str,
        *,
        bundle: Mapping[str, Any],
        emotion: Mapping[str, Any] | None,
        windows: Sequence[Mapping[str, Any]],
        more: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """Write down that `actor` was shown the results of `subject`.

        Args:
            actor: who.
            subject: `recording:ID` or `call:ID`.
            bundle: name, sha256 and threshold of the model.
            emotion: that of the whole, where it was shown.
            windows: start_s, end_s, label, confidence and certain of each, and its channel.
            more: further results, as `assessed.for_audit` makes them.
        """
        rows = [row(window) for window in windows]
        content = {"bundle": dict(bundle), "emotion": judged(emotion), "windows": rows} | dict(more)
        key = (actor, subject, _digest(content))
        if self._was_told(key):
            return
        begun_at, n_told = self._told_before((actor, subject), content["bundle"], rows)
        for start in range(n_told, max(n_told + 1, len(rows)), _WINDOWS_EACH):
            part = content | {"windows": rows[start : start + _WINDOWS_EACH]}
            self._audit.append(actor, "result.shown", subject, part)
        # Only now: what could not be written must be written when it is asked for again.
        self._remember(key)
        if rows:
            told = (begun_at, len(rows), _digest([content["bundle"], rows]))
            with self._lock:
                _put_last(self._begun, (actor, subject), told)

    def tell_list(
        self,
        actor: str,
        subject: str,
        results: Sequence[tuple[str, Mapping[str, Any], Mapping[str, Any] | None]],
        more: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """Write down that `actor` was shown a list with the emotion of each item.

        Args:
            actor: who.
            subject: what is listed.
            results: id, bundle and emotion of each item that has a result.
            more: further results, as `assessed.for_audit` makes them, and `calls`, their ids.
        """
        rows = [
            [key, bundle["sha256"], bundle["threshold"], judged(emotion)]
            for key, bundle, emotion in results
        ]
        if not rows and not more:
            return
        content = {"results": rows} | dict(more)
        key = (actor, subject, _digest(content))
        if not self._was_told(key):
            self._audit.append(actor, "result.listed", subject, content)
            self._remember(key)

    def tell_played(self, actor: str, subject: str) -> None:
        """Write down that `actor` has heard some of `subject`: a player asks piece by piece."""
        key = (actor, subject, "played")
        if not self._was_told(key):
            self._audit.append(actor, "recording.played", subject, {})
            self._remember(key)

    def _was_told(self, key: tuple[str, str, str]) -> bool:
        with self._lock:
            last = self._last.get(key)
        return last is not None and self._is_fresh(last)

    def _told_before(
        self, key: tuple[str, str], bundle: Mapping[str, Any], rows: Sequence[Any]
    ) -> tuple[datetime, int]:
        """Since when the first rows are told, within an hour, and how many; now and 0 if none."""
        with self._lock:
            begun = self._begun.get(key)
        if begun is not None and self._is_fresh(begun[0]):
            at, n, digest = begun
            if n <= len(rows) and _digest([bundle, rows[:n]]) == digest:
                return at, n
        return self._clock(), 0

    def _is_fresh(self, at: datetime) -> bool:
        return timedelta() <= self._clock() - at < _AGAIN_AFTER

    def _remember(self, key: tuple[str, str, str]) -> None:
        with self._lock:
            _put_last(self._last, key, self._clock())


def _put_last(remembered: OrderedDict[K, V], key: K, value: V) -> None:
    """Remember it; the longest unused are forgotten."""
    remembered[key] = value
    remembered.move_to_end(key)
    while len(remembered) > _REMEMBERED:
        remembered.popitem(last=False)


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def row(window: Mapping[str, Any]) -> list[Any]:
    """Channel, start, end, label, confidence, certain; short, as there are many."""
    return [
        window.get("channel", 0),
        round(window["start_s"], 3),
        round(window["end_s"], 3),
        window["label"],
        round(window["confidence"], 4),
        window["certain"],
    ]


def judged(emotion: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What the audit says of a whole call's or recording's emotion."""
    if emotion is None:
        return None
    return {
        "label": emotion["label"],
        "confidence": round(emotion["confidence"], 4),
        "certain": emotion["certain"],
    }
