from dataclasses import replace

import numpy as np
import pytest

from simulate.test_render import rendered
from tonewatch.simulate.render import Sides
from tonewatch.simulate.scores import Judged, Scores, from_assessed, interval, pairs, score
from tonewatch.triage.gravity import Gravity

LABELS = rendered(Sides.CALLER).labels
HIGH, LOW = (replace(LABELS, gravity=gravity) for gravity in (Gravity.HIGH, Gravity.LOW))
PRANK = replace(LOW, outcome="prank")


def scored(*judged: Judged, base_rate: float = 0.05, missing: int = 0) -> Scores:
    return score(judged, base_rate, missing=missing, rng=np.random.default_rng(0))


def test_pairs_are_counted_with_ties_half() -> None:
    np.testing.assert_array_equal(
        pairs(np.array([1.0, 3.0]), np.array([1.0, 2.0])), [[0.5, 0.0], [1.0, 1.0]]
    )
    assert pairs(np.zeros((4, 2)), np.zeros((4, 3))).shape == (4, 2, 3)


def test_urgency_is_asked_of_genuine_calls_alone() -> None:
    found = scored(
        Judged(HIGH, 0.9, False),
        Judged(HIGH, 0.4, False),
        Judged(LOW, 0.5, False),
        Judged(LOW, 0.4, True),
        Judged(PRANK, 0.99, True),
        Judged(replace(HIGH, gravity=Gravity.MEDIUM), 0.0, False),
    )
    assert found.auc == (2 + 0 + 0.5) / 4
    assert (found.n_grave, found.n_minor) == (2, 2)
    assert found.interval is not None and found.interval[0] <= found.auc <= found.interval[1]


def test_flags_at_the_base_rate() -> None:
    judged = [Judged(PRANK, 0.5, flagged=k < 84) for k in range(100)]
    judged += [Judged(LOW, 0.5, flagged=k < 16) for k in range(100)]
    found = scored(*judged, base_rate=0.0077)
    assert found.found.value == 0.84
    assert found.spared.value == 0.84
    assert found.precision.value == 0.84  # where half of the calls are to be checked
    at = found.precision_at
    assert at.value == pytest.approx(0.039, abs=5e-4)  # and where 0.77 % are
    assert at.low is not None and at.high is not None and 0.02 < at.low < 0.03 < at.high < 0.07
    assert scored(*judged, base_rate=0.5).precision_at.value == pytest.approx(0.84)


def test_nothing_is_made_up_where_there_is_nothing_to_tell() -> None:
    found = scored(Judged(HIGH, 0.5, False), missing=3)
    assert (found.auc, found.interval, found.precision_at.value) == (None, None, None)
    assert found.found.value is None and found.precision.value is None
    assert found.missing == 3
    assert scored().to_dict()["auc"] is None
    unflagged = scored(Judged(PRANK, 0.5, False), Judged(LOW, 0.5, False))
    assert unflagged.precision_at.value is None and unflagged.found.value == 0


def test_the_interval_narrows_with_calls() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for n in (10, 200):
        won = pairs(rng.normal(1, 1, n), rng.normal(0, 1, n))
        low, high = interval(won, rng)
        assert low < won.mean() < high
        widths.append(high - low)
    assert widths[0] > 2 * widths[1]


def test_what_the_service_tells() -> None:
    told = {"urgency": {"value": 0.7, "band": "high"}, "check": {"flagged": True, "value": 0.9}}
    assert from_assessed(HIGH, told) == Judged(HIGH, 0.7, True)
