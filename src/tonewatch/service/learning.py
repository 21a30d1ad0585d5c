"""From people's decisions to new rules of triage, which somebody accepts or does not.

Only decisions that know what was shown count, of each call the last; test calls say nothing.
"""

from collections.abc import Callable
from datetime import datetime

from tonewatch.service import decisions as kinds
from tonewatch.store.decisions import Decision as Kept
from tonewatch.store.decisions import KeptDecisions
from tonewatch.triage.feedback import Decision, Learning, Refit, Target, refit
from tonewatch.triage.policy import Policy

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
    policy: Policy,
    target: Target,
    at: datetime,
    learning: Learning | None = None,
) -> Refit:
    """New rules that fit the decisions better; nothing changes until `Policies.set` takes them.

    Raises:
        SettingsError: too few decisions, or all of one answer.
    """
    version = f"learnt-{target}-{at:%Y%m%d-%H%M%S}"
    return refit(policy, target, decided(kept, target), version, learning or Learning())


_ASKED: dict[Target, tuple[str, Callable[[str], bool]]] = {
    Target.URGENCY: (kinds.URGENCY, lambda value: value == "high"),
    Target.CHECK: (kinds.OUTCOME, lambda value: value != "genuine"),
}
