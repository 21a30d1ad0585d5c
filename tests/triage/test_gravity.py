from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonewatch.triage.gravity import Gravity, Judge, phrase_features
from tonewatch.triage.phrases import Phrases, parse

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


def listed(name: str) -> list[tuple[str, str]]:
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [(gravity, text) for gravity, text in (line.split("\t") for line in lines)]


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("sentences.tsv", 0.9),
        ("sentences_de.tsv", 0.9),
        ("sentences_later.tsv", 0.9),
        # Nothing may be mended for these: they show what new sentences find.
        ("sentences_unseen.tsv", 0.6),
    ],
)
def test_clean_sentences(judge: Judge, name: str, least: float) -> None:
    rows = listed(name)
    told = {text: judge.judge(text) for _, text in rows}
    wrong = [(g, t) for g, t in rows if (j := told[t]) is None or j.gravity != g]
    assert len(wrong) <= (1 - least) * len(rows) + 1e-9, wrong


@given(st.text(max_size=120))
@settings(max_examples=60)
def test_any_text_gives_probabilities_or_none(text: str) -> None:
    judgement = _JUDGE.judge(text)
    if judgement is None:
        assert not any(character.isalnum() for character in text)
    else:
        assert sum(judgement.probabilities.values()) == pytest.approx(1)
        assert judgement.to_dict()["gravity"] in {"High", "Medium", "Low"}


_JUDGE = Judge()


def test_no_word_is_no_judgement(judge: Judge) -> None:
    assert judge.judge(" ... !") is None


def test_shape_of_the_result(judge: Judge) -> None:
    judgement = judge.judge("There is a fire!")
    assert judgement
    found = judgement.to_dict()
    assert set(found) == {"text", "gravity", "probabilities", "matched", "emotion"}
    assert set(found["probabilities"]) == {str(gravity) for gravity in Gravity}
    assert found["matched"][0]["about"] == "fire"
    start, end = found["matched"][0]["start"], found["matched"][0]["end"]
    assert "There is a fire!"[start:end] == found["matched"][0]["text"]


def test_an_edited_list_counts_at_once(judge: Judge) -> None:
    text = "the gloop has reached us"
    own = parse(
        'version = 1\nlanguage = "en"\nkind = "emergency"\n'
        '[[group]]\nabout = "gloop"\nweight = 3.0\nphrases = ["gloop"]\n',
        "own",
    )
    edited = Judge(judge.gravity, judge.emotion, Phrases([*judge.lists.all, *own]))
    before, after = judge.judge(text), edited.judge(text)
    assert before and after
    assert after.probabilities[Gravity.HIGH] > before.probabilities[Gravity.HIGH] + 0.1


def test_an_unknown_language_has_no_emotion(judge: Judge) -> None:
    judgement = judge.judge("egy nagyon furcsa mondat ez itt kérem")
    assert judgement
    assert judgement.emotion is None


def test_negated_phrases_are_no_features(judge: Judge) -> None:
    judgement = judge.judge("no gun")
    assert judgement
    assert [hit.negated for hit in judgement.matched] == [True]
    assert phrase_features(judgement.matched, 2)[:9] == [0.0] * 9
