import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tonewatch.training.calibrate import Fit, fit, negative_log_likelihood, sharpen

Table = NDArray[np.float64]


def honest(n: int, seed: int = 0, n_labels: int = 5) -> tuple[Table, NDArray[np.int64]]:
    """Probabilities, and answers that come true as often as these say."""
    rng = np.random.default_rng(seed)
    logits = 1.5 * rng.standard_normal((n, n_labels))
    powers = np.exp(logits)
    probabilities = powers / powers.sum(1, keepdims=True)
    answers = (probabilities.cumsum(1) > rng.random((n, 1))).argmax(1)
    return probabilities, answers


@pytest.mark.parametrize("distortion", [0.5, 1.0, 2.0])
def test_the_temperature_undoes_a_known_distortion(distortion: float) -> None:
    probabilities, answers = honest(20_000)
    bent = sharpen(probabilities, 1 / distortion)
    found = fit(bent, answers, np.ones(len(answers)))
    assert found.temperature == pytest.approx(distortion, rel=0.04)
    np.testing.assert_allclose(sharpen(bent, distortion), probabilities, atol=1e-9)


def test_weights_decide_whose_calibration_it_is() -> None:
    probabilities, answers = honest(8_000)
    bent = np.concatenate([probabilities, sharpen(probabilities, 0.5)])
    both = np.concatenate([answers, answers])
    for weight, temperature in ((1e-6, 1.0), (1 - 1e-6, 2.0)):
        weights = np.repeat([1 - weight, weight], len(answers))
        assert fit(bent, both, weights).temperature == pytest.approx(temperature, rel=0.05)


@given(st.floats(0.3, 4), st.integers(0, 100))
def test_sharpening_moves_no_decision(temperature: float, seed: int) -> None:
    probabilities, _ = honest(20, seed)
    changed = sharpen(probabilities, temperature)
    np.testing.assert_allclose(changed.sum(1), 1)
    np.testing.assert_array_equal(changed.argmax(1), probabilities.argmax(1))


def test_labels_that_a_corpus_lacks_stay_impossible() -> None:
    table = np.array([[0.5, 0.0, 0.5], [1.0, 0.0, 0.0]])
    np.testing.assert_allclose(sharpen(table, 2.0), table)


def test_likelihood_has_its_known_values() -> None:
    table = np.array([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]])
    target = np.array([0, 1, 0])
    cost = negative_log_likelihood(table, target, np.array([1.0, 1.0, 0.0]))
    assert cost == pytest.approx(-(np.log(0.5) + np.log(0.75)) / 2)
    assert np.isfinite(negative_log_likelihood(table, np.array([0, 0, 1]), np.ones(3)))


def outcome(found: Fit, table: Table, answers: NDArray[np.int64]) -> tuple[float, float]:
    """Share and error of what reaches the threshold, counted anew."""
    calibrated = sharpen(table, found.temperature)
    certain = calibrated.max(1) >= found.threshold
    wrong = calibrated.argmax(1) != answers
    return float(certain.mean()), float(wrong[certain].mean())


def test_the_threshold_is_the_lowest_that_keeps_the_accuracy() -> None:
    table, answers = honest(4_000, n_labels=2)
    found = fit(table, answers, np.ones(4_000), wanted_accuracy=0.9, least_share=0.2)
    share, error = outcome(found, table, answers)
    assert (found.certain_share, found.certain_error) == pytest.approx((share, error))
    assert error <= 0.1
    assert share > 0.2
    top = np.sort(sharpen(table, found.temperature).max(1))
    lower = top[top < found.threshold][-40:]
    for threshold in lower:
        looser = Fit(found.temperature, float(threshold), 0, 0, 0)
        assert outcome(looser, table, answers)[1] > 0.1


def test_where_the_accuracy_is_out_of_reach_the_share_is_kept() -> None:
    table, answers = honest(2_000)
    found = fit(table, answers, np.ones(2_000), wanted_accuracy=0.999, least_share=0.5)
    share, error = outcome(found, table, answers)
    assert share == pytest.approx(0.5, abs=0.001)
    assert share >= 0.5
    assert found.certain_error == pytest.approx(error)
    assert found.n == 2_000


def test_answers_that_are_all_right_are_all_certain() -> None:
    table = np.tile([0.9, 0.1], (50, 1))
    found = fit(table, np.zeros(50, np.int64), np.ones(50))
    assert (found.certain_share, found.certain_error) == pytest.approx((1.0, 0.0))
    assert (sharpen(table, found.temperature).max(1) >= found.threshold).all()
