from dataclasses import replace

import numpy as np
import pytest

from tonewatch.core.errors import SettingsError
from tonewatch.triage.cues import CHECK, EMOTIONAL, URGENCY
from tonewatch.triage.feedback import Decision, Learning, Target, quality, refit, wilson
from tonewatch.triage.policy import parse, shipped

POLICY = shipped()


def decided(n: int, seed: int, flip: float = 0.0, target: Target = Target.CHECK) -> list[Decision]:
    """Decisions by a world in which laughter (or gravity) says much and the rest little."""
    rng = np.random.default_rng(seed)
    names = list(CHECK if target is Target.CHECK else URGENCY)
    telling = "laughter" if target is Target.CHECK else "fear"
    decisions = []
    for at in range(n):
        strengths = {name: float(rng.random() < 0.3) * float(rng.random()) for name in names}
        z = -1.5 + 4 * strengths[telling] + 0.2 * sum(strengths.values())
        yes = bool(rng.random() < 1 / (1 + np.exp(-z)))
        decisions.append(Decision(float(at), strengths, yes != bool(rng.random() < flip)))
    return decisions


@pytest.mark.parametrize(("target", "name"), [(Target.CHECK, "laughter"), (Target.URGENCY, "fear")])
def test_decisions_move_the_policy_the_right_way(target: Target, name: str) -> None:
    found = refit(POLICY, target, decided(200, 1, target=target), "next")
    assert found.shifts[name] > 0.2
    assert found.shifts[name] == max(found.shifts.values())
    assert found.after.log_loss < found.before.log_loss
    assert (found.n_train, found.n_test) == (140, 60)


def test_it_is_better_on_calls_after_all_of_them() -> None:
    gains = []
    for seed in range(5):
        found = refit(POLICY, Target.URGENCY, decided(200, seed, target=Target.URGENCY), "next")
        later = decided(400, 100 + seed, target=Target.URGENCY)
        before = quality(POLICY, Target.URGENCY, later).log_loss
        gains.append(before - quality(found.policy, Target.URGENCY, later).log_loss)
    assert min(gains) > 0


@pytest.mark.parametrize("flip", [0.5, 1.0])
def test_wrong_decisions_are_bounded(flip: float) -> None:
    learning = Learning(most_shift=0.7)
    found = refit(POLICY, Target.CHECK, decided(2000, 2, flip), "next", learning)
    assert max(map(abs, found.shifts.values())) <= 0.7 + 1e-9


def test_the_bounds_are_around_another_policy_and_the_shifts_from_the_one_in_force() -> None:
    against = decided(2000, 2, 1.0, Target.URGENCY)
    first = refit(POLICY, Target.URGENCY, against, "first").policy
    again = refit(first, Target.URGENCY, against, "again", around=POLICY)
    assert again.policy.urgency == first.urgency
    assert again.policy.urgency_intercept == first.urgency_intercept
    assert not any(again.shifts.values())
    assert again.before == quality(first, Target.URGENCY, against[1400:])


def test_no_call_moves_further_than_its_strengths_allow() -> None:
    found = refit(POLICY, Target.CHECK, decided(200, 3, flip=0.5), "next")
    for decision in decided(100, 4):
        moved = sum(found.shifts[name] * s for name, s in decision.strengths.items())
        assert abs(moved) <= Learning().most_shift * sum(decision.strengths.values()) + 1e-9


def test_emotion_still_never_lowers_urgency() -> None:
    against = [replace(d, yes=not d.yes) for d in decided(400, 4, target=Target.URGENCY)]
    found = refit(POLICY, Target.URGENCY, against, "next", Learning(spread=5.0, most_shift=9.0))
    assert all(found.policy.urgency[name] >= 0 for name in EMOTIONAL)
    assert found.policy.urgency["fear"] == 0


def test_nothing_else_changes_and_the_old_can_be_restored() -> None:
    kept = POLICY.to_toml()
    found = refit(POLICY, Target.CHECK, decided(100, 5), "next")
    assert replace(found.policy, check=POLICY.check, version=POLICY.version) == POLICY
    assert parse(kept) == POLICY


def test_a_shift_of_the_intercept_is_told() -> None:
    always = [replace(d, yes=True) for d in decided(60, 7, target=Target.URGENCY)]
    mixed = [*decided(60, 8, target=Target.URGENCY), *always]
    found = refit(POLICY, Target.URGENCY, mixed, "next")
    moved = found.policy.urgency_intercept - POLICY.urgency_intercept
    assert abs(moved) > 0.05 and found.shifts["intercept"] == moved
    assert "intercept" not in refit(POLICY, Target.CHECK, decided(60, 8), "next").shifts


def test_order_of_arrival_does_not_matter() -> None:
    decisions = decided(80, 6)
    assert refit(POLICY, Target.CHECK, decisions[::-1], "n") == refit(
        POLICY, Target.CHECK, decisions, "n"
    )


def test_wilson_known_answer() -> None:
    share = wilson(8, 10)
    assert (share.value, share.n) == (0.8, 10)
    assert share.low == pytest.approx(0.4902, abs=1e-4)
    assert share.high == pytest.approx(0.9433, abs=1e-4)
    assert wilson(0, 0).value is None


def test_too_few_or_one_sided_decisions_are_refused() -> None:
    with pytest.raises(SettingsError, match="at least 30"):
        refit(POLICY, Target.CHECK, decided(29, 7), "next")
    with pytest.raises(SettingsError, match="both answers"):
        agreed = [replace(d, yes=True) for d in decided(60, 8)]
        refit(POLICY, Target.CHECK, agreed, "next")


@pytest.mark.parametrize("wrong", [{"spread": 0.0}, {"most_shift": -1.0}, {"test_share": 1.0}])
def test_wrong_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError):
        Learning(**wrong)  # type: ignore[arg-type]
