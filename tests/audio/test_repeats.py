"""The same sound again: found through noise, not made up, the same for any chunks."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonewatch.audio.repeats import Repeat, Repeats, RepeatSettings
from tonewatch.core.errors import SettingsError
from tonewatch.core.signal import RATE_HZ, Samples
from voices import babble

CLIP = babble(4, 1)
OTHER = babble(6, 2)
PLAYED_TWICE = np.concatenate([OTHER[:16_000], CLIP, OTHER, CLIP, OTHER[:32_000]])
"""The clip begins at 1 s, and again at 11 s."""


def told(samples: Samples, cuts: list[int] | None = None, **settings: float) -> list[Repeat]:
    repeats = Repeats(RepeatSettings(**settings))
    edges = [0, *sorted(cuts or ()), samples.size]
    return [each for a, b in pairwise(edges) for each in repeats.push(samples[a:b])]


def test_a_clip_that_is_played_twice_is_told_once_with_its_times() -> None:
    (repeat,) = told(PLAYED_TWICE)
    assert repeat.start_s - repeat.earlier_s == pytest.approx(10.0, abs=0.07)
    assert 10.8 <= repeat.start_s < repeat.end_s <= 15.0
    assert repeat.end_s - repeat.start_s == pytest.approx(2.9, abs=0.1)
    assert repeat.agreement > 0.98


@pytest.mark.parametrize("late", [1, 333, 512, 777])
def test_it_is_found_softer_in_noise_and_at_any_sample(late: int) -> None:
    rng = np.random.default_rng(late)
    again = np.concatenate([np.zeros(late, np.float32), 0.5 * CLIP])
    call = np.concatenate([CLIP, OTHER, again, OTHER[:16_000]])
    noise = 0.1 * np.std(CLIP) * rng.standard_normal(call.size)
    (repeat,) = told((call + noise).astype(np.float32))
    assert repeat.start_s - repeat.earlier_s == pytest.approx(10 + late / RATE_HZ, abs=0.07)


@given(cuts=st.lists(st.integers(0, PLAYED_TWICE.size), max_size=30))
@settings(deadline=None, max_examples=30)
def test_chunks_change_nothing(cuts: list[int]) -> None:
    assert told(PLAYED_TWICE, cuts) == told(PLAYED_TWICE)


@given(cuts=st.lists(st.integers(0, 100_000), max_size=5), gap_s=st.floats(0, 90))
@settings(deadline=None, max_examples=30)
def test_lost_samples_move_the_times_however_they_are_told(cuts: list[int], gap_s: float) -> None:
    n_lost = round(gap_s * RATE_HZ)
    repeats = Repeats()
    repeats.push(np.concatenate([CLIP, OTHER]))
    parts = np.diff([0, *sorted(min(cut, n_lost) for cut in cuts), n_lost])
    for n in parts:
        repeats.skip(int(n))
    (repeat,) = repeats.push(np.concatenate([CLIP, OTHER]))
    lag_s = 10 + n_lost / RATE_HZ
    assert repeat.start_s - repeat.earlier_s == pytest.approx(lag_s, abs=0.07)
    assert lag_s - 0.1 <= repeat.start_s <= lag_s + 1.0


def test_a_repeat_that_goes_on_is_told_once_and_the_next_again() -> None:
    clip = babble(12, 3)
    (once,) = told(np.concatenate([clip, clip, OTHER]))
    assert once.start_s < 13.7
    twice = told(np.concatenate([CLIP, OTHER, CLIP, babble(5, 4), CLIP, babble(2, 8)]))
    assert [round(each.start_s) for each in twice] == [10, 19]


@pytest.mark.parametrize(
    "samples",
    [
        babble(30, 5),
        np.zeros(30 * RATE_HZ, np.float32),
        np.sin(2 * np.pi * 440 * np.arange(30 * RATE_HZ) / RATE_HZ).astype(np.float32),
        np.sign(np.sin(2 * np.pi * 300 * np.arange(30 * RATE_HZ) / RATE_HZ)).astype(np.float32),
        np.tile(babble(0.7, 6), 40),
        np.tile(np.concatenate([babble(0.5, 7), np.zeros(8_000, np.float32)]), 30),
        np.full(30 * RATE_HZ, 2.0**31, np.float32),
    ],
    ids=["nothing again", "silence", "tone", "clipped tone", "rattle", "beeps", "far too loud"],
)
def test_what_is_not_played_again_is_not_told(samples: Samples) -> None:
    assert told(samples) == []


def test_what_is_long_ago_is_forgotten_and_memory_is_bounded() -> None:
    assert told(PLAYED_TWICE, remember_s=8.0) == []
    repeats = Repeats(RepeatSettings(remember_s=8.0))
    sizes = set()
    for second in range(40):
        repeats.push(babble(1, second))
        kept = [value for value in vars(repeats).values() if isinstance(value, np.ndarray)]
        sizes.add(sum(each.size for each in kept) if second > 15 else 0)
    assert max(sizes) < 6_000


@pytest.mark.parametrize(
    "wrong",
    [
        {"agreement": 0.5},
        {"agreement": 1.1},
        {"deviations": 0.0},
        {"least_change": -0.1},
        {"length_s": 0.5},
        {"apart_s": -1.0},
        {"remember_s": 3.0},
    ],
)
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="expected"):
        RepeatSettings(**wrong)
