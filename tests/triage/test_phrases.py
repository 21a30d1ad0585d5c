from pathlib import Path

import pytest

from tonewatch.core.errors import SettingsError
from tonewatch.triage.phrases import Hit, Kind, Phrases, parse, read, shipped, to_spot
from tonewatch.triage.words import tokens

LIST = """
version = 1
language = "en"
kind = "emergency"

[[group]]
about = "fire"
weight = 2.0
phrases = ["fire", "house fire", "explo*", "smoke ~ house", "not breathing"]
"""


def find(text: str) -> tuple[Hit, ...]:
    return Phrases(parse(LIST, "list")).find(text, tokens(text))


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("Fire!", ["Fire"]),
        ("a house fire", ["house fire"]),
        ("it exploded, an explosion", ["exploded", "explosion"]),
        ("smoke in our old house", ["smoke in our old house"]),
        ("smoke house", ["smoke house"]),
        ("smoke from the very old house", []),
        ("fireman", []),
        ("", []),
    ],
)
def test_known_answers(text: str, hits: list[str]) -> None:
    assert [hit.text for hit in find(text)] == hits


def test_a_hit_says_where() -> None:
    text = "Help, the HOUSE  fire!"
    (hit,) = find(text)
    assert (text[hit.start : hit.end], hit.first_token, hit.last_token) == ("HOUSE  fire", 3, 4)


@pytest.mark.parametrize("text", ["no fire", "there isn't a fire"])
def test_a_negated_hit_is_told_as_such(text: str) -> None:
    assert [hit.negated for hit in find(text)] == [True]


@pytest.mark.parametrize("text", ["No. There, fire!", "no, a fire", "not there? Fire"])
def test_a_negation_before_a_sign_is_of_something_else(text: str) -> None:
    assert [hit.negated for hit in find(text)] == [False]


def test_a_phrase_with_its_own_negation_counts() -> None:
    assert [hit.negated for hit in find("she is not breathing")] == [False]


def test_shipped_lists_have_all_kinds_in_both_languages() -> None:
    phrases = shipped().all
    assert {(p.kind, p.language) for p in phrases} == {
        (kind, language) for kind in Kind for language in ("en", "de")
    }


def test_every_shipped_phrase_is_found_in_itself() -> None:
    lists = shipped()
    for phrase in lists.all:
        said = " ".join(word.rstrip("*") for word in phrase.words if word != "~")
        hits = lists.find(said, tokens(said))
        assert any(h.phrase.kind is phrase.kind and not h.negated for h in hits), phrase


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version = 1", "version = 2"),
        ('"en"', '"english"'),
        ('"emergency"', '"panic"'),
        ("2.0", "0"),
        ("2.0", "true"),
        ('"fire",', '"f*ire",'),
        ('"fire",', '"~ fire",'),
        ('"fire",', "5,"),
        ('"fire",', '"fire-brigade",'),
        ("[[group]]", "[[groups]]"),
        ('about = "fire"', ""),
        ('about = "fire"', 'about = "fire"\nspot = "no"'),
        ("weight", "weight weight"),
    ],
)
def test_wrong_lists_are_refused(old: str, new: str) -> None:
    assert old in LIST
    with pytest.raises(SettingsError, match="list"):
        parse(LIST.replace(old, new, 1), "list")


def test_lists_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(LIST, encoding="utf-8")
    assert len(read([path]).all) == 5
    with pytest.raises(SettingsError, match="cannot read"):
        read([tmp_path / "none.toml"])


def test_what_is_not_to_be_spotted_is_judged_but_not_sought_in_the_sound() -> None:
    (phrase, *_) = parse(LIST.replace("[[group]]", "[[group]]\nspot = false", 1), "list")
    assert not phrase.spot
    kept = {" ".join(p.words) for p in shipped().all if not p.spot}
    assert "ablaze" in kept
    assert not kept & set(to_spot())
