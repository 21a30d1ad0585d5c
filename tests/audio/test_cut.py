import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonewatch.audio.cut import clip, trim
from tonewatch.core.errors import SettingsError
from tonewatch.core.signal import Samples

RAMP: Samples = (np.arange(32_000) / 32_000).astype(np.float32)


def test_both_ends_are_cut_to_the_speech_and_pauses_stay() -> None:
    cut = trim(RAMP, [(0.5, 0.7), (1.0, 1.5)], pad_s=0.25)
    np.testing.assert_array_equal(cut, RAMP[4_000:28_000])


def test_no_more_is_cut_than_there_is() -> None:
    np.testing.assert_array_equal(trim(RAMP, [(0.0, 2.0)], pad_s=1.0), RAMP)
    np.testing.assert_array_equal(trim(RAMP, []), RAMP)


def test_a_longer_one_keeps_its_loudest_stretch() -> None:
    samples = np.zeros(64_000, np.float32)
    samples[20_000:30_000] = 0.5
    cut = clip(samples, 1.0)
    assert cut.size == 16_000
    assert np.count_nonzero(cut) == 10_000


@given(st.integers(0, 40_000), st.sampled_from([0.5, 1.0, 2.0]))
def test_all_have_the_length_asked(n: int, length_s: float) -> None:
    samples: Samples = np.ones(n, np.float32)
    cut = clip(samples, length_s)
    assert cut.size == length_s * 16_000
    assert cut.dtype == np.float32
    assert cut.sum() == min(n, cut.size)


@pytest.mark.parametrize("length_s", [0.0, -1.0, float("nan"), float("inf")])
def test_lengths_are_checked(length_s: float) -> None:
    with pytest.raises(SettingsError):
        clip(RAMP, length_s)
