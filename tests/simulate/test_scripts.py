from pathlib import Path

import pytest

from tonewatch.core.errors import SettingsError
from tonewatch.core.labels import EMOTIONS
from tonewatch.service.decisions import OUTCOMES as DECIDED
from tonewatch.simulate.scripts import OUTCOMES, Line, call_taker, read, sentences, shipped
from tonewatch.simulate.traits import SHARES, TRAITS
from tonewatch.triage.gravity import Gravity


def test_the_shipped_scripts_have_all_that_a_helpline_has() -> None:
    scripts = shipped()
    assert {script.gravity for script in scripts if script.outcome == "genuine"} == set(Gravity)
    assert {script.outcome for script in scripts} == set(OUTCOMES)
    assert {line.emotion for script in scripts for line in script.lines} <= set(EMOTIONS)
    assert len({script.name for script in scripts}) == len(scripts)
    assert len(call_taker()) > 1


def test_outcomes_are_those_that_people_decide_on() -> None:
    assert OUTCOMES == DECIDED
    assert set(TRAITS) == set(OUTCOMES)
    assert set(SHARES) == set(OUTCOMES) - {"genuine"}
    assert sum(SHARES.values()) == pytest.approx(1)


def test_toml_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[[call]]\ngravity = "high"\nlines = [["Fear", "Es brennt!"], "Bitte kommen Sie."]\n'
        '[[call]]\nname = "joke"\ngravity = "Low"\noutcome = "prank"\nlines = ["Ha."]\n',
        encoding="utf-8",
    )
    first, second = read(path)
    assert first.gravity is Gravity.HIGH
    assert first.lines == (Line("Es brennt!", "fearful"), Line("Bitte kommen Sie."))
    assert (second.name, second.outcome) == ("joke", "prank")
    assert first.text == "Es brennt! Bitte kommen Sie."


@pytest.mark.parametrize("header", ["Text,Class", "text,gravity"])
def test_csv_of_ones_own(tmp_path: Path, header: str) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(f"{header}\nThere is smoke. Come quickly!,High\nhello,Low\n", "utf-8")
    first, second = read(path)
    assert [line.text for line in first.lines] == ["There is smoke.", "Come quickly!"]
    assert second.gravity is Gravity.LOW


def test_long_sentences_are_cut_and_nothing_is_lost() -> None:
    text = " ".join(f"w{k}" for k in range(40)) + ". Then more?"
    parts = sentences(text)
    assert max(len(part.split()) for part in parts) == 14
    assert " ".join(parts) == text


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.toml", "calls = 1", "[[call]]"),
        ("a.toml", "[[call]\n", "cannot read"),
        ("a.toml", '[[call]]\ngravity = "High"', "call 1"),
        ("a.toml", '[[call]]\ngravity = "High"\nlines = [["sad"]]', "call 1"),
        ("a.toml", '[[call]]\ngravity = "Grave"\nlines = ["x"]', "'Grave'"),
        ("a.toml", '[[call]]\ngravity = "High"\nlines = [["peckish", "x"]]', "peckish"),
        ("a.toml", '[[call]]\ngravity = "High"\nlines = [" "]', "empty line"),
        ("a.csv", "text\nhello\n", "gravity"),
        ("a.csv", "text,gravity\n,High\n", "empty line"),
        ("a.csv", "text,gravity,outcome\nhello,High,hoax\n", "'hoax'"),
        ("a.csv", "text,gravity\n", "came none"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, name: str, content: str, told: str) -> None:
    (tmp_path / name).write_text(content, "utf-8")
    with pytest.raises(SettingsError) as error:
        read(tmp_path / name)
    assert told in str(error.value)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read"):
        read(tmp_path / "none.toml")
