"""Trains the emotion model for texts on GoEmotions' Ekman grouping, and tests it on its test split.

`python -m tonewatch.training.text_emotion FOLDER OUT` reads train, dev and test.tsv and labels.txt.
One logistic regression an emotion (a text may carry several); its
threshold is the one with the best F1 on dev.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from tonewatch.core.labels import canonical
from tonewatch.training.words import count_all, matrix, save, vocabulary
from tonewatch.triage.linear import LinearModel
from tonewatch.triage.words import NgramSettings, tokens

NGRAMS = NgramSettings(words=3, letters_from=2, letters_to=5, signs=True)
C = 2.0
AT_LEAST = 2


def read_split(path: Path, n_labels: int) -> tuple[list[str], NDArray[np.bool_]]:
    """Texts, and which labels each has, shape [n, n_labels]."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line]
    has = np.zeros((len(rows), n_labels), bool)
    for i, row in enumerate(rows):
        has[i, [int(label) for label in row[1].split(",")]] = True
    return [row[0] for row in rows], has


def f1(has: NDArray[np.bool_], told: NDArray[np.bool_]) -> NDArray[np.float64]:
    """F1 of each label, shape [n_labels]."""
    both = (has & told).sum(axis=0)
    return np.asarray(2 * both / np.maximum(has.sum(axis=0) + told.sum(axis=0), 1), np.float64)


def best_thresholds(p: NDArray[np.float64], has: NDArray[np.bool_]) -> list[float]:
    """For each label the threshold with the best F1."""
    found = []
    for k in range(p.shape[1]):
        asked = np.unique(np.quantile(p[:, k], np.linspace(0.3, 0.995, 140)))
        scores = [f1(has[:, [k]], p[:, [k]] >= t)[0] for t in asked]
        found.append(round(float(asked[int(np.argmax(scores))]), 4))
    return found


def probabilities(model: LinearModel, texts: Sequence[str]) -> NDArray[np.float64]:
    """As in use, one text at a time, shape [n, n_labels]."""
    z = np.array([model.logits(tokens(text)) for text in texts])
    return np.asarray(1 / (1 + np.exp(-z)), np.float64)


def main(folder: Path, out: Path) -> None:
    """Train, test and write."""
    labels = (folder / "labels.txt").read_text(encoding="utf-8").split()
    texts, has = read_split(folder / "train.tsv", len(labels))
    counted = count_all(texts, NGRAMS)
    words = vocabulary(counted, NGRAMS, AT_LEAST)
    x = matrix(counted, words)
    fitted = [
        LogisticRegression(C=C, solver="liblinear", tol=1e-2).fit(x, has[:, k])
        for k in range(len(labels))
    ]
    weights = np.stack([each.coef_[0] for each in fitted], axis=1)
    bias = np.array([each.intercept_[0] for each in fitted])
    card: dict[str, Any] = {
        "learnt_from": "GoEmotions (CC BY 4.0), Ekman grouping, train split; English only",
        "protocol": "thresholds for the best F1 on dev; several labels a text, each text scored "
        "by itself, as in use",
        "thresholds": [0.5] * len(labels),
    }
    names = [canonical(label) for label in labels]
    model = save(out, "emotion", names, words, weights, bias, card)
    dev, has_dev = read_split(folder / "dev.tsv", len(labels))
    test, has_test = read_split(folder / "test.tsv", len(labels))
    card["thresholds"] = best_thresholds(probabilities(model, dev), has_dev)
    scores = f1(has_test, probabilities(model, test) >= np.asarray(card["thresholds"]))
    card["metrics"] = {
        "test_macro_f1": round(float(scores.mean()), 4),
        "test_f1": {n: round(float(s), 4) for n, s in zip(names, scores, strict=True)},
    }
    save(out, "emotion", names, words, weights, bias, card)
    print(card["metrics"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        "python -m tonewatch.training.text_emotion", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="with train.tsv, dev.tsv, test.tsv, labels.txt")
    parser.add_argument("out", type=Path, help="folder for the model")
    given = parser.parse_args()
    main(given.folder, given.out)
