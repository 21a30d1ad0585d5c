import re

import pytest

from tonewatch.training.calibrate import Fit
from tonewatch.training.card import card, metrics_of
from tonewatch.training.report import RunReport
from training.test_report import LABELS, run

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
        assert (
            found["uar"] == condition.uar == pytest.approx(sum(found["uar_by_fold"].values()) / 3)
        )
        assert found["n"] == condition.pooled.n == 240
        assert found["protocol"] == report.protocol


def test_every_score_of_the_card_is_the_report_s(report: RunReport, text: str) -> None:
    for condition in report.conditions:
        (row,) = (line for line in text.splitlines() if line.startswith(f"| {condition.name} | 3"))
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[1:3] == ["3", "240"]
        assert cells[3].startswith(f"{condition.uar:.3f} (")
        assert cells[4:7] == [
            f"{condition.mean('wa'):.3f}",
            f"{condition.mean('macro_f1'):.3f}",
            f"{condition.pooled.ece:.3f}",
        ]
        assert cells[7] == f"{condition.pooled.certain_share:.0%}"
    assert "| clean | 0.031 | 52% | 88% |" in text


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


def test_no_licence_is_said() -> None:
    assert card(run(), "x", LABELS, FOUND, {}, "").endswith("## Licence\nnot stated\n")
