"""Runs whose folds spare nobody for validation: the other folds calibrate each."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tonewatch.core.errors import SettingsError
from tonewatch.corpora import read_corpus
from tonewatch.corpora.table import Table
from tonewatch.inference.bundle import load_bundle
from tonewatch.inference.evaluation import evaluate
from tonewatch.training.answers import calibrated, fits_by_others, unpacked
from tonewatch.training.calibrate import Fit
from tonewatch.training.material import Material
from tonewatch.training.run import run, run_part
from tonewatch.training.runs import read_run
from training.small_run import SETTINGS

FOLDS = ("speaker-1", "speaker-2")
OPEN = replace(SETTINGS, validation=False)


@pytest.fixture(scope="module")
def finished(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was made in parts and put together."""
    out = tmp_path_factory.mktemp("open") / "run"
    for part in ("2", "final", "1"):
        run_part(material, OPEN, out, part)
    assert load_bundle(out / "speaker-1" / "bundle").info.calibration.temperature == 1
    run(material, OPEN, out, resume=True)
    return out


def test_all_who_are_not_tested_teach_and_the_last_epoch_is_kept(
    finished: Path, material: Material
) -> None:
    report = json.loads((finished / "report.json").read_text("utf-8"))
    assert "The last epoch is kept" in report["protocol"]
    assert "inner validation" not in report["protocol"]
    everybody = set(material.speakers(range(material.n_labelled)))
    for fold in report["folds"]:
        assert "the last epoch kept; trained on all other speakers" in fold["protocol"]
        assert fold["best_epoch"] == SETTINGS.train.epochs - 1
        training = load_bundle(finished / fold["name"] / "bundle").info.training
        assert training["validation_speakers"] == []
        tested = {
            s for part in read_run(finished).folds[fold["name"]].values() for s in part.speakers
        }
        assert set(training["speakers"]) == everybody - tested
        assert len(tested) == len(everybody) / 2


def test_the_other_folds_calibrate_each(finished: Path, voices: Path) -> None:
    answers = []
    for name in FOLDS:
        with np.load(finished / name / "answers.npz") as table:
            answers.append(unpacked(table))
    table = read_corpus("mine:folders", voices)
    for name, own, fit in zip(FOLDS, answers, fits_by_others(answers), strict=True):
        assert fit.n == 24  # of the other fold: 12 recordings, clean and through the telephone
        assert Fit(**json.loads((finished / name / "fold.json").read_text())["fit"]) == fit
        stored = calibrated(own["mine, clean"], fit)
        tested = Table(tuple(u for u in table.utterances if str(u.path) in stored.paths))
        bundle = load_bundle(finished / name / "bundle")
        heard = evaluate(bundle, tested).predictions
        assert heard.paths == stored.paths
        np.testing.assert_allclose(heard.probabilities, stored.probabilities, atol=1e-5)
        assert bundle.info.calibration.certain_threshold == fit.threshold
        biases = dict(zip(bundle.info.labels, bundle.info.calibration.bias, strict=True))
        assert {label for label, bias in biases.items() if bias == 0} == {"angry", "sad"}


def test_putting_it_together_again_changes_nothing(finished: Path, material: Material) -> None:
    files = ("report.json", "speaker-1/fold.json", "speaker-1/bundle/bundle.json")
    before = [(finished / file).read_text("utf-8") for file in files]
    run(material, OPEN, finished, resume=True)
    assert [(finished / file).read_text("utf-8") for file in files] == before


def test_one_fold_alone_has_no_others(material: Material, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="the others calibrate each, came one"):
        run(material, replace(OPEN, first_folds=1), tmp_path / "run")
