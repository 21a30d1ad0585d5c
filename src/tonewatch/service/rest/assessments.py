"""How urgent a call is and whether to check it, in the shapes that routes share."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field

from tonewatch.call.events import Assessed
from tonewatch.service.rest.answers import Answer

Band = Literal["low", "medium", "high"]


class ContributionAnswer(Answer):
    """What one cue adds to a score."""

    cue: str = Field(description="Its name, as in reference/triage.md.", examples=["gravity_words"])
    log_odds: float = Field(description="Weight times strength.", examples=[1.4])
    strength: float = Field(description="From -1 to 1.", examples=[0.56])
    start_s: float | None = Field(description="Where in the call it begins.", examples=[3.2])
    end_s: float | None = Field(description="Where it ends.", examples=[7.9])
    words: list[str] = Field(description="What was said.", examples=[["not breathing"]])
    numbers: dict[str, float] = Field(description="What was measured.", examples=[{"High": 0.7}])


class ScoreAnswer(Answer):
    """A sum of log-odds, and what it is made of."""

    value: float = Field(description="From 0 to 1.", examples=[0.71])
    log_odds: float = Field(description="The intercept and all contributions.", examples=[0.9])
    intercept: float = Field(description="Where the sum begins.", examples=[-0.6])
    reason: str = Field(
        description="What speaks for it most, in a line.", examples=["fear; scream"]
    )
    contributions: list[ContributionAnswer] = Field(description="The largest first.")


class UrgencyScore(ScoreAnswer):
    """How urgent, with what speaks for it."""

    band: Band


class CheckScore(ScoreAnswer):
    """Whether to check it, with what speaks for it: a flag, never a verdict."""

    flagged: bool = Field(description="Whether a person should look.")
    precision: float = Field(
        description="How often such a flag is right at the base rate.", examples=[0.05]
    )
    base_rate: float = Field(description="The share of calls that are not genuine.")


class AssessedAnswer(Answer):
    """What was shown of a call at a moment."""

    at_s: float = Field(description="Seconds from the call's start.", examples=[12.0])
    policy: str = Field(description="By which rules.", examples=["tonewatch-1"])
    urgency: UrgencyScore
    check: CheckScore


class UrgencyAnswer(Answer):
    """How urgent a call is, in short."""

    value: float = Field(description="From 0 to 1.", examples=[0.71])
    band: Band
    reason: str = Field(
        description="What speaks for it most, in a line.", examples=["fear; scream"]
    )
    at_s: float = Field(description="Seconds from the call's start.", examples=[12.0])
    policy: str = Field(description="By which rules.", examples=["tonewatch-1"])

    @classmethod
    def of(cls, assessed: Assessed | None) -> Self | None:
        """Of what is shown, if anything is."""
        if assessed is None:
            return None
        return cls(**_told(assessed, assessed.urgency))


class CheckAnswer(Answer):
    """Whether a person should check a call, in short: a flag, never a verdict."""

    value: float = Field(description="From 0 to 1, at even odds.", examples=[0.31])
    flagged: bool = Field(description="Whether a person should look.")
    reason: str = Field(
        description="What speaks for it most, in a line.", examples=["laughter; no sim"]
    )
    precision: float = Field(
        description="How often such a flag is right at the base rate.", examples=[0.05]
    )
    base_rate: float = Field(description="The share of calls that are not genuine.")
    at_s: float = Field(description="Seconds from the call's start.", examples=[12.0])
    policy: str = Field(description="By which rules.", examples=["tonewatch-1"])

    @classmethod
    def of(cls, assessed: Assessed | None) -> Self | None:
        """Of what is shown, if anything is."""
        if assessed is None:
            return None
        return cls(**_told(assessed, assessed.check))


def _told(assessed: Assessed, score: Mapping[str, Any]) -> dict[str, Any]:
    return {**score, "at_s": assessed.at_s, "policy": assessed.policy}
