import numpy as np
import pytest

from tonewatch.core.labels import EMOTIONS
from tonewatch.simulate.moods import MIXED, MOODS, draw
from tonewatch.simulate.traits import TRAITS
from tonewatch.triage.gravity import Gravity


def test_shares_add_up_for_every_gravity() -> None:
    for moods in MOODS.values():
        assert set(moods) == set(Gravity)
        for mood in moods.values():
            assert sum(mood.values()) == pytest.approx(1)
            assert set(mood) <= set(EMOTIONS)
    for traits in TRAITS.values():
        assert traits.mood is None or sum(traits.mood.values()) == pytest.approx(1)


def test_none_tells_nothing_and_is_the_mean_of_mixed() -> None:
    none = MOODS["none"]
    assert none[Gravity.HIGH] == none[Gravity.LOW] == none[Gravity.MEDIUM]
    assert none[Gravity.HIGH]["fearful"] == pytest.approx((0.45 + 0.05) / 2)
    assert none[Gravity.HIGH]["happy"] == pytest.approx(0.05)


def test_emotions_come_by_their_shares() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw(MIXED[Gravity.HIGH], rng) for _ in range(2000)]
    assert drawn.count("fearful") / 2000 == pytest.approx(0.45, abs=0.04)
    assert drawn.count("happy") == 0
