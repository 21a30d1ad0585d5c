import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonewatch.triage.baseline import WARM_UP, Baseline, arousal

LOUD, QUIET = {"angry": 1.0}, {"neutral": 1.0}


def test_arousal() -> None:
    assert arousal({"angry": 0.5, "neutral": 0.5, "unheard": 1.0}) == pytest.approx(0.6)


def test_warming_up_tells_nothing() -> None:
    baseline = Baseline()
    assert [baseline.push(i, i + 3, LOUD) for i in range(WARM_UP)] == [None] * WARM_UP


def test_a_quiet_caller_who_grows_loud() -> None:
    baseline = Baseline()
    for i in range(10):
        baseline.push(i, i + 3, QUIET)
    rise = baseline.push(10, 13, LOUD)
    assert rise is not None
    assert (rise.start_s, rise.end_s, rise.strength) == (10, 13, 1.0)
    assert rise.arousal == pytest.approx(1.0)
    assert rise.baseline == pytest.approx(0.2)


def test_who_is_always_loud_does_not_rise() -> None:
    baseline = Baseline()
    for i in range(10):
        baseline.push(i, i + 3, LOUD)
    rise = baseline.push(10, 13, LOUD)
    assert rise is not None
    assert rise.strength == pytest.approx(0)


@settings(max_examples=60)
@given(st.lists(st.floats(0, 1), min_size=WARM_UP, max_size=20), st.floats(0, 1), st.floats(0, 1))
def test_more_arousal_now_is_never_less_of_a_rise(before: list[float], a: float, b: float) -> None:
    strengths = []
    for now in sorted((a, b)):
        baseline = Baseline()
        for i, p in enumerate(before):
            baseline.push(i, i + 3, {"angry": p})
        rise = baseline.push(30, 33, {"angry": now})
        assert rise is not None
        strengths.append(rise.strength)
    assert strengths[0] <= strengths[1]
