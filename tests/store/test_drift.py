from datetime import timedelta

from store.kept import NOON, Kept
from tonewatch.store.assessments import Assessment, AssessmentKind
from tonewatch.store.windows import Window

WEEK = timedelta(days=7)


def shown(kept: Kept, call_id: str, at_s: float, urgency: float, check: float) -> None:
    flag = "check" if check > 0.8 else "none"
    kept.assessments.add(
        call_id,
        [
            Assessment(call_id, at_s, AssessmentKind.URGENCY, urgency, "low", {}, "1"),
            Assessment(call_id, at_s, AssessmentKind.CHECK, check, flag, {}, "1"),
        ],
    )


def test_counts_of_a_week_and_of_no_other(kept: Kept) -> None:
    kept.call("c")
    edges = [k / 10 for k in range(11)]
    windows = [Window(0, k, k + 3, "calm", p, p > 0.5) for k, p in enumerate(edges)]
    kept.calls.add_windows("c", [*windows, Window(0, 99.0, 102.0)])
    shown(kept, "c", 1.0, 0.95, 0.95)
    shown(kept, "c", 2.0, 0.05, 0.3)
    kept.call("late", minutes=7 * 24 * 60)
    shown(kept, "late", 1.0, 0.5, 0.9)
    found = kept.drift.counts(NOON, NOON + WEEK)
    assert found.calls == 1
    assert found.windows == (1, 1, 1, 1, 1, 1, 1, 1, 1, 2)
    assert found.unsure == 6
    assert found.urgency == (1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    assert found.check == (0, 0, 0, 1, 0, 0, 0, 0, 0, 0)
    assert found.flagged == 0
    later = kept.drift.counts(NOON + WEEK, NOON + 2 * WEEK)
    assert (later.calls, sum(later.windows), later.flagged) == (1, 0, 1)
