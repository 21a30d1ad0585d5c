"""From people's decisions to new rules of triage, which somebody accepts or does not.

Only decisions that know what was shown count, of each call the last; test calls say nothing.
"""

from collections.abc import Callable
from datetime import datetime

from tonewatch.service import decisions as kinds
from tonewatch.service.policies import LEARNT, Policies
from tonewatch.store.decisions import Decision as Kept
from tonewatch.store.decisions import KeptDecisions
from tonewatch.triage.feedback import Decision, Learning, Refit, Target, refit

_NO_ANSWER = "test"


def decided(kept: KeptDecisions, target: Target) -> list[Decision]:
    """What people decided, as learning takes it: whether urgent, or whether not genuine."""
    kind, yes = _ASKED[target]
    last: dict[str, Kept] = {}
    for each in kept.of_kind(kind):
        last[each.call_id] = each
    return [
        Decision(each.created_at.timestamp(), each.shown["strengths"], yes(each.value))
        for each in last.values()
        if each.shown is not None and each.value != _NO_ANSWER
    ]


def propose(
    kept: KeptDecisions,
    policies: Policies,
    target: Target,
    at: datetime,
    learning: Learning | None = None,
) -> Refit:
    """New rules that fit the decisions better; nothing changes until `Policies.set` takes them.

    The same decisions are learnt from each time, so the prior stays around the rules that a person
    last set: accepting one proposal after the other leads no further.

    Raises:
        SettingsError: too few decisions, or all of one answer.
    """
    version = f"{LEARNT}{target}-{at:%Y%m%d-%H%M%S}"
    known, how = decided(kept, target), learning or Learning()
    return refit(policies.current(), target, known, version, how, policies.by_hand())


_ASKED: dict[Target, tuple[str, Callable[[str], bool]]] = {
    Target.URGENCY: (kinds.URGENCY, lambda value: value == "high"),
    Target.CHECK: (kinds.OUTCOME, lambda value: value != "genuine"),
}
