from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simulate.test_render import load, plan_of, rendered
from tonewatch.call.roles import Role
from tonewatch.inference.predictor import Predictor
from tonewatch.simulate.hear import hear
from tonewatch.simulate.plan import Kind, Part
from tonewatch.simulate.render import Labels, Sides, Simulated, Sound, render
from tonewatch.triage.gravity import Judge
from tonewatch.triage.policy import shipped

FIRE = "The house is on fire! The kitchen is full of smoke!"


@pytest.fixture(scope="module")
def predictor(tiny_bundle: Path) -> Predictor:
    return Predictor.load(tiny_bundle)


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


def call(**changes: object) -> Simulated:
    made = rendered(Sides.BOTH)
    labels: Labels = replace(made.labels, **changes)  # type: ignore[arg-type]
    return Simulated(labels, made.samples)


def test_words_count_unless_the_voice_alone_is_asked_for(
    predictor: Predictor, judge: Judge
) -> None:
    policy = shipped()
    grave, minor = call(text=FIRE), call(text="When does the library open tomorrow?")
    urgency = [
        [hear(each, predictor, judge, policy, words=words) for each in (grave, minor)]
        for words in (True, False)
    ]
    (with_fire, with_library), (voice, same) = urgency
    assert with_fire and with_library and voice and same
    assert with_fire.urgency > with_library.urgency + 0.3
    assert voice.urgency == same.urgency
    assert hear(grave, predictor, judge, policy.switched(False, "off")) is None


def test_words_that_are_spoken_have_the_time_at_which_they_are(
    predictor: Predictor, judge: Judge
) -> None:
    spans = rendered(Sides.BOTH).labels.spans
    said = (replace(spans[0], text="Nothing."), replace(spans[1], text=FIRE))
    heard = call(text="When does it open?", text_heard=True, spans=(*said, *spans[2:]))
    as_text = call(text="When does it open?")
    found = [hear(each, predictor, judge, shipped()) for each in (heard, as_text)]
    assert found[0] and found[1] and found[0].urgency > found[1].urgency + 0.3


def test_the_call_taker_is_not_heard(predictor: Predictor, judge: Judge) -> None:
    made = call()
    loud = np.random.default_rng(0).uniform(-1, 1, len(made.samples)).astype(np.float32)
    shouted = Simulated(made.labels, np.stack([made.samples[:, 0], loud], axis=1))
    assert hear(made, predictor, judge, shipped()) == hear(shouted, predictor, judge, shipped())
    other = replace(made.labels, roles=(Role.CALLER, Role.CALLER))
    both = hear(Simulated(other, shouted.samples), predictor, judge, shipped())
    alone = hear(made, predictor, judge, shipped())
    assert both and alone and both.urgency != alone.urgency


def test_where_a_call_came_from_counts(predictor: Predictor, judge: Judge) -> None:
    plain, odd = call(), call(metadata={"sim": "none", "origin": "voip"})
    found = hear(plain, predictor, judge, shipped())
    flagged = hear(odd, predictor, judge, shipped(), calls_before=5)
    assert found and flagged and found.urgency == flagged.urgency
    assert (found.flagged, flagged.flagged) == (False, True)


def test_a_silent_call_is_assessed(predictor: Predictor, judge: Judge) -> None:
    nobody = plan_of(Part(Kind.SILENCE, seconds=6.0))
    silent = render(nobody, Sound(Sides.BOTH), None, load)
    assert hear(silent, predictor, judge, shipped()) is not None
