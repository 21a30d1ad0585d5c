"""An assessment in words: reasons, what a flag is worth, and the meters' numbers."""

import pytest

from tonewatch.core.events import SoundRepeated
from tonewatch.service.dashboard.scores import check_card, reason, share, urgency_card, worth
from tonewatch.service.dashboard.texts import texts
from tonewatch.triage.assessment import Assessment, assess
from tonewatch.triage.cues import Cue, from_repeat, sound
from tonewatch.triage.policy import shipped

ENGLISH = texts("en")


def _found(*cues: Cue) -> Assessment:
    found = assess(cues, shipped())
    assert found is not None
    return found


def test_the_reason_names_the_two_strongest_with_their_words_and_time() -> None:
    check = _found(
        sound("laughter", 0.9, 72.0, 74.0),
        Cue("abuse_words", 1.0, 3.0, 5.0, ("you idiot", "shut up", "fool")),
        Cue("no_sim", 0.1),
    ).to_dict()["check"]
    assert reason(check, ENGLISH) == "Laughter at 1:12 · Abusive words “you idiot”, “shut up”"


def test_nothing_that_speaks_against_is_a_reason() -> None:
    urgency = _found(Cue("gravity_words", -1.0)).to_dict()["urgency"]
    assert reason(urgency, ENGLISH) == ""


def test_nor_is_what_weighs_next_to_nothing() -> None:
    urgency = _found(Cue("fear", 0.02), Cue("fear_words", 0.3)).to_dict()["urgency"]
    card = urgency_card(urgency, 1, None, ENGLISH)
    assert card["sentence"] == "Medium urgency; nothing stands out so far."


def test_a_flag_is_told_with_its_base_rate_and_precision() -> None:
    found = _found(Cue("no_sim", 1.0), Cue("repeated_number", 1.0))
    said = worth(found.to_dict()["check"], ENGLISH)
    assert "8 in 1000" in said
    assert f"this {round(1000 * found.precision)} are not" in said
    assert found.precision < 0.1


def test_the_call_in_a_sentence_names_band_and_reason_and_a_flag_apart() -> None:
    found = _found(sound("scream", 0.9, 4.0, 5.0), Cue("no_sim", 1.0), sound("laughter", 1, 2, 3))
    told = found.to_dict()
    urgency = urgency_card(told["urgency"], 9.5, shipped(), ENGLISH)
    assert urgency["sentence"] == f"{urgency['word']} urgency: Scream at 0:04."
    check = check_card(told["check"], 9.5, shipped(), ENGLISH)
    assert check["flagged"] == bool(check["sentence"])
    assert (
        check_card(_found(Cue("no_sim", 0.1)).to_dict()["check"], 1, None, ENGLISH)["sentence"]
        == ""
    )
    quiet = urgency_card(_found(Cue("gravity_words", -1.0)).to_dict()["urgency"], 1, None, ENGLISH)
    assert quiet["sentence"] == "Low urgency; nothing stands out so far."


@pytest.mark.parametrize(("value", "text"), [(0.0077, "0.8%"), (0.039, "3.9%"), (0.84, "84%")])
def test_small_shares_have_a_decimal(value: float, text: str) -> None:
    assert share(value) == text


def test_a_meter_has_all_that_its_score_is_the_sum_of() -> None:
    found = _found(sound("scream", 0.8, 4.0, 5.0), sound("fear", 0.2, 0.0, 9.0))
    card = urgency_card(found.to_dict()["urgency"], 9.5, shipped(), ENGLISH)
    assert card["intercept"] + sum(part["log_odds"] for part in card["parts"]) == pytest.approx(
        card["log_odds"]
    )
    assert [part["start_s"] for part in card["parts"]] == [4.0, 0.0]
    assert [tick["at"] for tick in card["ticks"]] == [0.35, 0.65]
    assert card["at"] == "after 0:09"


def test_sound_that_came_before_is_told_with_both_times() -> None:
    found = _found(from_repeat(SoundRepeated(12.0, 15.0, 3.0, 0.97)))
    check = found.to_dict()["check"]
    assert reason(check, ENGLISH) == "Replayed sound at 0:12"
    (part,) = check_card(check, 16.0, None, ENGLISH)["parts"]
    assert part["why"] == "the same sound as at 0:03 · strength 94%"


def test_without_the_rules_a_meter_has_no_thresholds_and_still_its_worth() -> None:
    found = _found(Cue("no_sim", 1.0))
    card = check_card(found.to_dict()["check"], 1.0, None, ENGLISH)
    assert card["ticks"] == []
    assert not card["flagged"]
    assert "8 in 1000" in card["note"]
