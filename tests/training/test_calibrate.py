import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tonewatch.inference.scores import Predictions
from tonewatch.training.answers import fit_answers
from tonewatch.training.calibrate import Fit, fit, sharpen

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


@pytest.mark.parametrize("n", [20_000, 40])
def test_biases_undo_a_known_leaning_as_far_as_there_are_answers(n: int) -> None:
    probabilities, answers = honest(n)
    leaning = np.array([0.8, -0.4, 0.0, -0.4, 0.0])
    bent = sharpen(probabilities, 1.0, leaning)
    found = fit(bent, answers, np.ones(n), "abcde")
    came = np.array([found.bias[label] for label in "abcde"])
    if n > 1_000:
        np.testing.assert_allclose(came, -leaning, atol=0.07)
        assert found.temperature == pytest.approx(1.0, rel=0.04)
        np.testing.assert_allclose(found.apply(bent, "abcde"), probabilities, atol=0.02)
    else:
        assert np.abs(came).max() < 0.8
    assert came.sum() == pytest.approx(0.0, abs=1e-3)


def test_biases_follow_their_labels() -> None:
    found = Fit(2.0, 0.5, 0.5, 0.1, 9, {"sad": 1.0, "happy": -1.0})
    table = np.array([[0.2, 0.3, 0.5]])
    came = found.apply(table, ("angry", "happy", "sad"))[0]
    powers = np.sqrt(table[0]) * np.exp([0.0, -1.0, 1.0])
    np.testing.assert_allclose(came, powers / powers.sum())
    np.testing.assert_allclose(
        found.apply(table[:, ::-1], ("sad", "happy", "angry"))[0], came[::-1]
    )


def test_biases_need_more_than_a_few_voices() -> None:
    probabilities, answers = honest(240)
    bent = sharpen(probabilities, 1.0, np.array([0.8, -0.4, 0.0, -0.4, 0.0]))
    none = (None,) * 240
    for n_speakers, biased in ((7, False), (8, True)):
        speakers = tuple(f"mine:{i % n_speakers}" for i in range(240))
        given = Predictions(
            tuple("abcde"), bent, answers, np.zeros(240, bool), speakers, none, none, none
        )
        found = fit_answers({"clean": given})
        assert bool(found.bias) is biased
        assert found.n == 240


def test_no_bias_where_a_label_is_never_true() -> None:
    probabilities, answers = honest(400)
    some = answers != 3
    assert not fit(probabilities[some], answers[some], np.ones(some.sum()), "abcde").bias
    lacking = sharpen(np.where(np.arange(5) == 3, 0.0, probabilities[some]), 1.0)
    found = fit(lacking, answers[some], np.ones(some.sum()), "abcde")
    assert sorted(found.bias) == ["a", "b", "c", "e"]
    assert not found.apply(lacking, "abcde")[:, 3].any()


def test_a_true_label_whose_probability_underflowed_does_not_decide_alone() -> None:
    probabilities, answers = honest(2_000)
    probabilities[0, answers[0]] = 0.0
    found = fit(sharpen(probabilities, 1.0), answers, np.ones(2_000), "abcde")
    assert found.temperature == pytest.approx(1.0, rel=0.1)


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
