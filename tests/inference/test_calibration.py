import numpy as np
import pytest

from tonewatch.core.errors import SettingsError
from tonewatch.inference.calibration import Calibration


def test_known_answer() -> None:
    calibration = Calibration(temperature=2.0, bias=(0.0, float(np.log(3))))
    p = np.exp(calibration.log_probabilities(np.array([4.0, 4.0])))
    np.testing.assert_allclose(p, [0.25, 0.75])


def test_large_logits_stay_finite() -> None:
    logs = Calibration(temperature=0.01).log_probabilities(np.array([1e4, -1e4, 0.0]))
    assert np.isfinite(logs).all()
    assert np.exp(logs).sum() == pytest.approx(1)


def test_certain_from_the_threshold_on() -> None:
    calibration = Calibration(certain_threshold=0.6)
    assert calibration.is_certain(0.6)
    assert not calibration.is_certain(0.5999)


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": 0.0},
        {"temperature": float("inf")},
        {"bias": (float("nan"),)},
        {"certain_threshold": 1.1},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError):
        Calibration(**wrong)  # type: ignore[arg-type]
