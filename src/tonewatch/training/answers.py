"""Answers of a run's networks: kept between runs, calibrated, narrowed to fewer labels.

Answers are `Predictions` by condition (`ravdess, clean`), as the networks gave them before any
calibration.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonewatch.inference.calibration import Calibration
from tonewatch.inference.scores import Predictions, joined, reliability, uar
from tonewatch.training.calibrate import Fit, fit, sharpen

_NEVER = -30.0
"""Added to the logit of a label that nothing was learnt of; training does not push it down."""

# The probabilities as they are, and the threshold of a bundle that says nothing.
UNFITTED = Fit(
    temperature=1.0,
    threshold=Calibration().certain_threshold,
    certain_share=0.0,
    certain_error=1.0,
    n=0,
)


def fit_answers(answers: Mapping[str, Predictions], labels: Collection[str] = ()) -> Fit:
    """Calibrate on groups and conditions, each counting the same; not at all on no answer.

    A choice among fewer labels is another question, so where there are groups with all labels,
    only these count.

    Args:
        answers: by group and condition.
        labels: that a bundle answers; those of the answers by default.
    """
    parts = [part for part in answers.values() if part.answered.any()]
    if not parts:
        return UNFITTED
    asked = set(labels or parts[0].labels)
    whole = [part for part in parts if asked <= {part.labels[i] for i in part.target.tolist()}]
    chosen = [part.rows(part.answered) for part in whole or parts]
    together = joined(chosen)
    weights = np.concatenate([np.full(len(part), 1 / len(part)) for part in chosen])
    return fit(together.probabilities, together.target, weights)


def calibrated(predictions: Predictions, found: Fit) -> Predictions:
    """The answers as a bundle with this calibration gives them."""
    probabilities = predictions.probabilities.copy()
    answered = predictions.answered
    if answered.any():
        probabilities[answered] = sharpen(probabilities[answered], found.temperature)
    certain = answered & (probabilities.max(axis=1) >= found.threshold)
    return replace(predictions, probabilities=probabilities, certain=certain)


def fits_by_others(
    folds: Sequence[Mapping[str, Predictions]], labels: Collection[str] = ()
) -> list[Fit]:
    """For each fold what the answers of all others give, as `fit_answers`; two folds or more."""
    return [
        fit_answers(merged([other for i, other in enumerate(folds) if i != number]), labels)
        for number in range(len(folds))
    ]


def cross_fitted(
    folds: Sequence[Mapping[str, Predictions]], own: Sequence[Fit], labels: Collection[str] = ()
) -> dict[str, dict[str, float]]:
    """How calibration holds on new speakers: fitted on all folds but one, applied to that one.

    Args:
        folds: answers of each fold.
        own: what each fold's inner validation speakers gave; used where there is one fold alone.
        labels: that the bundle answers; all by default.
    """
    fits = fits_by_others(folds, labels) if len(folds) > 1 else own
    applied: dict[str, list[Predictions]] = {}
    for fold, found in zip(folds, fits, strict=True):
        for name, part in fold.items():
            applied.setdefault(name, []).append(calibrated(part, found))
    return {name: _certainty(joined(parts)) for name, parts in applied.items()}


def calibration_of(found: Fit, labels: Sequence[str], untaught: Collection[str]) -> Calibration:
    """What a bundle with these labels stores; `untaught` it never answers."""
    bias = tuple(_NEVER if label in untaught else 0.0 for label in labels)
    kept = Calibration(bias=bias if any(bias) else ())
    if not found.n:
        return kept
    return replace(
        kept,
        temperature=found.temperature,
        certain_threshold=found.threshold,
        certain_error=found.certain_error,
    )


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
