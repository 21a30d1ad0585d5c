from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonewatch.core.errors import SettingsError
from tonewatch.triage.cues import EMOTIONAL, URGENCY
from tonewatch.triage.policy import implied_precision, parse, shipped


def text() -> str:
    return shipped().to_toml()


def test_precision_of_a_rare_thing() -> None:
    assert implied_precision(0.0077, 0.84, 0.84) == pytest.approx(0.039, abs=5e-4)
    assert implied_precision(0.5, 0.0, 1.0) == 0.0


@settings(max_examples=60)
@given(
    weights=st.lists(st.floats(0, 10), min_size=len(URGENCY), max_size=len(URGENCY)),
    base_rate=st.floats(1e-6, 0.999),
    version=st.text(min_size=1).filter(lambda t: bool(t.strip()) and t.isprintable()),
)
def test_its_text_restores_it(weights: list[float], base_rate: float, version: str) -> None:
    policy = replace(
        shipped(),
        urgency=dict(zip(URGENCY, weights, strict=True)),
        base_rate=base_rate,
        version=version,
    )
    again = parse(policy.to_toml())
    assert again == policy
    assert again.sha256 == policy.sha256


def test_rules_from_before_a_cue_leave_it_out_and_keep_their_text() -> None:
    old = text().replace("format = 2", "format = 1").replace("spotted_phrases = 0.5\n", "")
    policy = parse(old)
    assert policy.urgency["spotted_phrases"] == 0
    assert policy.to_toml() == old
    raised = replace(policy, urgency={**policy.urgency, "spotted_phrases": 0.5})
    assert parse(raised.to_toml()) == raised
    with pytest.raises(SettingsError, match="spotted_phrases"):
        parse(old.replace("format = 1", "format = 2"))


def test_a_change_changes_the_hash() -> None:
    policy = shipped()
    assert policy.switched(False, policy.version).sha256 != policy.sha256


@pytest.mark.parametrize("name", sorted(EMOTIONAL))
def test_emotion_may_not_lower_urgency(name: str) -> None:
    policy = shipped()
    with pytest.raises(SettingsError, match="never lowers"):
        replace(policy, urgency={**policy.urgency, name: -0.1})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("format = 2", "format = 3"),
        ('version = "tonewatch-3"', 'version = "\\n"'),
        ('version = "tonewatch-3"', "version = 1"),
        ("enabled = true", "enabled = 1"),
        ("base_rate = 0.0077", "base_rate = 0.0"),
        ("base_rate = 0.0077", 'base_rate = "rare"'),
        ("base_rate = 0.0077", ""),
        ("medium_from = 0.35", "medium_from = 0.9"),
        ("flag_from = 0.8", "flag_from = 1.0"),
        ("fear = 2.0", "fear = 11.0"),
        ("fear = 2.0", "fear = nan"),
        ("fear = 2.0", "fair = 2.0"),
        ("no_sim = 0.8", ""),
        ("[check]", "[check]\nnothing = 1"),
        ("[check]", "[check"),
        ("[check.weights]", "[check.weight]"),
    ],
)
def test_wrong_policies_are_refused(old: str, new: str) -> None:
    assert old in text()
    with pytest.raises(SettingsError, match="policy"):
        parse(text().replace(old, new, 1))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("urgency", "format = 2\nurgency = 3"),
        ("check", 'format = 2\ncheck = "no"\n[urgency]'),
        ("urgency.weights", text().replace("[urgency.weights]", "weights = 3\n[other]")),
        ("check.weights", text().replace("[check.weights]", "weights = [1]\n[other]")),
    ],
)
def test_what_is_no_table_is_told_by_name(name: str, wrong: str) -> None:
    with pytest.raises(SettingsError, match=f"expected {name} to be a table, came"):
        parse(wrong)


@pytest.mark.parametrize("digits", [400, 5_000])
def test_a_number_beyond_all_numbers_is_told(digits: int) -> None:
    with pytest.raises(SettingsError):
        parse(text().replace("base_rate = 0.0077", "base_rate = " + "9" * digits))
