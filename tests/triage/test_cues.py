from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonewatch.core.errors import SettingsError
from tonewatch.core.events import EmotionEstimated
from tonewatch.triage import cues
from tonewatch.triage.cues import CHECK, EMOTION_WEIGHTS, URGENCY, Cue
from tonewatch.triage.emotion import TextEmotion
from tonewatch.triage.gravity import Gravity, Judgement
from tonewatch.triage.phrases import Hit, Kind, Phrase


def estimate(start_s: float, **probabilities: float) -> EmotionEstimated:
    label = max(probabilities, key=probabilities.__getitem__)
    return EmotionEstimated(start_s, start_s + 3, label, 0.9, True, probabilities, 3.0)


def judged(*kinds: Kind, negated: bool = False, high: float = 0.5) -> Judgement:
    hits = tuple(
        Hit(Phrase((str(kind),), kind, str(kind), 2.0, "en"), str(kind), 0, 1, 0, 0, negated)
        for kind in kinds
    )
    p = {Gravity.HIGH: high, Gravity.MEDIUM: 0.3, Gravity.LOW: 0.7 - high}
    return Judgement("text", Gravity.HIGH, p, hits, TextEmotion("fearful", {"fearful": 0.6}))


def test_fear_is_the_mean_of_the_three_most_fearful() -> None:
    estimates = [estimate(t, fearful=p, calm=1 - p) for t, p in enumerate((0.9, 0.1, 0.6, 0.3))]
    fear = next(cue for cue in cues.from_voice(estimates) if cue.name == "fear")
    assert fear.strength == pytest.approx(0.6)
    assert (fear.start_s, fear.end_s) == (0, 6)


@pytest.mark.parametrize(
    ("label", "mapped"), [("fearful", 0.0), ("happy", 1.0), ("angry", 0.7 / 1.8)]
)
def test_ancestors_weights(label: str, mapped: float) -> None:
    (cue,) = (c for c in cues.from_voice([estimate(0, **{label: 1.0})]) if c.name in CHECK)
    assert cue.name == "emotion_weights"
    assert cue.numbers["mapped"] == pytest.approx(mapped)
    assert cue.strength == pytest.approx(2 * mapped - 1)


def test_ancestors_weights_are_the_stated_ones() -> None:
    assert EMOTION_WEIGHTS == {
        "angry": -0.3,
        "disgust": 0.0,
        "fearful": -1.0,
        "happy": 0.8,
        "neutral": 0.5,
        "sad": -0.5,
        "surprised": 0.0,
    }


def test_words() -> None:
    found = {c.name: c for c in cues.from_words(judged(Kind.EMERGENCY, Kind.ABUSE), 1.0, 4.0)}
    assert set(found) == {"gravity_words", "emergency_phrases", "fear_words", "abuse_words"}
    assert found["gravity_words"].strength == pytest.approx(0.3)
    assert found["emergency_phrases"].words == ("emergency",)
    assert {(c.start_s, c.end_s) for c in found.values()} == {(1.0, 4.0)}


@pytest.mark.parametrize(("high", "words"), [(0.5, ("emergency", "concern")), (0.2, ("minor",))])
def test_evidence_of_gravity_speaks_for_it(high: float, words: tuple[str, ...]) -> None:
    judgement = judged(Kind.OFFER, Kind.MINOR, Kind.CONCERN, Kind.EMERGENCY, Kind.MINOR, high=high)
    weights = {Kind.EMERGENCY: 3.0}
    heavier = tuple(
        replace(hit, phrase=replace(hit.phrase, weight=weights.get(hit.phrase.kind, 2.0)))
        for hit in judgement.matched
    )
    (gravity, *_) = cues.from_words(replace(judgement, matched=heavier), 0, 1)
    assert gravity.words == words


def test_an_order_beside_an_emergency_is_not_unfit() -> None:
    alone = {c.name for c in cues.from_words(judged(Kind.MINOR), 0, 1)}
    both = {c.name for c in cues.from_words(judged(Kind.MINOR, Kind.EMERGENCY), 0, 1)}
    assert "unfit_words" in alone
    assert "unfit_words" not in both


@pytest.mark.parametrize("kind", [Kind.EMERGENCY, Kind.MINOR, Kind.ABUSE])
def test_what_is_said_twice_counts_once(kind: Kind) -> None:
    once, twice = (cues.from_words(judged(*[kind] * n), 0, 1) for n in (1, 2))
    assert [cue.strength for cue in once] == [cue.strength for cue in twice]


def test_negated_phrases_are_no_cue() -> None:
    found = {c.name for c in cues.from_words(judged(Kind.EMERGENCY, negated=True), 0, 1)}
    assert found == {"gravity_words", "fear_words"}


def test_silence() -> None:
    (after,) = cues.from_silence(10.0, 20.0)
    assert (after.name, after.strength) == ("silence_after_speech", 0.5)
    (never,) = cues.from_silence(None, 60.0)
    assert (never.name, never.strength) == ("silence", 1.0)
    assert cues.from_silence(5.0, 5.0) == []


def test_origin() -> None:
    assert cues.from_origin(0, no_sim=False, voip=False) == []
    found = {c.name: c.strength for c in cues.from_origin(3, no_sim=True, voip=True)}
    assert found == {
        "repeated_number": pytest.approx(0.777, abs=1e-3),
        "no_sim": 1,
        "voip_origin": 1,
    }


def test_strongest() -> None:
    weak, strong = cues.sound("scream", 0.2, 0, 1), cues.sound("scream", 0.8, 5, 6)
    assert cues.strongest([weak, strong, weak]) == {"scream": strong}


@pytest.mark.parametrize(
    ("name", "strength"), [("joke", 0.5), ("fear", -0.1), ("fear", 1.1), ("silence", float("nan"))]
)
def test_wrong_cues_are_refused(name: str, strength: float) -> None:
    with pytest.raises(SettingsError):
        Cue(name, strength)


@settings(max_examples=60)
@given(
    st.lists(st.dictionaries(st.sampled_from(["fearful", "happy"]), st.floats(0, 1)), max_size=6)
)
def test_voice_cues_are_always_cues(rows: list[dict[str, float]]) -> None:
    estimates = [EmotionEstimated(i, i + 3, "x", 0.5, False, p, 3.0) for i, p in enumerate(rows)]
    assert {cue.name for cue in cues.from_voice(estimates)} <= {*URGENCY, *CHECK}
