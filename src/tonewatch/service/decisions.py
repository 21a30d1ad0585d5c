"""What people decide about calls, each with what was shown to them at that moment.

So learning needs no guess about what they knew. Who decides otherwise than what was shown says why.
"""

from collections.abc import Mapping
from typing import Any

from tonewatch.call.events import Assessed
from tonewatch.core.errors import UnfitError
from tonewatch.service.assessed import Latest
from tonewatch.store.audit import Audit
from tonewatch.store.database import Database
from tonewatch.store.decisions import Decision, KeptDecisions

OUTCOME = "outcome"
"""What the call was in the end: one of `OUTCOMES`."""

OUTCOMES = ("genuine", "prank", "accidental", "abusive", "test")

URGENCY = "urgency"
"""How urgent the call was: one of `URGENCIES`."""

URGENCIES = ("high", "medium", "low")

_VALUES = {OUTCOME: OUTCOMES, URGENCY: URGENCIES}
_ROUNDED = 6


class Decisions:
    """Takes decisions."""

    def __init__(
        self, database: Database, kept: KeptDecisions, audit: Audit, latest: Latest
    ) -> None:
        self._database = database
        self._kept = kept
        self._audit = audit
        self._latest = latest

    def decide(
        self, call_id: str, user: str, actor: str, kind: str, value: str, reason: str = ""
    ) -> Decision:
        """Keep a decision with what was shown, and write it down.

        Args:
            call_id: of which call.
            user: whose decision it is.
            actor: how the audit names them.
            kind: `outcome`, `urgency` or another word.
            value: what was decided.
            reason: why; needed where it contradicts what was shown.

        Raises:
            ConflictError: the call was erased.
            NotFoundError: there is no such call.
            UnfitError: no such value of that kind, or the reason is missing.
        """
        known = _VALUES.get(kind)
        if known is not None and value not in known:
            raise UnfitError(f"expected {kind} as one of {', '.join(known)}, came {value!r}")
        shown = self.shown(call_id)
        if overrides(kind, value, shown) and not reason.strip():
            raise UnfitError(
                f"expected a reason for {kind} {value!r}, which is not what was shown, came none; "
                "say in a few words why"
            )
        with self._database.begin():
            made = self._kept.add(call_id, user, kind, value, reason, shown)
            # Not the reason: it is personal, and is erased with the call; the audit stays.
            details: dict[str, Any] = {"decision": made.id, "kind": kind, "value": value}
            if shown is not None:
                details["shown"] = {key: shown[key] for key in ("band", "flagged", "policy")}
            self._audit.append(actor, "call.decided", f"call:{call_id}", details)
        return made

    def shown(self, call_id: str) -> Mapping[str, Any] | None:
        """What is shown of a call now: live, or as it was last kept; None where nothing is."""
        assessed = self._latest.of([call_id]).get(call_id)
        return None if assessed is None else _shown(assessed)


def overrides(kind: str, value: str, shown: Mapping[str, Any] | None) -> bool:
    """Whether a decision contradicts what was shown; not where nothing was."""
    if shown is None or value == "test":
        return False
    if kind == URGENCY:
        return bool(value != shown["band"])
    return kind == OUTCOME and (value != "genuine") != shown["flagged"]


def _shown(assessed: Assessed) -> dict[str, Any]:
    urgency, check = assessed.urgency, assessed.check
    parts = [*urgency["contributions"], *check["contributions"]]
    return {
        "band": urgency["band"],
        "urgency": round(urgency["value"], _ROUNDED),
        "flagged": check["flagged"],
        "check": round(check["value"], _ROUNDED),
        "policy": assessed.policy,
        "strengths": {each["cue"]: round(each["strength"], _ROUNDED) for each in parts},
    }
