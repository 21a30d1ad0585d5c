"""The laws of a whole call: emotion only raises, sums are exact, the check moves no urgency."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from math import fsum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonewatch.core.events import (
    EmotionEstimated,
    Event,
    NoSpeech,
    NotTranscribed,
    PhraseSpotted,
    SoundRepeated,
    SpeechEnded,
    SpeechStarted,
    Word,
    WordsRecognised,
)
from tonewatch.core.labels import EMOTIONS
from tonewatch.triage import cues
from tonewatch.triage.assessment import Assessment, Band, Contribution
from tonewatch.triage.case import FIRST_WORDS, LAST_WORDS, Case, Origin
from tonewatch.triage.cues import CHECK, EMOTIONAL, URGENCY
from tonewatch.triage.gravity import Judge
from tonewatch.triage.policy import Policy, shipped

POLICY = shipped()
JUDGE = Judge()
UNKNOWN = Origin()
SENTENCES = (
    "there is a fire in the kitchen",
    "he is not breathing please hurry",
    "i want to order a pizza",
    "there is no fire",
    "what time is it",
    "you are an idiot",
    "my neighbour plays loud music",
    "i am so scared",
)
QUICK = settings(max_examples=25)


def said(text: str, start_s: float, *, final: bool = True) -> WordsRecognised:
    """A word every half second."""
    words = tuple(
        Word(word, start_s + k / 2, start_s + k / 2 + 0.4, 0.9)
        for k, word in enumerate(text.split())
    )
    return WordsRecognised(start_s, start_s + len(words) / 2, words, final)


def heard(start_s: float, probabilities: dict[str, float]) -> EmotionEstimated:
    return EmotionEstimated(start_s, start_s + 3, "neutral", 0.5, True, probabilities, 3.0)


probabilities = st.dictionaries(st.sampled_from(EMOTIONS), st.floats(0, 1))
times = st.floats(0, 100)
shares = st.floats(0, 1)
windows = st.builds(heard, times, probabilities)
others = st.one_of(
    st.builds(said, st.sampled_from(SENTENCES), times, final=st.booleans()),
    st.builds(SpeechStarted, times),
    st.builds(lambda start, n: SpeechEnded(start, start + n), times, st.floats(0, 5)),
    st.builds(lambda start: NoSpeech(start, start + 3), times),
    st.builds(lambda start: NotTranscribed(start, start + 3), times),
    st.builds(
        lambda start, phrase: PhraseSpotted(start, start + 1, phrase),
        times,
        st.sampled_from(["on fire", "not breathing", "in no list"]),
    ),
    st.builds(
        lambda start, agreement: SoundRepeated(start, start + 3, 0.0, agreement), times, shares
    ),
)
events = st.lists(st.one_of(windows, others), max_size=12)
origins = st.builds(Origin, st.none(), st.booleans(), st.booleans(), st.integers(0, 5))


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    weight = st.floats(-10, 10)
    urgency = {n: abs(draw(weight)) if n in EMOTIONAL else draw(weight) for n in URGENCY}
    return replace(POLICY, urgency=urgency, check={n: draw(weight) for n in CHECK})


def case_of(happened: Sequence[Event], origin: Origin = UNKNOWN) -> Case:
    case = Case(JUDGE, origin)
    for event in happened:
        case.take(event)
    return case


def assessed(
    happened: Sequence[Event],
    policy: Policy = POLICY,
    origin: Origin = UNKNOWN,
    now_s: float = 100.0,
) -> Assessment:
    found = case_of(happened, origin).assess(now_s, policy)
    assert found is not None
    return found


def rank(found: Assessment, queue: Sequence[Assessment]) -> int:
    """How many calls of a queue go before."""
    return sum(each.urgency.log_odds > found.urgency.log_odds for each in queue)


@QUICK
@given(events, windows, policies())
def test_a_further_emotion_never_lowers_urgency_nor_a_rank(
    happened: list[Event], window: EmotionEstimated, policy: Policy
) -> None:
    before, after = assessed(happened, policy), assessed([*happened, window], policy)
    assert after.urgency.log_odds >= before.urgency.log_odds
    queue = [assessed([said(text, 0.0)], policy) for text in SENTENCES[:3]]
    assert rank(after, queue) <= rank(before, queue)


@QUICK
@given(events, policies())
def test_without_its_emotion_no_call_is_more_urgent(happened: list[Event], policy: Policy) -> None:
    calm = [event for event in happened if not isinstance(event, EmotionEstimated)]
    found, without = assessed(happened, policy), assessed(calm, policy)
    assert without.urgency.log_odds <= found.urgency.log_odds


@QUICK
@given(events, probabilities, st.sampled_from(["fearful", "painful"]), st.floats(0, 1))
def test_raising_an_emotion_in_the_last_window_never_lowers_urgency(
    happened: list[Event], p: dict[str, float], label: str, share: float
) -> None:
    raised = p | {label: p.get(label, 0.0) + share * (1 - p.get(label, 0.0))}
    before = assessed([*happened, heard(100.0, p)])
    after = assessed([*happened, heard(100.0, raised)])
    assert after.urgency.log_odds >= before.urgency.log_odds - 1e-9


@QUICK
@given(events, origins, policies())
def test_contributions_add_up_exactly(
    happened: list[Event], origin: Origin, policy: Policy
) -> None:
    found = assessed(happened, policy, origin)
    for score in (found.urgency, found.check):
        assert score.log_odds == fsum([score.intercept, *(c.log_odds for c in score.contributions)])


@QUICK
@given(events, origins, policies())
def test_where_a_call_came_from_moves_no_urgency(
    happened: list[Event], origin: Origin, policy: Policy
) -> None:
    suspicious = assessed(happened, policy, origin)
    assert suspicious.urgency == assessed(happened, policy).urgency
    assert suspicious.band == assessed(happened, policy).band


@QUICK
@given(events)
def test_the_off_switch_stops_all(happened: list[Event]) -> None:
    assert case_of(happened).assess(100.0, POLICY.switched(False, "off")) is None


@QUICK
@given(st.lists(windows, min_size=1, max_size=30))
def test_voice_is_as_if_all_windows_were_kept(happened: list[EmotionEstimated]) -> None:
    kept = {cue.name: cue for cue in case_of(happened).cues(100.0)}
    for cue in cues.from_voice(happened):
        assert kept[cue.name].strength == pytest.approx(cue.strength, abs=1e-9), cue.name


def test_what_was_said_and_when() -> None:
    found = assessed([said("hello is somebody there", 1.0), said(SENTENCES[0], 10.0)])
    (phrases,) = (c for c in found.urgency.contributions if c.cue.name == "emergency_phrases")
    assert any("fire" in words for words in phrases.cue.words)
    assert phrases.cue.start_s is not None and 10.0 <= phrases.cue.start_s <= 11.5
    assert found.band is Band.HIGH
    assert "fire" in found.urgency.reason


def test_evidence_of_grave_words_is_grave() -> None:
    small = "i want to order a pizza and a question about parking and my neighbour is too loud"
    found = assessed([said(f"{small} please help he has a gun he is bleeding", 0.0)])
    (gravity,) = (c for c in found.urgency.contributions if c.cue.name == "gravity_words")
    assert gravity.log_odds > 0
    assert set(gravity.cue.words) == {"gun", "bleeding"}


def test_words_that_may_still_change_do_not_count() -> None:
    found = assessed([said(SENTENCES[0], 0.0, final=False)])
    names = [c.cue.name for c in found.urgency.contributions]
    assert "gravity_words" not in names


def test_a_phrase_said_early_stays_in_a_long_call() -> None:
    talk = [said("we are at the corner of the street now", 20.0 + 5 * k) for k in range(200)]
    found = assessed([said(SENTENCES[0], 0.0), *talk])
    assert "emergency_phrases" in [c.cue.name for c in found.urgency.contributions]


@pytest.mark.parametrize("text", ["she collapsed", "he stabbed me", "there is a fire"])
def test_a_no_before_says_nothing_of_what_is_said_next(text: str) -> None:
    def urgency(first: str) -> float:
        found = case_of([said(first, 0), said(text, 20)]).assess(25, POLICY)
        assert found is not None
        return found.urgency.log_odds

    assert urgency("no") > urgency("yes") - 0.5
    assert urgency("there is no") > urgency("yes") - 1, "a pause may follow anything"


def test_a_phrase_goes_over_a_pause() -> None:
    case = case_of([said("the house is on", 0), said("fire", 3)])
    (cue,) = (c for c in case.cues(5) if c.name == "emergency_phrases")
    assert cue.words == ("on fire",)


def test_a_forgotten_no_makes_no_fire() -> None:
    talk = [said("well " * (FIRST_WORDS - 2) + "the house is not on fire", 0.0)]
    talk += [said("yes well", 100.0 + k) for k in range(LAST_WORDS)]
    found = assessed(talk)
    assert "emergency_phrases" not in [c.cue.name for c in found.urgency.contributions]


def spotted_in(*happened: Event) -> Contribution | None:
    parts = {c.cue.name: c for c in assessed(happened).urgency.contributions}
    return parts.get("spotted_phrases")


def test_a_phrase_that_was_spotted_counts_by_itself() -> None:
    speech = (SpeechStarted(0.0), SpeechEnded(0.0, 10.0))
    part = spotted_in(*speech, PhraseSpotted(4.0, 5.0, "on fire"))
    assert part is not None and part.log_odds > 0
    assert (part.cue.start_s, part.cue.end_s) == (4.0, 5.0)
    assert part.cue.words == ("on fire",)
    assert part.cue.numbers["spotted"] == 1
    assert part.cue.numbers["expected_false"] == pytest.approx(0.4 / 6)


def test_what_was_spotted_counts_less_the_longer_it_was_listened_for() -> None:
    phrase = PhraseSpotted(4.0, 5.0, "on fire")
    parts = [
        spotted_in(phrase, SpeechStarted(0.0), SpeechEnded(0.0, 60.0 * minutes))
        for minutes in (0.5, 2.0, 3.0)
    ]
    short, long, longer = (part.log_odds if part else 0.0 for part in parts)
    assert short > long > longer == 0.0  # in three minutes chance alone spots one
    given_up = NotTranscribed(0.0, 150.0)
    part = spotted_in(phrase, SpeechStarted(0.0), SpeechEnded(0.0, 180.0), given_up)
    assert part is not None and part.log_odds == pytest.approx(short)
    more = [PhraseSpotted(10.0 * k, 10.0 * k + 1, "not breathing") for k in range(4)]
    part = spotted_in(phrase, *more, SpeechStarted(0.0), SpeechEnded(0.0, 180.0))
    assert part is not None and part.log_odds > short


def test_what_is_written_down_as_well_counts_once() -> None:
    fire = said("there is a fire", 3.0)
    assert spotted_in(PhraseSpotted(3.5, 5.0, "a fire"), fire) is None
    part = spotted_in(PhraseSpotted(6.0, 7.0, "not breathing"), fire)
    assert part is not None and part.cue.words == ("not breathing",)


@pytest.mark.parametrize("words_first", [True, False])
def test_what_the_words_deny_was_not_spotted_there(words_first: bool) -> None:
    words = said("it is not a heart attack", 3.0)
    here, later = (PhraseSpotted(at, at + 1, "heart attack") for at in (5.0, 9.0))
    happened: list[Event] = [words, here] if words_first else [here, words]
    assert spotted_in(*happened) is None
    for more in ([*happened, later], [later, *happened]):
        part = spotted_in(*more)
        assert part is not None and part.cue.start_s == 9.0


def test_what_is_in_no_list_is_worth_nothing() -> None:
    assert spotted_in(PhraseSpotted(4.0, 5.0, "in no list")) is None


def test_sound_that_comes_again_is_a_sign_to_check_and_its_strongest_stays() -> None:
    repeats = [
        SoundRepeated(at, at + 3, at - 9, agreement) for at, agreement in ((20, 0.95), (40, 0.92))
    ]
    found = assessed(repeats)
    (part,) = (c for c in found.check.contributions if c.cue.name == "replayed_audio")
    assert (part.cue.start_s, part.cue.end_s) == (20, 23)
    assert part.cue.numbers == {"earlier_s": 11, "agreement": 0.95}
    assert part.cue.strength == pytest.approx(0.9)
    assert found.urgency == assessed([]).urgency


def test_who_asks_for_a_pizza_and_names_a_fire_is_not_unfit() -> None:
    pizza = assessed([said(SENTENCES[2], 0.0)])
    assert "unfit_words" in [c.cue.name for c in pizza.check.contributions]
    for grave in (said(SENTENCES[0], 9.0), PhraseSpotted(9.0, 10.0, "on fire")):
        both = assessed([said(SENTENCES[2], 0.0), grave])
        assert "unfit_words" not in [c.cue.name for c in both.check.contributions]


def test_silence_counts_only_while_nobody_speaks() -> None:
    def names(*happened: Event) -> set[str]:
        found = assessed(happened)
        parts = (*found.urgency.contributions, *found.check.contributions)
        return {c.cue.name for c in parts}

    assert "silence" in names()
    assert "silence_after_speech" in names(SpeechStarted(1.0), SpeechEnded(1.0, 3.0))
    assert names(SpeechStarted(1.0)) == set()


@pytest.mark.parametrize("spoke", [True, False])
def test_what_nobody_listened_to_is_no_silence(spoke: bool) -> None:
    case = case_of([SpeechStarted(1.0), SpeechEnded(1.0, 3.0)] if spoke else [])

    def silent_s(now_s: float) -> float:
        found = (c for c in case.cues(now_s) if c.name.startswith("silence"))
        return next((cue.numbers["silent_s"] for cue in found), 0.0)

    assert silent_s(4.0) == (1.0 if spoke else 4.0)
    case.lose(4.0, 24.0)
    assert silent_s(20.0) == silent_s(24.0) == 0.0
    assert silent_s(30.0) == 6.0


def test_short_losses_do_not_hide_a_silence_unless_they_follow_each_other() -> None:
    def silent_s(*lost: tuple[float, float]) -> float:
        case = case_of([SpeechStarted(1.0), SpeechEnded(1.0, 3.0)])
        for start_s, end_s in lost:
            case.lose(start_s, end_s)
        return next(c for c in case.cues(23.0) if c.name.startswith("silence")).numbers["silent_s"]

    assert silent_s((6.0, 6.4), (12.0, 12.4), (18.0, 18.4)) == 20.0
    assert silent_s((18.0, 18.4), (18.4, 18.8), (18.4, 18.8), (18.8, 19.2)) == pytest.approx(3.8)


@pytest.mark.parametrize(
    ("metadata", "origin"),
    [
        ({}, Origin()),
        ({"number": "+49 30", "SIM": "None"}, Origin("+49 30", no_sim=True)),
        ({"caller": "112", "origin": "VoIP"}, Origin("112", voip=True)),
        ({"number": "Anonymous", "caller": "Ada 2"}, Origin()),  # each of many callers
        ({"number": "withheld", "caller": "0049 30"}, Origin("0049 30")),
        ({"voip": "yes", "sim": "89490200"}, Origin(voip=True)),
        ({"access": "voip", "number": " "}, Origin(voip=True)),
        ({"Signs": "Several voices, laughter"}, Origin(signs=("laughter", "several_voices"))),
        ({"signs": "fear, replayed_audio, no_sim"}, Origin()),  # heard or known otherwise
    ],
)
def test_what_metadata_tell(metadata: dict[str, str], origin: Origin) -> None:
    assert Origin.of(metadata) == origin


def test_signs_count_where_they_belong_and_raise_urgency_alone() -> None:
    found = assessed([], origin=Origin.of({"signs": "scream, laughter"}))
    assert "laughter" in [c.cue.name for c in found.check.contributions]
    assert "scream" in [c.cue.name for c in found.urgency.contributions]
    assert found.urgency.log_odds > assessed([]).urgency.log_odds


def test_calls_before_count() -> None:
    found = assessed([], origin=Origin("1").called_before(3))
    (part,) = (c for c in found.check.contributions if c.cue.name == "repeated_number")
    assert part.cue.numbers == {"calls_before": 3}


def test_memory_does_not_grow() -> None:
    case = Case(JUDGE)

    def size() -> int:
        return sum(
            sys.getsizeof(value) + (len(value) if hasattr(value, "__len__") else 0)
            for value in vars(case).values()
        )

    def hour(k: int) -> None:
        for second in range(0, 3600, 6):
            start_s = 3600.0 * k + second
            case.take(SpeechStarted(start_s))
            case.take(heard(start_s, {"fearful": second / 3600}))
            case.take(SpeechEnded(start_s, start_s + 2))
            if second % 60 == 0:
                case.take(said(SENTENCES[second // 60 % len(SENTENCES)], start_s))

    hour(0)
    after_one = size()
    for k in range(1, 4):
        hour(k)
    assert size() == after_one
    assert case.now_s > 4 * 3600 - 60
