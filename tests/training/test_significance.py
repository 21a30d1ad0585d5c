from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tonewatch.inference.scores import Predictions, joined, uar, uar_interval
from tonewatch.training.significance import difference, holm
from training.finished import answers


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def with_rights(right: NDArray[np.bool_], speakers: list[str]) -> Predictions:
    """Two labels; the answer is right where `right` says so."""
    n = len(right)
    target = np.tile([0, 1], n // 2)
    guess = np.where(right, target, 1 - target)
    return Predictions(
        ("happy", "sad"), np.eye(2)[guess], target, np.zeros(n, bool), tuple(speakers),
        (None,) * n, (None,) * n, tuple(map(str, range(n))),
    )  # fmt: skip


def test_p_of_all_exchanges_by_hand() -> None:
    # Three speakers of four recordings; the first network has 4, 3, 2 right, the second 2, 2, 3.
    speakers = [name for name in "abc" for _ in range(4)]
    ours = with_rights(np.array([1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0], bool), speakers)
    theirs = with_rights(np.array([1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0], bool), speakers)
    came = difference(ours, theirs, rng=rng())
    assert came.uar == pytest.approx(uar(ours) - uar(theirs)) == pytest.approx(2 / 12)
    # Gains of 2, 1 and -1 with any signs: +-2 or more in 6 of 8 (not 2 - 1 - 1 and its opposite).
    assert came.p == 6 / 8
    assert (came.smallest_p, came.better, came.worse, came.speakers) == (0.25, 2, 1, 3)


def test_the_same_answers_do_not_differ() -> None:
    one = answers(range(8), 1.0)
    came = difference(one, one, rng=rng())
    assert (came.uar, came.p, came.interval, came.better) == (0, 1, (0, 0), 0)


def test_many_speakers_are_drawn_and_a_clear_gain_is_found() -> None:
    strong, weak = answers(range(20), 2.0), answers(range(20), 0.5)
    came = difference(strong, weak, rng=rng())
    assert came.interval is not None and came.interval[0] > 0.1
    assert came.p == came.smallest_p < 0.001
    back = difference(weak, strong, rng=rng())
    assert back.uar == pytest.approx(-came.uar) and back.better == came.worse


def test_a_pair_is_surer_than_two_intervals_beside_each_other() -> None:
    # Speakers differ much, the two networks little but always the same way.
    weak = joined([answers(range(s, s + 1), 0.3 * s) for s in range(8)])
    improved = np.array(weak.probabilities)
    wrong = np.flatnonzero(~weak.right)[::4]
    improved[wrong] = np.eye(4)[weak.target[wrong]]
    strong = replace(weak, probabilities=improved)
    came = difference(strong, weak, rng=rng())
    alone = uar_interval(weak, rng=rng())
    assert came.interval is not None and alone is not None
    assert came.interval[0] > 0
    assert came.interval[1] - came.interval[0] < alone[1] - alone[0]
    assert uar(strong) < alone[1], "the intervals overlap"


def test_two_speakers_give_no_interval_and_no_small_p() -> None:
    came = difference(answers(range(2), 3.0), answers(range(2), 0.0), rng=rng())
    assert came.interval is None
    assert came.p == came.smallest_p == 0.5


def test_chance_differences_are_called_significant_as_often_as_said() -> None:
    p = [
        difference(
            answers(range(8), 1.0, seed=s), answers(range(8), 1.0, seed=s + 100), rng=rng()
        ).p
        for s in range(60)
    ]
    assert 0.25 < np.mean(np.array(p) < 0.5) < 0.75
    assert np.mean(np.array(p) < 0.05) < 0.15


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([]) == []
