"""How Tonewatch does week by week, for people to see when it changes.

A shift in these numbers says that calls, people or the model changed, not which of them. Weeks
begin on Monday, 0:00 UTC. It judges nothing and names nobody.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from tonewatch.service.decisions import OUTCOME, URGENCY, overrides
from tonewatch.store.decisions import KeptDecisions
from tonewatch.store.drift import Counts, Drift

_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Week:
    """One week.

    Attributes:
        start: its Monday.
        counts: what was heard and shown in its calls.
        decisions: on outcome or urgency, taken in this week with something shown.
        overridden: those of them that contradict what was shown.
    """

    start: date
    counts: Counts
    decisions: int
    overridden: int

    @property
    def windows(self) -> int:
        """Windows with an emotion."""
        return sum(self.counts.windows)

    @property
    def unsure(self) -> float | None:
        """Share of the windows that were not certain; None without any."""
        return self.counts.unsure / self.windows if self.windows else None

    @property
    def override_rate(self) -> float | None:
        """Share of the decisions that contradict what was shown; None without any."""
        return self.overridden / self.decisions if self.decisions else None


def weeks(drift: Drift, decided: KeptDecisions, now: datetime, n: int = 12) -> tuple[Week, ...]:
    """The last `n` weeks, the oldest first; the last one is not over yet."""
    today = now.astimezone(UTC).date()
    monday = today - timedelta(days=today.weekday())
    return tuple(_week(drift, decided, monday - k * _WEEK) for k in reversed(range(n)))


def _week(drift: Drift, decided: KeptDecisions, start: date) -> Week:
    since = datetime.combine(start, time(), UTC)
    until = since + _WEEK
    taken = [
        each
        for kind in (OUTCOME, URGENCY)
        for each in decided.of_kind(kind, since, until)
        if each.shown is not None
    ]
    overridden = sum(overrides(each.kind, each.value, each.shown) for each in taken)
    return Week(start, drift.counts(since, until), len(taken), overridden)
