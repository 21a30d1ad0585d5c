"""The page on triage names every cue with its shipped weight, and every setting of learning."""

from dataclasses import fields
from pathlib import Path

import pytest

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
