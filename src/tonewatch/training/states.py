"""Trains the experimental bundle `caller-state` on a table of MFCC means, and scores it three ways.

`python -m tonewatch.training.states TABLE BUNDLE REPORT` reads TABLE, as `state_table`
describes it, and writes the folders BUNDLE and REPORT.
"""

import argparse
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from tonewatch.audio.inputs import MfccMean
from tonewatch.inference.bundle import Bundle, BundleInfo, write_bundle
from tonewatch.inference.calibration import Calibration
from tonewatch.inference.predictor import Predictor
from tonewatch.inference.scores import Predictions, scores, uar_interval
from tonewatch.training.answers import calibrated, fit_answers
from tonewatch.training.calibrate import Fit
from tonewatch.training.ensemble import Ensemble, fit, to_onnx
from tonewatch.training.ink import STYLE, saved
from tonewatch.training.state_card import card, confusions, distance_plots
from tonewatch.training.state_table import (
    COPIES,
    LABELS,
    N_COEFFICIENTS,
    RUN,
    SEED,
    Division,
    States,
    distances,
    divisions,
    read_table,
)

RATE_HZ = 22_050
"""At which the table's MFCCs were made (librosa's default)."""
WINDOW_S = 5.0
"""How long the table's clips were."""


def answers(table: States, division: Division) -> Predictions:
    """Answers of all folds, each by an ensemble that did not learn from the rows tested."""
    p = np.zeros((len(table.y), len(LABELS)))
    for learn, test in division.folds:
        fitted = fit(table.x[learn], table.y[learn], division.groups[learn], SEED)
        p[test] = fitted.probabilities(table.x[test])
    n = len(table.y)
    # The interval is drawn by runs, as rows of one run are alike.
    runs = tuple(f"helpline:files {RUN * r}-{RUN * r + RUN - 1}" for r in table.runs.tolist())
    return Predictions(
        LABELS,
        p,
        table.y,
        np.zeros(n, bool),
        runs,
        (None,) * n,
        ("helpline",) * n,
        (None,) * n,
    )


def _tell(predictions: Predictions, words: str) -> dict[str, Any]:
    """Scores of all rows, and of the files themselves without their copies."""
    found = scores(predictions, words)
    files = scores(predictions.rows(np.arange(len(predictions)) % COPIES == 0), words)
    rng = np.random.default_rng(SEED)
    plain = found.to_dict()
    for key in ("by_sex", "by_speaker", "no_speech", "certain_share", "certain_accuracy"):
        del plain[key]
    return plain | {
        "uar_interval_by_run": uar_interval(predictions, rng=rng),
        "files_only": {"n": files.n, "uar": files.uar, "macro_f1": files.macro_f1},
    }


def main(path: Path, bundle: Path, report: Path) -> None:
    """Score by the three divisions, fit on everything, and write."""
    table = read_table(path)
    raw = {division.name: (division, answers(table, division)) for division in divisions(table)}
    # Nothing is called certain: no threshold has more than a third of such answers right.
    found = replace(fit_answers({"runs": raw["runs"][1]}), threshold=1.0)
    told = {
        name: {"leaky": division.leaky} | _tell(calibrated(given, found), division.words)
        for name, (division, given) in raw.items()
    }
    measured = distances(table)
    report.mkdir(parents=True, exist_ok=True)
    content = {
        "title": "caller-state: experimental",
        "n_rows": len(table.y),
        "n_files": int(table.files[-1]) + 1,
        "labels": list(LABELS),
        "divisions": told,
        "temperature": found.temperature,
        "distances": {key: value for key, value in measured.items() if key != "nearest"},
    }
    (report / "report.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    with matplotlib.rc_context(STYLE):
        shown = {
            f"LEAKY, {name}" if division.leaky else name: scores(given, division.words)
            for name, (division, given) in raw.items()
        }
        saved(confusions(shown), report / "confusion.png")
        saved(distance_plots(measured), report / "distances.png")
    fitted = fit(table.x, table.y, table.runs, SEED)
    _write(fitted, found, told, bundle)
    for name, each in told.items():
        print(f"{name}: UAR {each['uar']:.3f}, files only {each['files_only']['uar']:.3f}")


def _write(fitted: Ensemble, found: Fit, told: dict[str, Any], folder: Path) -> None:
    model = to_onnx(fitted, input_name="input", output_name="logits")
    info = BundleInfo(
        name="caller-state",
        version="1",
        scheme="helpline4",
        labels=LABELS,
        model_sha256=hashlib.sha256(model).hexdigest(),
        kind="window",
        input=MfccMean(n_coefficients=N_COEFFICIENTS, rate_hz=RATE_HZ),
        calibration=Calibration(
            temperature=found.temperature,
            certain_threshold=found.threshold,
        ),
        window_s=WINDOW_S,
        hop_s=1.0,
        training={
            "protocol": "all rows of the table; scores are those of the divisions",
            "corpora": ["helpline"],
            "rows": sum(map(sum, told["runs"]["confusion"])),
            "seed": SEED,
        },
        metrics={
            name: {
                "leaky": each["leaky"],
                "uar": each["uar"],
                "uar_interval_by_run": each["uar_interval_by_run"],
                "macro_f1": each["macro_f1"],
                "uar_files_only": each["files_only"]["uar"],
                "n": each["n"],
                "protocol": each["protocol"],
            }
            for name, each in told.items()
        },
        licence="research use; the table that it learnt from states no licence",
        experimental=True,
    )
    bundle = Bundle(info, model, card(told, found))
    Predictor(bundle)
    write_bundle(bundle, folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser("python -m tonewatch.training.states", description=__doc__)
    parser.add_argument("table", type=Path, help="mfcc20_four_states.csv")
    parser.add_argument("bundle", type=Path, help="folder for the bundle")
    parser.add_argument("report", type=Path, help="folder for the report")
    given = parser.parse_args()
    main(given.table, given.bundle, given.report)
