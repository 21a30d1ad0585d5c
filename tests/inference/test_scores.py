import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from tonewatch.core.errors import CorpusError
from tonewatch.inference.scores import (
    Predictions,
    joined,
    kept_accuracy,
    reliability,
    restrict,
    scores,
    uar,
    uar_interval,
)

LABELS = ("neutral", "calm", "happy", "sad")


def predictions(
    probabilities: list[list[float]],
    target: list[int],
    certain: list[bool] | None = None,
    speakers: list[str] | None = None,
    sexes: list[str | None] | None = None,
) -> Predictions:
    n = len(target)
    return Predictions(
        LABELS,
        np.array(probabilities, np.float64).reshape(n, len(LABELS)),
        np.array(target, np.int64),
        np.array(certain if certain is not None else [False] * n, bool),
        tuple(speakers or ["c:1"] * n),
        tuple(sexes or [None] * n),
        ("c",) * n,
        tuple(f"{i}.wav" for i in range(n)),
    )


def drawn(seed: int, n: int, n_speakers: int = 5, skill: float = 1.5) -> Predictions:
    rng = np.random.default_rng(seed)
    target = rng.integers(len(LABELS), size=n)
    logits = rng.normal(size=(n, len(LABELS))) + skill * np.eye(len(LABELS))[target]
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    voices = rng.integers(n_speakers, size=n)
    return predictions(
        probabilities.tolist(),
        target.tolist(),
        (probabilities.max(1) > 0.7).tolist(),
        [f"c:{voice}" for voice in voices],
        [("male", "female")[voice % 2] for voice in voices],
    )


# Four neutral, two happy: three and one are found; one answer is "calm", which nobody was.
HAND = predictions(
    [
        [0.9, 0.1, 0.0, 0.0],
        [0.8, 0.1, 0.1, 0.0],
        [0.6, 0.2, 0.1, 0.1],
        [0.1, 0.7, 0.1, 0.1],
        [0.1, 0.0, 0.9, 0.0],
        [0.5, 0.1, 0.4, 0.0],
    ],
    [0, 0, 0, 0, 2, 2],
    [True, True, False, False, True, False],
    ["c:a", "c:a", "c:b", "c:b", "c:a", "c:b"],
    ["male", "male", None, None, "male", None],
)


def test_known_answers() -> None:
    found = scores(HAND, "by hand")
    assert found.n == 6
    assert found.uar == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert found.wa == pytest.approx(4 / 6)
    # F1: neutral 6/8, happy 2/3, calm (answered, never true) 0.
    assert found.macro_f1 == pytest.approx((3 / 4 + 2 / 3 + 0) / 3)
    assert found.certain_share == 0.5
    assert found.certain_accuracy == 1.0
    assert found.labels == LABELS
    assert found.confusion == ((3, 1, 0, 0), (0, 0, 0, 0), (1, 0, 1, 0), (0, 0, 0, 0))
    assert tuple(found.per_class["happy"]) == pytest.approx((1.0, 0.5, 2 / 3, 2))
    assert list(found.by_sex) == ["male", "unknown"]
    assert tuple(found.by_sex["male"]) == (3, 1.0, 1.0)
    assert tuple(found.by_sex["unknown"]) == pytest.approx((3, 0.25, 1 / 3))
    assert list(found.by_speaker) == ["c:a", "c:b"]


def test_the_json_has_the_keys_that_evaluate_promises() -> None:
    plain = json.loads(json.dumps(scores(HAND, "p").to_dict(), allow_nan=False))
    assert {
        "n", "uar", "wa", "macro_f1", "ece", "certain_share", "certain_accuracy", "per_class",
        "confusion", "labels", "protocol", "by_sex", "by_speaker",
    } <= set(plain)  # fmt: skip
    assert plain["per_class"]["happy"] == {
        "precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "n": 2,
    }  # fmt: skip
    assert plain["by_sex"]["male"] == {"n": 3, "uar": 1.0, "wa": 1.0}


@given(st.integers(0, 10**6), st.integers(1, 80))
def test_same_as_scikit_learn(seed: int, n: int) -> None:
    answers = drawn(seed, n)
    found = scores(answers, "")
    present = np.unique(answers.target).tolist()
    assert found.uar == pytest.approx(
        metrics.recall_score(
            answers.target, answers.guess, labels=present, average="macro", zero_division=0
        )
    )
    assert found.wa == pytest.approx(metrics.accuracy_score(answers.target, answers.guess))
    assert found.macro_f1 == pytest.approx(
        metrics.f1_score(answers.target, answers.guess, average="macro", zero_division=0)
    )
    assert np.array_equal(
        found.confusion, metrics.confusion_matrix(answers.target, answers.guess, labels=range(4))
    )
    precision, recall, f1, n_true = metrics.precision_recall_fscore_support(
        answers.target, answers.guess, labels=range(4), zero_division=0
    )
    assert np.allclose(
        list(found.per_class.values()), np.stack([precision, recall, f1, n_true], axis=1)
    )


def test_calibration_error_by_hand() -> None:
    # Bins of 1/15: 0.9 in (13/15, 14/15], 0.61 and 0.65 in (9/15, 10/15], of which one is right.
    answers = predictions(
        [[0.9, 0.1, 0, 0], [0.9, 0.1, 0, 0], [0.61, 0.39, 0, 0], [0.65, 0.35, 0, 0]], [0, 0, 0, 1]
    )
    expected = 2 / 4 * abs(0.9 - 1.0) + 2 / 4 * abs(0.63 - 0.5)
    assert scores(answers, "").ece == pytest.approx(expected)
    assert reliability(answers).count.tolist() == [0] * 9 + [2, 0, 0, 0, 2, 0]


def test_a_confidence_on_an_edge_belongs_below_it() -> None:
    answers = predictions([[0.6, 0.4, 0, 0], [1, 0, 0, 0]], [0, 0])
    assert reliability(answers, n_bins=5).count.tolist() == [0, 0, 1, 0, 1]


def test_confident_truth_is_calibrated_and_confident_error_is_not() -> None:
    rows = [[1.0, 0, 0, 0]] * 4
    assert scores(predictions(rows, [0] * 4), "").ece == 0
    assert scores(predictions(rows, [1] * 4), "").ece == 1


def test_calibrated_answers_have_a_small_error() -> None:
    rng = np.random.default_rng(3)
    probabilities = rng.dirichlet([1] * 4, 20_000)
    target = (rng.random((20_000, 1)) > probabilities.cumsum(1)).sum(1).clip(max=3)
    assert scores(predictions(probabilities.tolist(), target.tolist()), "").ece < 0.015


def test_no_answer_is_wrong_uncertain_and_outside_calibration() -> None:
    answers = predictions([[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]], [0, 0, 2], [True, True, True])
    found = scores(answers, "")
    assert answers.guess.tolist() == [0, -1, 2]
    assert found.no_speech == 1
    assert found.uar == pytest.approx(0.75)
    assert found.certain_share == pytest.approx(2 / 3)
    assert found.ece == 0
    assert found.labels == ("neutral", "happy")
    assert found.confusion == ((1, 0), (0, 1))
    assert found.per_class["neutral"].n == 2


def test_nothing_certain_has_no_accuracy() -> None:
    assert scores(predictions([[1, 0, 0, 0]], [0]), "").certain_accuracy is None


def test_nothing_at_all_is_an_error() -> None:
    with pytest.raises(CorpusError, match="got none"):
        scores(predictions([], []), "")


def test_restricting_renormalises() -> None:
    answers = predictions([[0.3, 0.5, 0.1, 0.1], [0.0, 1.0, 0.0, 0.0]], [0, 2], [True, True])
    kept = restrict(answers, {"neutral", "happy", "sad"})
    assert kept.probabilities[0] == pytest.approx([0.6, 0, 0.2, 0.2])
    assert kept.probabilities[1] == pytest.approx([1 / 3, 0, 1 / 3, 1 / 3])
    assert kept.guess.tolist() == [0, 0]
    assert kept.certain.tolist() == [True, True]
    assert restrict(answers, {"neutral", "happy"}, threshold=0.7).certain.tolist() == [True, False]
    assert scores(kept, "").labels == ("neutral", "happy", "sad")


def test_restricting_leaves_no_answer_without_answer() -> None:
    answers = predictions([[0, 0, 0, 0], [0, 1, 0, 0]], [0, 2])
    kept = restrict(answers, {"neutral", "happy"}, threshold=0.0)
    assert kept.answered.tolist() == [False, True]
    assert kept.certain.tolist() == [False, True]


@given(st.integers(0, 10**6))
def test_restricted_rows_sum_to_one_and_keep_their_order(seed: int) -> None:
    answers = drawn(seed, 20)
    answers = answers.rows(answers.target != 1)
    kept = restrict(answers, {"neutral", "happy", "sad"})
    assert np.allclose(kept.probabilities.sum(1), 1)
    inside = [0, 2, 3]
    assert np.array_equal(
        kept.probabilities[:, inside].argsort(1), answers.probabilities[:, inside].argsort(1)
    )


def test_joining_gives_all_rows_in_order() -> None:
    first, second = drawn(1, 7), drawn(2, 5)
    both = joined([first, second])
    assert both.paths == first.paths + second.paths
    assert np.array_equal(both.guess, np.concatenate([first.guess, second.guess]))


def test_interval_by_speaker_holds_the_score_and_is_wider_than_by_recording() -> None:
    rng = np.random.default_rng(0)
    good = drawn(1, 200, n_speakers=1, skill=4.0)
    bad = drawn(2, 200, n_speakers=1, skill=0.0)
    parts = [
        predictions(
            part.probabilities.tolist(), part.target.tolist(), speakers=[f"c:{i}"] * len(part)
        )
        for i, part in enumerate([good, bad] * 3)
    ]
    answers = joined(parts)
    interval = uar_interval(answers, rng=rng)
    alone = predictions(
        answers.probabilities.tolist(),
        answers.target.tolist(),
        speakers=[f"c:{i}" for i in range(len(answers))],
    )
    narrow = uar_interval(alone, rng=rng)
    assert interval is not None and narrow is not None
    assert interval[0] < uar(answers) < interval[1]
    assert interval[1] - interval[0] > 2 * (narrow[1] - narrow[0])


def test_two_speakers_have_no_interval() -> None:
    assert uar_interval(drawn(1, 50, n_speakers=2), rng=np.random.default_rng(0)) is None


def test_accuracy_by_share_kept() -> None:
    answers = predictions(
        [[0.9, 0.1, 0, 0], [0.8, 0.2, 0, 0], [0.8, 0.2, 0, 0], [0, 0, 0, 0]], [0, 0, 1, 0]
    )
    share, accuracy = kept_accuracy(answers)
    assert share.tolist() == [0.25, 0.75]
    assert accuracy.tolist() == [1.0, pytest.approx(2 / 3)]
