"""What is shown of calls now: of live ones the last that was told, of ended ones the last kept.

Switched off, nothing is shown. It computes nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tonewatch.call.events import Assessed
from tonewatch.service.bus import Bus
from tonewatch.service.policies import Policies
from tonewatch.store.assessments import Assessment, AssessmentKind, Assessments


class Latest:
    """The assessments that are shown."""

    def __init__(self, bus: Bus, assessments: Assessments, policies: Policies) -> None:
        self._bus = bus
        self._assessments = assessments
        self._policies = policies

    def of(self, call_ids: Sequence[str]) -> Mapping[str, Assessed]:
        """What is shown of these calls; those of which nothing is are left out."""
        if not call_ids or not self._policies.current().enabled:
            return {}
        live = {call_id: self._bus.call(call_id) for call_id in call_ids}
        found = {
            call_id: call.assessment
            for call_id, call in live.items()
            if call is not None and call.assessment is not None
        }
        ended = [call_id for call_id, call in live.items() if call is None]
        for call_id, kinds in self._assessments.last(ended).items():
            if len(kinds) == len(AssessmentKind):
                found[call_id] = _joined(kinds[AssessmentKind.URGENCY], kinds[AssessmentKind.CHECK])
        return found


def history(kept: Sequence[Assessment]) -> list[Assessed]:
    """A call's kept assessments as they were shown, in order."""
    by_moment: dict[float, dict[AssessmentKind, Assessment]] = {}
    for each in kept:
        by_moment.setdefault(each.at_s, {})[each.kind] = each
    return [
        _joined(kinds[AssessmentKind.URGENCY], kinds[AssessmentKind.CHECK])
        for kinds in by_moment.values()
        if len(kinds) == len(AssessmentKind)
    ]


def for_audit(
    assessed: Iterable[Assessed], rules: Callable[[str], Mapping[str, Any]]
) -> dict[str, Any]:
    """What an entry of the audit says of them; nothing where there are none."""
    rows = list(assessed)
    if not rows:
        return {}
    versions = sorted({each.policy for each in rows if each.urgency})
    return {
        "assessments": [row(each) for each in rows],
        "rules": [dict(rules(version)) for version in versions],
    }


def row(assessed: Assessed) -> list[Any]:
    """Second of the call, urgency, band, check score, flag and version; short, as there are many.

    All but the first are null where what was told is taken back.
    """
    if not assessed.urgency:
        return [round(assessed.at_s, 3), None, None, None, None, None]
    return [
        round(assessed.at_s, 3),
        round(assessed.urgency["value"], 4),
        assessed.urgency["band"],
        round(assessed.check["value"], 4),
        assessed.check["flagged"],
        assessed.policy,
    ]


def _joined(urgency: Assessment, check: Assessment) -> Assessed:
    return Assessed(
        urgency.call_id,
        urgency.at_s,
        urgency.contributions,
        check.contributions,
        urgency.policy_version,
    )
