import numpy as np
import pytest

from tonewatch.core.errors import SettingsError
from tonewatch.core.events import EmotionEstimated
from tonewatch.inference.calibration import Calibration
from tonewatch.inference.smoothing import Smoother, summarise


def estimate(p_sad: float, speech_s: float = 1.0) -> EmotionEstimated:
    p = {"sad": p_sad, "calm": 1 - p_sad}
    best = max(p, key=lambda label: p[label])
    return EmotionEstimated(0, 3, best, p[best], True, p, speech_s)


def test_no_smoothing_changes_nothing() -> None:
    smoother = Smoother(0)
    for end_s, p in ((3, 0.9), (4, 0.1)):
        logs = np.log([p, 1 - p])
        np.testing.assert_array_equal(smoother.push(logs, end_s), logs)


def test_smoothing_decays_by_its_time_constant() -> None:
    smoother = Smoother(1 / np.log(2))  # half of what was before stays after a second
    smoother.push(np.log([0.8, 0.2]), 3)
    smoothed = np.exp(smoother.push(np.log([0.5, 0.5]), 4))
    np.testing.assert_allclose(smoothed, [2 / 3, 1 / 3])


def test_after_a_pause_little_is_left_of_before() -> None:
    smoother = Smoother(5)
    smoother.push(np.log([0.98, 0.02]), 3)
    smoothed = np.exp(smoother.push(np.log([0.02, 0.98]), 123))
    np.testing.assert_allclose(smoothed, [0.02, 0.98], rtol=1e-6)


@pytest.mark.parametrize("time_s", [-1, float("nan"), float("inf")])
def test_wrong_time_is_refused(time_s: float) -> None:
    with pytest.raises(SettingsError):
        Smoother(time_s)


def test_summary_of_equal_windows_is_the_window() -> None:
    emotion = summarise([estimate(0.7)] * 3, Calibration(certain_threshold=0.7 - 1e-9))
    assert emotion is not None
    assert (emotion.label, emotion.certain) == ("sad", True)
    assert emotion.confidence == pytest.approx(0.7)


def test_summary_weighs_by_speech() -> None:
    windows = [estimate(0.9, speech_s=0.3), estimate(0.2, speech_s=3.0)]
    emotion = summarise(windows, Calibration(certain_threshold=0.9))
    assert emotion is not None
    assert (emotion.label, emotion.certain) == ("calm", False)
    assert sum(emotion.probabilities.values()) == pytest.approx(1)


def test_summary_survives_zero() -> None:
    emotion = summarise([estimate(0.0), estimate(1.0)], Calibration())
    assert emotion is not None
    assert emotion.confidence == pytest.approx(0.5)


def test_nothing_heard_has_no_summary() -> None:
    assert summarise([], Calibration()) is None
