"""How urgent a call is, and whether to check it: a sum of log-odds, one term a cue.

The two are independent: "check this call" reads no cue of urgency and changes none. It is a flag
with reasons, never a verdict. A score is only as good as its base rate is right: `precision` says
how often a flag with this evidence would be right at the policy's base rate, if its weights were.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import exp, fsum, log
from typing import Any

from tonewatch.triage.cues import CHECK, URGENCY, Cue, strongest
from tonewatch.triage.policy import Policy

LEAST_REASON = 0.2
"""Log-odds from which a cue is named as a reason: less moves a score by 0.05 at the most."""


class Band(StrEnum):
    """Urgency in a word."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one cue adds.

    Attributes:
        cue: what was noticed.
        log_odds: weight times strength.
    """

    cue: Cue
    log_odds: float

    def to_dict(self) -> dict[str, Any]:
        return {
            "cue": self.cue.name,
            "log_odds": self.log_odds,
            "strength": self.cue.strength,
            "start_s": self.cue.start_s,
            "end_s": self.cue.end_s,
            "words": list(self.cue.words),
            "numbers": dict(self.cue.numbers),
        }


@dataclass(frozen=True)
class Score:
    """A sum, and what it is made of.

    Attributes:
        value: from 0 to 1.
        log_odds: exactly math.fsum of the intercept and all contributions.
        intercept: where the sum begins.
        contributions: the largest first.
    """

    value: float
    log_odds: float
    intercept: float
    contributions: tuple[Contribution, ...]

    @property
    def reason(self) -> str:
        """The two strongest that speak for it, in one line; empty if nothing stands out."""
        said: list[str] = []
        for c in self.contributions:
            if c.log_odds >= LEAST_REASON and len(said) < 2:
                words = f" ({', '.join(c.cue.words[:3])})" if c.cue.words else ""
                said.append(c.cue.name.replace("_", " ") + words)
        return "; ".join(said)


@dataclass(frozen=True)
class Assessment:
    """What is shown of a call.

    Attributes:
        urgency: how urgent.
        band: the same in a word.
        check: how much speaks for checking it, at even odds.
        flagged: whether "check this call" is shown.
        precision: how often such a flag is right at the base rate.
        base_rate: that base rate.
        policy_version: by which rules.
    """

    urgency: Score
    band: Band
    check: Score
    flagged: bool
    precision: float
    base_rate: float
    policy_version: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""

        def score(each: Score) -> dict[str, Any]:
            return {
                "value": each.value,
                "log_odds": each.log_odds,
                "intercept": each.intercept,
                "reason": each.reason,
                "contributions": [c.to_dict() for c in each.contributions],
            }

        return {
            "urgency": {**score(self.urgency), "band": str(self.band)},
            "check": {
                **score(self.check),
                "flagged": self.flagged,
                "precision": self.precision,
                "base_rate": self.base_rate,
            },
            "policy": self.policy_version,
        }


def assess(cues: Iterable[Cue], policy: Policy) -> Assessment | None:
    """Assess a call by its cues; of one name the strongest counts. None if switched off."""
    if not policy.enabled:
        return None
    noticed = strongest(cues)
    urgency = _score(noticed, URGENCY, policy.urgency, policy.urgency_intercept)
    check = _score(noticed, CHECK, policy.check, 0.0)
    band = Band.LOW
    if urgency.value >= policy.medium_from:
        band = Band.HIGH if urgency.value >= policy.high_from else Band.MEDIUM
    prior = log(policy.base_rate / (1 - policy.base_rate))
    return Assessment(
        urgency,
        band,
        check,
        check.value >= policy.check_from,
        probability(check.log_odds + prior),
        policy.base_rate,
        policy.version,
    )


def probability(log_odds: float) -> float:
    """The probability that log-odds mean."""
    if log_odds >= 0:
        return 1 / (1 + exp(-log_odds))
    return exp(log_odds) / (1 + exp(log_odds))


def _score(
    noticed: Mapping[str, Cue],
    names: Iterable[str],
    weights: Mapping[str, float],
    intercept: float,
) -> Score:
    parts = [
        Contribution(noticed[n], weights[n] * noticed[n].strength) for n in names if n in noticed
    ]
    parts.sort(key=lambda c: -abs(c.log_odds))
    total = fsum([intercept, *(c.log_odds for c in parts)])
    return Score(probability(total), total, intercept, tuple(parts))
