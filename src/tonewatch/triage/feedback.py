"""What people decided moves the policy's weights, as far as the prior lets it.

A regularised logistic regression around the weights that a person last set (maximum a posteriori
with a normal prior), and no weight further from them than `most_shift`, however many decisions ask
for it and however often it is accepted: half of them may be mistaken or malicious. Tested on later
decisions than it was trained on. It applies nothing: a person accepts the new policy or does not,
and the old one can be restored. It does not know which policies were learnt.

Interval: Wilson, "Probable inference" (1927), at 95 %.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from tonewatch.core.errors import SettingsError
from tonewatch.triage.cues import CHECK, EMOTIONAL, URGENCY
from tonewatch.triage.policy import MOST, Policy

INTERCEPT = "intercept"
"""What urgency learns beside its cues."""

_Reals = NDArray[np.float64]


class Target(StrEnum):
    """Which score a decision is about."""

    URGENCY = "urgency"
    CHECK = "check"


@dataclass(frozen=True)
class Decision:
    """What a person decided about a call.

    Attributes:
        at: when, as a number that grows with time.
        strengths: the cues that were shown, by name.
        yes: urgent, or not a genuine call.
    """

    at: float
    strengths: Mapping[str, float]
    yes: bool


@dataclass(frozen=True, slots=True)
class Learning:
    """How freely weights move.

    Attributes:
        spread: standard deviation of the prior around each weight, in log-odds.
        most_shift: no weight gets further than this from the prior's middle.
        test_share: the latest part of the decisions, kept for the test.
        at_least: fewer decisions are refused.
    """

    spread: float = 0.5
    most_shift: float = 1.0
    test_share: float = 0.3
    at_least: int = 30

    def __post_init__(self) -> None:
        if not (self.spread > 0 and self.most_shift > 0 and 0 < self.test_share < 1):
            raise SettingsError(
                "expected spread and most_shift above 0 and test_share between 0 and 1, came "
                f"{self.spread}, {self.most_shift} and {self.test_share}"
            )


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its 95 % interval; None of each where there is nothing to divide by."""

    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Quality:
    """How a policy does on decisions.

    Attributes:
        log_loss: mean, natural.
        precision: of those over the threshold, the share that people said yes to.
        recall: of those that people said yes to, the share over the threshold.
    """

    log_loss: float
    precision: Share
    recall: Share


@dataclass(frozen=True)
class Refit:
    """A proposal.

    Attributes:
        base: version of the old policy.
        policy: the new policy, learnt from all decisions.
        shifts: new minus old weight of each cue, and of urgency's intercept.
        before: the old policy on the later decisions.
        after: a policy learnt from the earlier decisions alone, on the later ones.
        n_train: how many were earlier.
        n_test: how many were later.
    """

    base: str
    policy: Policy
    shifts: Mapping[str, float]
    before: Quality
    after: Quality
    n_train: int
    n_test: int


def refit(
    policy: Policy,
    target: Target,
    decisions: Sequence[Decision],
    version: str,
    learning: Learning = Learning(),
    around: Policy | None = None,
) -> Refit:
    """Learn from decisions.

    Among decided calls there are more spoof calls than among all, so the check score learns with a
    base rate of its own, which is then forgotten: the policy's is a person's to set.

    Args:
        policy: the one in force, which a proposal is compared with.
        target: which score to learn.
        decisions: of people, in any order.
        version: of the new policy.
        learning: how freely weights move.
        around: whose weights are the prior's middle; `policy` where that was not learnt itself.

    Raises:
        SettingsError: too few decisions, or all of one answer.
    """
    ordered = sorted(decisions, key=lambda d: d.at)
    if len(ordered) < learning.at_least:
        raise SettingsError(
            f"expected at least {learning.at_least} decisions, came {len(ordered)}; wait for more"
        )
    n_train = round(len(ordered) * (1 - learning.test_share))
    earlier, later = ordered[:n_train], ordered[n_train:]
    if len({d.yes for d in earlier}) < 2:
        raise SettingsError(
            "expected both answers among the earlier decisions, came one; wait for the other"
        )
    names = tuple(URGENCY if target is Target.URGENCY else CHECK)
    middle = around or policy
    tried, base = _learn(policy, middle, target, names, earlier, learning)
    learnt, _ = _learn(policy, middle, target, names, ordered, learning)
    old, new = _weights(policy, target, names), _weights(learnt, target, names)
    shifts = dict(zip(names, map(float, new - old), strict=True))
    if target is Target.URGENCY:
        shifts[INTERCEPT] = learnt.urgency_intercept - policy.urgency_intercept
    return Refit(
        base=policy.version,
        policy=replace(learnt, version=version),
        shifts=shifts,
        # The base rate of the decided calls is given to both, or only one could be right.
        before=quality(policy, target, later, _offset(policy, target, names, earlier)),
        after=quality(tried, target, later, base),
        n_train=len(earlier),
        n_test=len(later),
    )


def quality(
    policy: Policy, target: Target, decisions: Sequence[Decision], offset: float = 0.0
) -> Quality:
    """How well a policy's scores fit decisions; `offset` is added for the log-loss alone."""
    names = tuple(URGENCY if target is Target.URGENCY else CHECK)
    x, yes = _table(decisions, names)
    z = x @ _weights(policy, target, names)
    threshold = policy.check_from
    if target is Target.URGENCY:
        z, threshold = z + policy.urgency_intercept, policy.high_from
    told = 1 / (1 + np.exp(-z)) >= threshold
    right = int((told & (yes > 0)).sum())
    return Quality(
        float(_loss(z + offset, yes).mean()),
        wilson(right, int(told.sum())),
        wilson(right, int(yes.sum())),
    )


def wilson(right: int, n: int) -> Share:
    """A share and its 95 % interval."""
    if not n:
        return Share(None, None, None, 0)
    z, p = 1.959964, right / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Share(p, max(0.0, middle - half), min(1.0, middle + half), n)


def _learn(
    policy: Policy,
    middle: Policy,
    target: Target,
    names: tuple[str, ...],
    decisions: Sequence[Decision],
    learning: Learning,
) -> tuple[Policy, float]:
    """The policy with new weights, and the offset of the decided calls."""
    x, yes = _table(decisions, names)
    x = np.column_stack([x, np.ones(len(x))])
    urgency = target is Target.URGENCY
    start = np.append(_weights(middle, target, names), middle.urgency_intercept if urgency else 0.0)
    low, high = start - learning.most_shift, start + learning.most_shift
    spread = np.full(len(start), learning.spread)
    if urgency:
        low = np.array(
            [max(b, 0.0) if n in EMOTIONAL else b for n, b in zip(names, low, strict=False)]
            + [low[-1]]
        )
    else:
        low[-1], high[-1], spread[-1] = -MOST, MOST, MOST
    w = _descend(x, yes, start, spread, np.maximum(low, -MOST), np.minimum(high, MOST))
    weights = dict(zip(names, map(float, w), strict=False))
    if urgency:
        return replace(policy, urgency=weights, urgency_intercept=float(w[-1])), 0.0
    return replace(policy, check=weights), float(w[-1])


def _descend(
    x: _Reals, yes: _Reals, start: _Reals, spread: _Reals, low: _Reals, high: _Reals
) -> _Reals:
    """The minimum of loss and prior between the bounds, by projected Newton steps."""

    def cost(w: _Reals) -> float:
        return float(_loss(x @ w, yes).sum() + (((w - start) / spread) ** 2).sum() / 2)

    w = np.clip(start, low, high)
    for _ in range(200):
        p = 1 / (1 + np.exp(-(x @ w)))
        slope = x.T @ (p - yes) + (w - start) / spread**2
        free = ~(((w <= low) & (slope > 0)) | ((w >= high) & (slope < 0)))
        if not free.any():
            break
        curve = (x.T * (p * (1 - p))) @ x + np.diag(1 / spread**2)
        step = np.zeros_like(w)
        step[free] = np.linalg.solve(curve[np.ix_(free, free)], slope[free])
        now, size = cost(w), 1.0
        while size > 1e-6 and cost(np.clip(w - size * step, low, high)) > now:
            size /= 2
        moved = np.clip(w - size * step, low, high)
        if np.abs(moved - w).max() < 1e-9:
            break
        w = moved
    return w


def _offset(
    policy: Policy, target: Target, names: tuple[str, ...], decisions: Sequence[Decision]
) -> float:
    """What the old weights need so that the mean fits the decided calls' base rate."""
    if target is Target.URGENCY:
        return 0.0
    x, yes = _table(decisions, names)
    z = x @ _weights(policy, target, names)
    low, high = -MOST, MOST
    for _ in range(60):
        middle = (low + high) / 2
        if float((1 / (1 + np.exp(-(z + middle)))).sum()) < float(yes.sum()):
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _table(decisions: Sequence[Decision], names: tuple[str, ...]) -> tuple[_Reals, _Reals]:
    x = np.array([[d.strengths.get(name, 0.0) for name in names] for d in decisions], np.float64)
    return x.reshape(len(decisions), len(names)), np.array([d.yes for d in decisions], np.float64)


def _weights(policy: Policy, target: Target, names: tuple[str, ...]) -> _Reals:
    table = policy.urgency if target is Target.URGENCY else policy.check
    return np.array([table[name] for name in names], np.float64)


def _loss(z: _Reals, yes: _Reals) -> _Reals:
    return np.asarray(np.logaddexp(0, z) - yes * z, np.float64)
