"""What speaks how much for a call: weights, thresholds and the base rate, in one versioned file.

A policy is data that a helpline answers for: it can be read, changed, compared and restored.
Emotion may raise urgency and never lower it, so its weights there may not be below 0. It does not
know who changes it, nor keeps old ones; the text of a file is all that is needed to have it back.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from math import isfinite
from typing import Any

from tonewatch.core.errors import SettingsError
from tonewatch.triage.cues import CHECK, EMOTIONAL, URGENCY

FORMAT = 2
"""The newest format of the file."""

_SINCE_2 = ("spotted_phrases",)  # rules written before leave these cues of urgency out

MOST = 10.0
"""No weight is further from 0: e ** 10 is 22,000 to one."""


@dataclass(frozen=True)
class Policy:
    """By which rules calls are assessed.

    Attributes:
        version: a name for this state of the rules; a change takes a new one.
        enabled: the off switch; False stops all scoring at once.
        base_rate: the share of calls that are not genuine, between 0 and 1.
        urgency_intercept: the log-odds of a call of which nothing is known.
        urgency: weight of each cue, in log-odds at a strength of 1.
        medium_from: urgency from which the band is medium.
        high_from: urgency from which the band is high.
        check: weight of each cue, in log-odds at a strength of 1.
        check_from: check score from which the flag is shown.
    """

    version: str
    enabled: bool
    base_rate: float
    urgency_intercept: float
    urgency: Mapping[str, float]
    medium_from: float
    high_from: float
    check: Mapping[str, float]
    check_from: float

    def __post_init__(self) -> None:
        named = isinstance(self.version, str) and self.version.strip()
        if not named or not self.version.isprintable():
            raise SettingsError(
                f"policy: expected a version of printable signs, came {self.version!r}; name one"
            )
        if not isinstance(self.enabled, bool):
            raise SettingsError(
                f"policy: expected enabled to be true or false, came {self.enabled!r}"
            )
        _numbers(
            {
                "base_rate": self.base_rate,
                "urgency_intercept": self.urgency_intercept,
                "medium_from": self.medium_from,
                "high_from": self.high_from,
                "check_from": self.check_from,
            }
        )
        if not 0 < self.base_rate < 1:
            raise SettingsError(
                f"policy: expected a base_rate between 0 and 1, came {self.base_rate}"
            )
        if not 0 < self.medium_from < self.high_from < 1 or not 0 < self.check_from < 1:
            raise SettingsError(
                "policy: expected 0 < medium_from < high_from < 1 and 0 < check_from < 1, came "
                f"{self.medium_from}, {self.high_from} and {self.check_from}"
            )
        for table, weights, known in (
            ("urgency", self.urgency, URGENCY),
            ("check", self.check, CHECK),
        ):
            _numbers({f"{table}.{name}": weight for name, weight in weights.items()})
            if set(weights) != set(known):
                raise SettingsError(
                    f"policy: expected in {table} a weight for each of {sorted(known)}, came "
                    f"{sorted(weights)}; 0 leaves a cue out"
                )
        if lowering := sorted(name for name in EMOTIONAL if self.urgency[name] < 0):
            raise SettingsError(
                f"policy: expected weights of 0 or more for {lowering} in urgency, as emotion "
                "never lowers it; correct them"
            )

    def to_toml(self) -> str:
        """The text of its file; `parse` gives the same policy back.

        Rules that weigh no newer cue are written in the format from before, so that those kept then
        have the same text and hash.
        """
        newer = any(self.urgency[name] for name in _SINCE_2)
        lines = [
            f"format = {FORMAT if newer else 1}",
            f"version = {json.dumps(self.version, ensure_ascii=False)}",
            f"enabled = {str(self.enabled).lower()}",
            f"base_rate = {float(self.base_rate)!r}",
            "",
            "[urgency]",
            f"intercept = {float(self.urgency_intercept)!r}",
            f"medium_from = {float(self.medium_from)!r}",
            f"high_from = {float(self.high_from)!r}",
            "",
            "[urgency.weights]",
            *(
                f"{name} = {float(weight)!r}"
                for name, weight in self.urgency.items()
                if newer or name not in _SINCE_2
            ),
            "",
            "[check]",
            f"flag_from = {float(self.check_from)!r}",
            "",
            "[check.weights]",
            *(f"{name} = {float(weight)!r}" for name, weight in self.check.items()),
            "",
        ]
        return "\n".join(lines)

    @property
    def sha256(self) -> str:
        """The hash of its text, for the audit."""
        return hashlib.sha256(self.to_toml().encode()).hexdigest()

    def switched(self, enabled: bool, version: str) -> "Policy":
        """The same rules, on or off."""
        return replace(self, enabled=enabled, version=version)


def shipped() -> Policy:
    """The policy that comes with Tonewatch."""
    return parse((files("tonewatch.triage") / "policy.toml").read_text(encoding="utf-8"))


def parse(text: str) -> Policy:
    """A policy from the text of its file.

    Raises:
        SettingsError: It is no policy; the message says where.
    """
    try:
        content = tomllib.loads(text)
    except ValueError as error:  # of TOML, or of a number with thousands of digits
        raise SettingsError(f"policy: expected TOML, came {error}; correct that line") from error
    written_as = content.pop("format", None)
    if written_as not in (1, FORMAT):
        raise SettingsError(f"policy: expected format = {FORMAT}; write it in the first line")
    try:
        urgency, check = _table(content, "urgency"), _table(content, "check")
        before = dict.fromkeys(_SINCE_2, 0.0) if written_as == 1 else {}
        policy = Policy(
            version=content.pop("version"),
            enabled=content.pop("enabled"),
            base_rate=content.pop("base_rate"),
            urgency_intercept=urgency.pop("intercept"),
            urgency=before | _table(urgency, "urgency.weights"),
            medium_from=urgency.pop("medium_from"),
            high_from=urgency.pop("high_from"),
            check=_table(check, "check.weights"),
            check_from=check.pop("flag_from"),
        )
    except KeyError as error:
        raise SettingsError(f"policy: expected {error}, which is not there; add it") from error
    if stray := sorted([*content, *urgency, *check]):
        raise SettingsError(f"policy: expected nothing named {stray}; take it out or correct it")
    return policy


def implied_precision(base_rate: float, sensitivity: float, specificity: float) -> float:
    """How often a flag is right (Bayes): at 0.0077, 0.84 and 0.84 it is 0.039."""
    hits = sensitivity * base_rate
    false = (1 - specificity) * (1 - base_rate)
    return hits / (hits + false) if hits + false else 0.0


def _table(content: dict[str, Any], name: str) -> dict[str, Any]:
    table = content.pop(name.rpartition(".")[2])
    if not isinstance(table, dict):
        raise SettingsError(
            f"policy: expected {name} to be a table, came {table!r}; write it under [{name}]"
        )
    return table


def _numbers(named: Mapping[str, Any]) -> None:
    for name, value in named.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or abs(value) > MOST or not isfinite(value):
            raise SettingsError(
                f"policy: expected {name} to be a number from {-MOST:g} to {MOST:g}, came {value!r}"
            )
