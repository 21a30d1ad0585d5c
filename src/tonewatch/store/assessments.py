"""How urgent calls were, and which to check: what was shown, when, and what spoke for it.

It computes nothing; that is triage's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import func, insert, select

from tonewatch.store.call_rows import find_call, lock_unerased
from tonewatch.store.database import Database
from tonewatch.store.tables import AssessmentRow


class AssessmentKind(StrEnum):
    """What is assessed: how urgent a call is, or whether a person should check it."""

    URGENCY = "urgency"
    CHECK = "check"


@dataclass(frozen=True, slots=True)
class Assessment:
    """What was shown about a call at `at_s` seconds of it.

    Attributes:
        call_id: of which call.
        at_s: when, in seconds from its start.
        kind: urgency or check.
        value: the number behind the band.
        band: the word that was shown.
        contributions: what spoke for it, and how much.
        policy_version: by which rules.
    """

    call_id: str
    at_s: float
    kind: AssessmentKind
    value: float
    band: str
    contributions: Mapping[str, Any]
    policy_version: str


class Assessments:
    """The assessments in one database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, call_id: str, assessments: Iterable[Assessment]) -> None:
        """Keep assessments of one call; of one moment and kind, the first that comes stays.

        Raises:
            ConflictError: the call was erased.
            NotFoundError: there is no such call.
        """
        given = {(each.at_s, AssessmentKind(each.kind).value): each for each in assessments}
        with self._db.begin() as session:
            lock_unerased(session, call_id)
            known = select(AssessmentRow.at_s, AssessmentRow.kind).where(
                AssessmentRow.call_id == call_id
            )
            for at_s, kind in session.execute(known):
                given.pop((at_s, kind), None)
            if given:
                rows = [_as_row(call_id, each) for each in given.values()]
                session.execute(insert(AssessmentRow), rows)

    def of(self, call_id: str) -> tuple[Assessment, ...]:
        """All of a call, in order of time.

        Raises:
            NotFoundError: there is no such call.
        """
        query = (
            select(AssessmentRow)
            .where(AssessmentRow.call_id == call_id)
            .order_by(AssessmentRow.at_s, AssessmentRow.id)
        )
        with self._db.read() as session:
            find_call(session, call_id)
            return tuple(_assessment(row) for row in session.scalars(query))

    def last(self, call_ids: Sequence[str]) -> Mapping[str, Mapping[AssessmentKind, Assessment]]:
        """The last of each kind of these calls; a call without any is left out."""
        newest = (
            select(func.max(AssessmentRow.id))
            .where(AssessmentRow.call_id.in_(call_ids))
            .group_by(AssessmentRow.call_id, AssessmentRow.kind)
        )
        query = select(AssessmentRow).where(AssessmentRow.id.in_(newest))
        found: dict[str, dict[AssessmentKind, Assessment]] = {}
        with self._db.read() as session:
            for row in session.scalars(query):
                found.setdefault(row.call_id, {})[AssessmentKind(row.kind)] = _assessment(row)
        return found


def _as_row(call_id: str, assessment: Assessment) -> dict[str, Any]:
    return {
        "call_id": call_id,
        "at_s": assessment.at_s,
        "kind": AssessmentKind(assessment.kind).value,
        "value": assessment.value,
        "band": assessment.band,
        "contributions": dict(assessment.contributions),
        "policy_version": assessment.policy_version,
    }


def _assessment(row: AssessmentRow) -> Assessment:
    return Assessment(
        call_id=row.call_id,
        at_s=row.at_s,
        kind=AssessmentKind(row.kind),
        value=row.value,
        band=row.band,
        contributions=row.contributions,
        policy_version=row.policy_version,
    )
