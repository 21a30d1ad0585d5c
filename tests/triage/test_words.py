import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonewatch.core.errors import SettingsError
from tonewatch.triage.words import NgramSettings, count, tokens


def test_known_answer() -> None:
    found = tokens("Don’t shout, 911! %HESITATION ok")
    assert [t.text for t in found] == ["don't", "shout", ",", "911", "!", "ok"]
    assert [t.is_word for t in found] == [True, True, False, True, False, True]


@settings(max_examples=60)
@given(st.text(max_size=80))
def test_tokens_stand_where_they_say(text: str) -> None:
    for token in tokens(text):
        assert text[token.start : token.end].lower().replace("’", "'") == token.text


def test_letters_bear_one_wrong_letter() -> None:
    settings = NgramSettings()
    _, right = count(tokens("ambulance"), settings)
    _, heard = count(tokens("ambulence"), settings)
    _, other = count(tokens("sandwich"), settings)
    assert len(right & heard) > len(right) / 3
    assert not right & other


def test_words_and_letters_do_not_meet() -> None:
    words, letters = count(tokens("a bad cat sat at a mat"), NgramSettings(letters_from=1))
    assert not words.keys() & letters.keys()


def test_numbers_count_as_the_same_digit() -> None:
    assert count(tokens("911"), NgramSettings()) == count(tokens("112"), NgramSettings())


@pytest.mark.parametrize("wrong", [{"words": 0}, {"letters_from": 6}, {"letters_to": 40}])
def test_wrong_settings_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(SettingsError):
        NgramSettings(**wrong)  # type: ignore[arg-type]
