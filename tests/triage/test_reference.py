"""The page on triage names every cue with its shipped weight, and every setting of learning."""

from dataclasses import fields
from pathlib import Path

import pytest

from tonewatch.triage import linear
from tonewatch.triage.cues import CHECK, URGENCY
from tonewatch.triage.feedback import Learning
from tonewatch.triage.policy import shipped

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "triage.md").read_text("utf-8")


@pytest.mark.parametrize("name", [*URGENCY, *CHECK])
def test_every_cue_is_documented(name: str) -> None:
    weight = {**shipped().urgency, **shipped().check}[name]
    assert f"| `{name}` | {weight:g} | {({**URGENCY, **CHECK})[name]}" in PAGE


@pytest.mark.parametrize("name", [field.name for field in fields(Learning)])
def test_every_setting_of_learning_is_documented(name: str) -> None:
    assert f"| `{name}` | {getattr(Learning(), name)} |" in PAGE


def test_the_scores_of_gravity_are_the_shipped_model_s() -> None:
    told = linear.shipped("gravity").card["metrics"]["macro_f1_and_high_recall"]
    for name in told["google"]:
        (row,) = (line for line in PAGE.splitlines() if line.startswith(f"| {name} |"))
        found = [f"{f1:.3f}, {recall:.2f}" for f1, recall in (told[r][name] for r in told)]
        assert [cell.strip() for cell in row.split("|")[2:5]] == found
