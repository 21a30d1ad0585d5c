"""The laws of assessment: sums are exact, emotion only raises, and the check changes no urgency."""

import json
from dataclasses import replace
from math import fsum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonewatch.core.events import EmotionEstimated
from tonewatch.core.labels import EMOTIONS
from tonewatch.triage import cues
from tonewatch.triage.assessment import LEAST_REASON, Assessment, Band, assess, probability
from tonewatch.triage.cues import CHECK, EMOTIONAL, URGENCY, Cue
from tonewatch.triage.policy import Policy, shipped

POLICY = shipped()


@st.composite
def some_cues(draw: st.DrawFn, names: tuple[str, ...]) -> list[Cue]:
    chosen = draw(st.lists(st.sampled_from(names), max_size=12))
    return [Cue(name, draw(st.floats(0.0 if name in EMOTIONAL else -1.0, 1.0))) for name in chosen]


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    weight = st.floats(-10, 10)
    urgency = {n: abs(draw(weight)) if n in EMOTIONAL else draw(weight) for n in URGENCY}
    check = {n: draw(weight) for n in CHECK}
    return replace(POLICY, urgency=urgency, check=check, urgency_intercept=draw(weight))


probabilities = st.dictionaries(st.sampled_from(EMOTIONS), st.floats(0, 1))
calls = st.lists(probabilities, min_size=1, max_size=8)
everything = some_cues((*URGENCY, *CHECK))


def assessed(noticed: list[Cue], policy: Policy = POLICY) -> Assessment:
    found = assess(noticed, policy)
    assert found is not None
    return found


def heard(rows: list[dict[str, float]]) -> list[Cue]:
    return cues.from_voice(
        [EmotionEstimated(i, i + 3, "neutral", 0.5, True, p, 3.0) for i, p in enumerate(rows)]
    )


@settings(max_examples=60)
@given(everything, policies())
def test_contributions_add_up_exactly(noticed: list[Cue], policy: Policy) -> None:
    found = assessed(noticed, policy)
    for score in (found.urgency, found.check):
        assert score.log_odds == fsum([score.intercept, *(c.log_odds for c in score.contributions)])
        assert score.value == probability(score.log_odds)


@settings(max_examples=60)
@given(calls, probabilities, some_cues(tuple(URGENCY)), policies())
def test_raising_any_emotion_never_lowers_urgency(
    rows: list[dict[str, float]], shares: dict[str, float], others: list[Cue], policy: Policy
) -> None:
    # A share of what is missing to 1; an emotion that was not heard at all may appear.
    raised = [
        {
            label: row.get(label, 0.0) + shares.get(label, 0.0) * (1 - row.get(label, 0.0))
            for label in {**row, **shares}
        }
        for row in rows
    ]
    before = assessed([*heard(rows), *others], policy)
    after = assessed([*heard(raised), *others], policy)
    assert after.urgency.log_odds >= before.urgency.log_odds - 1e-9


@settings(max_examples=60)
@given(everything, policies())
def test_without_any_emotion_no_call_is_more_urgent(noticed: list[Cue], policy: Policy) -> None:
    calm = [cue for cue in noticed if cue.name not in EMOTIONAL]
    assert assessed(calm, policy).urgency.log_odds <= assessed(noticed, policy).urgency.log_odds


@settings(max_examples=60)
@given(st.lists(everything, min_size=2, max_size=6), calls, policies())
def test_emotion_alone_never_lowers_a_rank(
    queue: list[list[Cue]], rows: list[dict[str, float]], policy: Policy
) -> None:
    def ahead(noticed: list[Cue]) -> int:
        mine = assessed(noticed, policy).urgency.log_odds
        return sum(assessed(other, policy).urgency.log_odds > mine for other in queue[1:])

    assert ahead([*queue[0], *heard(rows)]) <= ahead(queue[0])


@settings(max_examples=60)
@given(everything, some_cues(tuple(CHECK)), policies())
def test_the_check_never_changes_urgency(
    noticed: list[Cue], suspicious: list[Cue], policy: Policy
) -> None:
    before, after = assessed(noticed, policy), assessed([*noticed, *suspicious], policy)
    assert after.urgency == before.urgency
    assert after.band == before.band


@settings(max_examples=60)
@given(everything)
def test_the_off_switch_stops_all(noticed: list[Cue]) -> None:
    assert assess(noticed, POLICY.switched(False, "off")) is None


@settings(max_examples=60)
@given(everything, st.floats(1e-6, 0.5))
def test_precision_is_below_the_score_where_spoof_calls_are_rare(
    noticed: list[Cue], base_rate: float
) -> None:
    found = assessed(noticed, replace(POLICY, base_rate=base_rate))
    assert found.precision <= found.check.value + 1e-12
    assert found.base_rate == base_rate


def test_all_signs_at_once_are_still_seldom_right() -> None:
    found = assessed([Cue("laughter", 1.0), Cue("no_sim", 1.0)])
    assert found.flagged
    assert found.check.value == pytest.approx(0.881, abs=1e-3)
    assert found.precision == pytest.approx(0.054, abs=1e-3)


@pytest.mark.parametrize(
    ("strength", "band"), [(-1.0, Band.LOW), (0.1, Band.MEDIUM), (1.0, Band.HIGH)]
)
def test_bands(strength: float, band: Band) -> None:
    assert assessed([Cue("gravity_words", strength)]).band == band


def test_the_reason_names_the_strongest_and_its_words() -> None:
    found = assessed(
        [Cue("fear", 0.2), Cue("emergency_phrases", 1.0, 0, 3, ("a fire",)), Cue("pain", 0.1)]
    )
    assert found.urgency.reason == "emergency phrases (a fire); fear"


def test_what_weighs_next_to_nothing_is_no_reason() -> None:
    assert assessed([Cue("fear", 0.02), Cue("fear_words", 0.3)]).urgency.reason == ""
    assert assessed([Cue("fear", LEAST_REASON / POLICY.urgency["fear"])]).urgency.reason == "fear"


@settings(max_examples=60)
@given(everything)
def test_it_is_json(noticed: list[Cue]) -> None:
    told = json.loads(json.dumps(assessed(noticed).to_dict()))
    assert told["policy"] == POLICY.version
    assert {c["cue"] for c in told["urgency"]["contributions"]} <= set(URGENCY)
    assert {c["cue"] for c in told["check"]["contributions"]} <= set(CHECK)
