"""How Tonewatch does week by week."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from tonewatch.service.auth.guard import Here
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.drift import Week, weeks
from tonewatch.service.rest.answers import Answer
from tonewatch.service.rest.describe import needs

router = APIRouter(prefix="/drift", tags=["triage"])

_BINS = [[0, 0, 0, 1, 4, 9, 21, 33, 40, 12]]


class WeekAnswer(Answer):
    """One week; histograms have ten bins from 0 to 1."""

    start: date = Field(description="Its Monday.")
    calls: int = Field(description="Calls that began in it.", examples=[311])
    windows: int = Field(description="Windows with an emotion.", examples=[9120])
    confidence: list[int] = Field(description="Those windows, by confidence.", examples=_BINS)
    unsure: float | None = Field(description="Share that was not certain.", examples=[0.31])
    urgency: list[int] = Field(description="Calls, by the last urgency shown.", examples=_BINS)
    check: list[int] = Field(description="Calls, by the last check score shown.", examples=_BINS)
    flagged: int = Field(description="Calls that were flagged at their end.", examples=[4])
    decisions: int = Field(description="Decided with something shown.", examples=[87])
    overridden: int = Field(description="Those against what was shown.", examples=[9])
    override_rate: float | None = Field(description="Their share.", examples=[0.1])


class DriftAnswer(Answer):
    """Weeks, the oldest first; the last is not over yet."""

    items: list[WeekAnswer]


@router.get(
    "",
    summary="How it does week by week",
    description="A shift says that calls, people or the model changed, not which of them.",
    **needs(Permission.POLICY_READ),
)
def get_drift(
    state: Here,
    n: Annotated[int, Query(alias="weeks", ge=1, le=60, description="How many weeks.")] = 12,
) -> DriftAnswer:
    found = weeks(state.drift, state.decided, state.clock(), n)
    return DriftAnswer(items=[_answer(week) for week in found])


def _answer(week: Week) -> WeekAnswer:
    counts = week.counts
    return WeekAnswer(
        start=week.start,
        calls=counts.calls,
        windows=week.windows,
        confidence=list(counts.windows),
        unsure=week.unsure,
        urgency=list(counts.urgency),
        check=list(counts.check),
        flagged=counts.flagged,
        decisions=week.decisions,
        overridden=week.overridden,
        override_rate=week.override_rate,
    )
