"""Sessions that were ended before their time: signing out ends the cookie for good, wherever it is.

Kept in the database among the preferences, so that it holds for all processes; what is kept is read
again every few seconds at most. A session that is over anyway is forgotten.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from tonewatch.store.preferences import Preferences

_KEY = "sessions.signed_out"
_READ_AGAIN = timedelta(seconds=2)


class SignedOut:
    """The words of ended sessions, each until its session would be over."""

    def __init__(
        self, preferences: Preferences, lasts: timedelta, clock: Callable[[], datetime]
    ) -> None:
        self._preferences = preferences
        self._lasts = lasts
        self._clock = clock
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}
        self._read_at: datetime | None = None

    def add(self, word: str) -> None:
        """End the session of this word."""
        now = self._clock()

        def with_word(until: dict[str, float]) -> dict[str, float]:
            until = until | {word: (now + self._lasts).timestamp()}
            return {word: end for word, end in until.items() if end > now.timestamp()}

        with self._lock:
            self._until = self._preferences.change(_KEY, {}, with_word)
            self._read_at = now

    def holds(self, word: str) -> bool:
        """Whether the session of this word was ended."""
        now = self._clock()
        with self._lock:
            if self._read_at is None or not timedelta() <= now - self._read_at < _READ_AGAIN:
                self._until, self._read_at = self._stored(), now
            return word in self._until

    def _stored(self) -> dict[str, float]:
        return dict(self._preferences.get(_KEY) or {})
