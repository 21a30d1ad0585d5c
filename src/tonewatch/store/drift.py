"""How often what was heard and shown in calls of a span of time, counted by the database.

Histograms have `BINS` bins of equal width from 0 to 1; the last takes 1 too. It judges nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, select

from tonewatch.store.assessments import AssessmentKind
from tonewatch.store.database import Database
from tonewatch.store.tables import AssessmentRow, CallRow, WindowRow

BINS = 10


@dataclass(frozen=True, slots=True)
class Counts:
    """What was in the calls that began in a span of time.

    Attributes:
        calls: how many there were.
        windows: windows with an emotion, by confidence.
        unsure: how many of those were not certain.
        urgency: calls by the last urgency that was shown.
        check: calls by the last check score that was shown.
        flagged: how many were flagged at the end.
    """

    calls: int
    windows: tuple[int, ...]
    unsure: int
    urgency: tuple[int, ...]
    check: tuple[int, ...]
    flagged: int


class Drift:
    """Counts in one database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def counts(self, since: datetime, until: datetime) -> Counts:
        """What was in the calls that began in that time, `until` left out."""
        inside = and_(CallRow.started_at >= since, CallRow.started_at < until)
        windows = (
            select(*_bins(WindowRow.confidence), _sum(WindowRow.certain.is_(False)))
            .join(CallRow, CallRow.id == WindowRow.call_id)
            .where(inside, WindowRow.label.is_not(None))
        )
        with self._db.read() as session:
            n = session.scalar(select(func.count()).select_from(CallRow).where(inside)) or 0
            heard = _integers(session.execute(windows).one())
            shown = {}
            for kind in AssessmentKind:
                newest = (
                    select(func.max(AssessmentRow.id))
                    .join(CallRow, CallRow.id == AssessmentRow.call_id)
                    .where(inside, AssessmentRow.kind == kind.value)
                    .group_by(AssessmentRow.call_id)
                )
                query = select(
                    *_bins(AssessmentRow.value), _sum(AssessmentRow.band == "check")
                ).where(AssessmentRow.id.in_(newest))
                shown[kind] = _integers(session.execute(query).one())
        return Counts(
            calls=n,
            windows=heard[:BINS],
            unsure=heard[BINS],
            urgency=shown[AssessmentKind.URGENCY][:BINS],
            check=shown[AssessmentKind.CHECK][:BINS],
            flagged=shown[AssessmentKind.CHECK][BINS],
        )


def _bins(value: Any) -> list[ColumnElement[Any]]:
    """One sum for each bin: databases differ in how they round a number to an integer."""
    edges = [k / BINS for k in range(1, BINS)]
    return [
        _sum(value < edges[0]),
        *(_sum(and_(value >= low, value < high)) for low, high in pairwise(edges)),
        _sum(value >= edges[-1]),
    ]


def _sum(condition: Any) -> ColumnElement[Any]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _integers(row: Sequence[Any]) -> tuple[int, ...]:
    return tuple(int(value) for value in row)
