"""Answers of a run's networks: kept between runs, calibrated, narrowed to fewer labels.

Answers are `Predictions` by condition (`ravdess, clean`), as the networks gave them before any
calibration.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonewatch.inference.calibration import Calibration
from tonewatch.inference.scores import Predictions, joined, reliability, uar
from tonewatch.training.calibrate import Fit, fit, sharpen

# The probabilities as they are, and the threshold of a bundle that says nothing.
_UNFITTED = Fit(
    temperature=1.0,
    threshold=Calibration().certain_threshold,
    certain_share=0.0,
    certain_error=1.0,
    n=0,
)


def fit_answers(answers: Mapping[str, Predictions]) -> Fit:
    """Calibrate on groups and conditions, each counting the same; not at all on no answer.

    A choice among fewer labels is another question, so where there are groups with all labels,
    only these count.
    """
    parts = [part.rows(part.answered) for part in answers.values()]
    parts = [part for part in parts if len(part)]
    whole = [part for part in parts if len(np.unique(part.target)) == len(part.labels)]
    parts = whole or parts
    if not parts:
        return _UNFITTED
    together = joined(parts)
    weights = np.concatenate([np.full(len(part), 1 / len(part)) for part in parts])
    return fit(together.probabilities, together.target, weights)


def calibrated(predictions: Predictions, found: Fit) -> Predictions:
    """The answers as a bundle with this calibration gives them."""
    probabilities = predictions.probabilities.copy()
    answered = predictions.answered
    if answered.any():
        probabilities[answered] = sharpen(probabilities[answered], found.temperature)
    certain = answered & (probabilities.max(axis=1) >= found.threshold)
    return replace(predictions, probabilities=probabilities, certain=certain)


def cross_fitted(
    folds: Sequence[Mapping[str, Predictions]], own: Sequence[Fit]
) -> dict[str, dict[str, float]]:
    """How calibration holds on new speakers: fitted on all folds but one, applied to that one.

    Args:
        folds: answers of each fold.
        own: what each fold's inner validation speakers gave; used where there is one fold alone.
    """
    applied: dict[str, list[Predictions]] = {}
    for number, fold in enumerate(folds):
        others = [other for i, other in enumerate(folds) if i != number]
        found = fit_answers(merged(others)) if others else own[number]
        for name, part in fold.items():
            applied.setdefault(name, []).append(calibrated(part, found))
    return {name: _certainty(joined(parts)) for name, parts in applied.items()}


def _certainty(predictions: Predictions) -> dict[str, float]:
    certain = predictions.certain
    return {
        "uar": uar(predictions),
        "ece": reliability(predictions).ece,
        "certain_share": float(certain.mean()),
        "certain_accuracy": float(predictions.right[certain].mean()) if certain.any() else 0.0,
    }


def merged(folds: Sequence[Mapping[str, Predictions]]) -> dict[str, Predictions]:
    """Answers of all folds by condition."""
    names = dict.fromkeys(name for fold in folds for name in fold)
    return {name: joined([fold[name] for fold in folds if name in fold]) for name in names}


def among(predictions: Predictions, labels: Sequence[str]) -> Predictions:
    """The answers among fewer labels; recordings of the other labels are left out."""
    columns = [predictions.labels.index(label) for label in labels]
    kept = predictions.rows(np.isin(predictions.target, columns))
    probabilities = kept.probabilities[:, columns]
    total = probabilities.sum(axis=1, keepdims=True)
    probabilities = np.divide(probabilities, total, out=probabilities.copy(), where=total > 0)
    target = np.array([columns.index(value) for value in kept.target.tolist()], np.int64)
    return replace(kept, labels=tuple(labels), probabilities=probabilities, target=target)


def packed(answers: Mapping[str, Predictions]) -> dict[str, NDArray[Any]]:
    """As arrays, for `numpy.savez`."""
    table: dict[str, NDArray[Any]] = {}
    for name, part in answers.items():
        for key, value in vars(part).items():
            plain = [entry or "" for entry in value] if isinstance(value, tuple) else value
            table[f"{name}/{key}"] = np.asarray(plain)
    return table


def unpacked(table: Mapping[str, NDArray[Any]]) -> dict[str, Predictions]:
    """What `packed` made arrays of."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in table.items():
        condition, _, key = name.rpartition("/")
        text = value.dtype.kind == "U"
        plain = tuple(entry or None for entry in value.tolist()) if text else value
        found.setdefault(condition, {})[key] = plain
    return {name: Predictions(**values) for name, values in found.items()}
