"""Folders as finished runs leave them, of made-up answers: no training, no sound."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from tonewatch.inference.scores import Predictions
from tonewatch.training.answers import packed
from tonewatch.training.calibrate import Fit
from tonewatch.training.report import FoldResult, RunReport

LABELS = ("neutral", "happy", "sad", "angry")
FIT = Fit(temperature=1.0, threshold=0.6, certain_share=0.5, certain_error=0.1, n=10)


def answers(
    speakers: range, skill: float, *, seed: int = 0, home: str = "/data", corpus: str = "acted"
) -> Predictions:
    """Five recordings of each label by each speaker; the noise is each recording's own."""
    rows = [(s, label, take) for s in speakers for label in range(4) for take in range(5)]
    logits = np.array([np.random.default_rng([seed, *row]).normal(size=4) for row in rows])
    target = np.array([label for _, label, _ in rows])
    logits[np.arange(len(rows)), target] += skill
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return Predictions(
        LABELS,
        probabilities,
        target,
        np.zeros(len(rows), bool),
        tuple(f"{corpus}:{s:02d}" for s, _, _ in rows),
        ("female",) * len(rows),
        (corpus,) * len(rows),
        tuple(f"{home}/{s:02d}/{LABELS[label]}-{take}.wav" for s, label, take in rows),
    )


def write_run(
    folder: Path,
    folds: Mapping[str, Mapping[str, Predictions]],
    *,
    leaky: bool = False,
    network: str | None = None,
) -> Path:
    """What `training.run.run` leaves of a run, but for networks and pictures."""
    results = []
    for name, test in folds.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "fold.json").write_text(json.dumps({"fit": asdict(FIT)}))
        np.savez_compressed(folder / name / "answers.npz", **packed(test))  # type: ignore[arg-type]
        results.append(FoldResult(name, f"fold {name}", leaky, [], -1, 1.0, test))
    settings = {} if network is None else {"network": network}
    report = RunReport(folder.name, LABELS, "On actors.", results, settings)
    (folder / "report.json").write_text(json.dumps(report.to_dict()))
    return folder


def two_folds(
    skill: float, *, seed: int = 0, home: str = "/data"
) -> dict[str, dict[str, Predictions]]:
    """Speakers 0 to 3, then 4 to 7, clean and through a telephone."""
    return {
        f"speaker-{i + 1}": {
            "acted, clean": answers(range(4 * i, 4 * i + 4), skill, seed=seed, home=home),
            "acted, telephone": answers(range(4 * i, 4 * i + 4), skill / 2, seed=seed, home=home),
        }
        for i in range(2)
    }
