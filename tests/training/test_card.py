import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tonewatch.corpora import read_corpus
from tonewatch.corpora.table import Table
from tonewatch.inference.bundle import installed_bundles, load_bundle
from tonewatch.training.calibrate import Fit
from tonewatch.training.card import card, metrics_of
from tonewatch.training.material import gather
from tonewatch.training.report import RunReport
from tonewatch.training.run import run as train
from training.small_run import SETTINGS
from training.test_report import LABELS, run
from voices import make_corpus

FOUND = Fit(temperature=1.37, threshold=0.61, certain_share=0.55, certain_error=0.12, n=240)
CALIBRATION = {"clean": {"uar": 0.7, "ece": 0.031, "certain_share": 0.52, "certain_accuracy": 0.88}}


@pytest.fixture(scope="module")
def report() -> RunReport:
    return run()


@pytest.fixture(scope="module")
def text(report: RunReport) -> str:
    return card(report, "voice", LABELS, FOUND, CALIBRATION, "CC-BY-NC-SA-4.0")


def test_metrics_are_the_report_s(report: RunReport) -> None:
    metrics = metrics_of(report)
    assert list(metrics) == ["clean", "telephone line"]
    for condition in report.conditions:
        found = metrics[condition.name]
        low, high = found["uar_interval"]
        assert low < found["uar"] == condition.pooled.uar < high
        mean = sum(found["uar_by_fold"].values()) / 3
        assert found["uar_mean_over_folds"] == condition.uar == pytest.approx(mean)
        assert found["n"] == condition.pooled.n == 240
        assert found["protocol"] == report.protocol


def test_every_score_of_the_card_is_the_report_s(report: RunReport, text: str) -> None:
    for condition in report.conditions:
        (row,) = (line for line in text.splitlines() if line.startswith(f"| {condition.name} | 3"))
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[1:3] == ["3", "240"]
        assert cells[3] == f"{condition.uar:.3f}"
        assert cells[4].startswith(f"{condition.pooled.uar:.3f} (")
        assert cells[5:8] == [
            f"{condition.pooled.wa:.3f}",
            f"{condition.pooled.macro_f1:.3f}",
            f"{condition.pooled.ece:.3f}",
        ]
        assert cells[8] == f"{condition.pooled.certain_share:.0%}"
    assert "| clean | 0.700 | 0.031 | 52% | 88% |" in text


def test_the_card_says_what_the_bundle_is_and_is_not_for(report: RunReport, text: str) -> None:
    assert text.startswith("# Bundle `voice`\n")
    assert ", ".join(LABELS) in text.split("\n\n")[1]
    assert "Acted speech" in text
    for not_for in ("lies", "priority", "at work", "without a person"):
        assert not_for in text.split("## Not for")[1].split("## Scores")[0]
    assert report.protocol in text
    assert "Temperature 1.37" in text and "from 0.61 on" in text
    assert "55% of the answers were certain, and 12% of these\nwrong" in text
    assert "CC-BY-NC-SA-4.0" in text.split("## Licence")[1]


def test_a_leaky_run_s_card_and_scores_say_so() -> None:
    leaky = run(leaky=True)
    told = card(leaky, "x", LABELS, FOUND, CALIBRATION, "")
    assert "**LEAKY: the voices tested on were trained on.**" in told
    assert "had not heard" not in told
    assert "not trained on" not in told
    assert all(each["leaky"] for each in metrics_of(leaky).values())


def test_every_table_row_has_as_many_cells_as_its_head(text: str) -> None:
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_what_was_not_fitted_and_what_was_not_heard_are_said() -> None:
    silent = run()
    condition = silent.folds[0].test["clean"]
    nothing = replace(condition, probabilities=np.zeros_like(condition.probabilities))
    folds = [replace(silent.folds[0], test={"clean": nothing})]
    unsure = {"clean": {"uar": 0.0, "ece": 0.0, "certain_share": 0.0, "certain_accuracy": 0.0}}
    told = card(replace(silent, folds=folds), "x", LABELS, replace(FOUND, n=0), unsure, "")
    assert f"{len(nothing)} of all answers are that no speech was heard" in told
    assert "Neither was fitted" in told and "wrong (stated" not in told
    assert "| clean | 0.000 | 0.000 | 0% | - |" in told


def test_no_licence_is_said() -> None:
    assert card(run(), "x", LABELS, FOUND, {}, "").endswith("## Licence\nnot stated\n")


def test_a_bundle_is_scored_on_the_labels_that_it_has(tmp_path: Path) -> None:
    table = read_corpus("mine:folders", make_corpus(tmp_path / "v", ["angry", "sad", "bored"], 4))
    settings = replace(
        SETTINGS,
        scheme="emotion9",
        bundle_scheme="ravdess8",
        train=replace(SETTINGS.train, epochs=1, steps=2),
    )
    material = gather(table, Table(()), Table(()), settings, tmp_path / "frames")
    report = train(material, settings, tmp_path / "run")
    bundle = load_bundle(tmp_path / "run" / "bundle")
    found = bundle.info.metrics["mine, clean"]
    assert (report.conditions[0].pooled.n, found["n"]) == (24, 16)
    calibration = bundle.info.metrics["calibration on speakers not trained on"]
    assert found["uar"] == pytest.approx(calibration["mine, clean"]["uar"])
    assert "| mine, clean | 2 | 16 |" in bundle.card
    for told in (bundle.card, found["protocol"], bundle.info.training["protocol"]):
        assert "also know bored: recordings of that are left out" in told
    assert "know bored" not in report.protocol


def test_the_shipped_card_and_scores_are_those_of_its_report() -> None:
    folder = installed_bundles()["voice"]
    report = json.loads((folder / "report" / "report.json").read_text("utf-8"))
    bundle = load_bundle("voice")
    for name, condition in report["conditions"].items():
        pooled, found = condition["pooled"], bundle.info.metrics[name]
        lacking = [label for label in pooled["labels"] if label not in bundle.info.labels]
        assert bool(lacking) == name.startswith("emodb")
        own = bundle.info.metrics["calibration on speakers not trained on"][name]["uar"]
        assert found["uar"] == pytest.approx(own)
        (row,) = re.findall(rf"^\| {name} \| \d \| .*$", bundle.card, re.MULTILINE)
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[2:4] == [str(found["n"]), f"{found['uar_mean_over_folds']:.3f}"]
        assert cells[4].split(" ")[0] == f"{found['uar']:.3f}"
        if lacking:  # the folds' networks know more than the bundle
            assert found["n"] < pooled["n"]
            for told in (found["protocol"], bundle.card):
                assert f"also know {', '.join(lacking)}: recordings of that are left out" in told
            continue
        assert found["n"] == pooled["n"]
        assert found["uar"] == pytest.approx(pooled["uar"])
        assert found["uar_mean_over_folds"] == pytest.approx(condition["uar_mean_over_folds"])
        assert cells[5:7] == [f"{pooled[score]:.3f}" for score in ("wa", "macro_f1")]
