from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulate.test_cast import TABLE
from tonewatch.core.errors import SettingsError
from tonewatch.simulate.cast import Cast
from tonewatch.simulate.plan import Kind, Mix, Plan, plan
from tonewatch.simulate.scripts import Line, Script, shipped
from tonewatch.triage.case import Origin
from tonewatch.triage.gravity import Gravity

CAST = Cast.of(TABLE)


def planned(mix: Mix, seed: int = 0, cast: Cast | None = None, **more: list[Path]) -> list[Plan]:
    return plan(mix, cast, shipped(), rng=np.random.default_rng(seed), **more)


def test_the_same_seed_gives_the_same_calls() -> None:
    mix = Mix(calls=30, base_rate=0.3)
    assert planned(mix, 7) == planned(mix, 7)
    assert planned(mix, 7) != planned(mix, 8)
    assert planned(mix, 7, CAST) == planned(mix, 7, CAST)


@given(st.integers(1, 60), st.floats(0, 1), st.integers(0, 99))
def test_the_base_rate_is_kept_within_one_call(calls: int, base_rate: float, seed: int) -> None:
    made = planned(Mix(calls=calls, base_rate=base_rate), seed)
    assert len(made) == calls
    came = sum(each.script.outcome != "genuine" for each in made)
    assert abs(came - calls * base_rate) < 1


def test_a_base_rate_between_two_numbers_is_right_on_average() -> None:
    mix = Mix(calls=4, base_rate=0.05)
    came = [each.script.outcome != "genuine" for seed in range(400) for each in planned(mix, seed)]
    assert np.mean(came) == pytest.approx(0.05, abs=0.02)


def test_shares_of_gravity_and_outcome() -> None:
    made = planned(Mix(calls=2000, base_rate=0.5, grave=0.3))
    genuine = [each.script.gravity for each in made if each.script.outcome == "genuine"]
    assert genuine.count(Gravity.HIGH) / len(genuine) == pytest.approx(0.3, abs=0.05)
    assert genuine.count(Gravity.LOW) == pytest.approx(genuine.count(Gravity.MEDIUM), rel=0.2)
    outcomes = Counter(each.script.outcome for each in made)
    assert outcomes["prank"] / 1000 == pytest.approx(0.5, abs=0.06)


def test_calls_come_at_the_rate() -> None:
    made = planned(Mix(calls=2000, per_s=0.5))
    assert made[0].at_s == 0
    gaps = [after.at_s - before.at_s for before, after in pairwise(made)]
    assert min(gaps) >= 0
    assert np.mean(gaps) == pytest.approx(2, rel=0.1)
    assert np.std(gaps) == pytest.approx(2, rel=0.15)  # as a Poisson process has it


def test_callers_are_one_speaker_and_sound_as_their_mood() -> None:
    for each in planned(Mix(calls=50, base_rate=0.0, grave=0.0, moods="clear", takes=3), cast=CAST):
        assert each.speaker is not None
        speech = [part for part in each.parts if part.kind is Kind.SPEECH]
        if each.script.gravity is Gravity.LOW and speech:
            assert {part.emotion for part in speech} <= {"neutral", "calm"}
            assert len(speech) == 3
        for part in speech:
            assert part.path is not None and part.path.name.startswith(each.speaker[2:])


def test_scripts_may_say_the_emotions_themselves() -> None:
    for each in planned(Mix(calls=60, base_rate=0.3, moods="script"), cast=CAST):
        assert each.speaker is not None
        heard = [part.emotion for part in each.parts if part.kind is Kind.SPEECH]
        has = CAST.takes[each.speaker]
        scripted = [line.emotion for line in each.script.lines if line.emotion in has]
        assert heard in ([], scripted) or (not scripted and len(heard) == 1)


def test_texts_are_spoken_where_nobody_is_cast_and_between_takes_where_asked() -> None:
    for each in planned(Mix(calls=30)):
        said = [part.text for part in each.parts if part.kind is Kind.SPEECH]
        assert said in ([], [line.text for line in each.script.lines])
        assert each.speaker is None
    both = planned(Mix(calls=30, say_words=True, takes=2), cast=CAST)
    for each in both:
        kinds = [bool(part.text) for part in each.parts if part.kind is Kind.SPEECH]
        assert kinds[:4] in ([], [False, True, False, True])
        assert sum(kinds) in (0, len(each.script.lines))


def test_lines_without_an_emotion_get_one_of_the_mood() -> None:
    script = Script("x", Gravity.HIGH, (Line("one"), Line("two"), Line("three", "sad")))
    mix = Mix(calls=20, base_rate=0, grave=1, moods="clear")
    for each in plan(mix, None, [script], rng=np.random.default_rng(0)):
        emotions = [part.emotion for part in each.parts if part.kind is Kind.SPEECH]
        assert emotions in ([], ["neutral", "fearful", "sad"])


def test_calls_to_check_show_what_is_looked_for() -> None:
    laughter = [Path("ha.wav")]
    made = planned(Mix(calls=1000, base_rate=0.5), laughter=laughter)
    seen = {True: Counter[str](), False: Counter[str]()}
    numbers = Counter[str]()
    for each in made:
        check = each.script.outcome != "genuine"
        origin = Origin.of(each.metadata)
        seen[check]["no_sim"] += origin.no_sim
        seen[check]["voip"] += origin.voip
        seen[check]["laughter"] += any(part.kind is Kind.LAUGHTER for part in each.parts)
        assert origin.number is not None
        seen[check]["repeated"] += numbers[origin.number] > 0
        numbers[origin.number] += 1
    for what in ("no_sim", "laughter", "repeated", "voip"):
        assert seen[True][what] > 2 * seen[False][what], what
    assert seen[False]["laughter"] == 0
    assert all(part.kind is not Kind.LAUGHTER for each in planned(Mix()) for part in each.parts)


def test_some_calls_are_silent_and_some_grave_callers_fall_silent() -> None:
    made = planned(Mix(calls=1000, base_rate=0.2))
    silent = [each for each in made if [p.kind for p in each.parts] == [Kind.SILENCE]]
    fell = [each for each in made if len(each.parts) > 1 and each.parts[-1].kind is Kind.SILENCE]
    assert 10 < len(silent) < 150
    assert len(fell) > 5
    assert all(each.script.gravity is Gravity.HIGH for each in fell)
    assert all(15 <= each.parts[-1].seconds <= 25 for each in silent + fell)


def test_noise_is_drawn() -> None:
    noise = [Path("a.wav"), Path("b.wav")]
    assert {each.noise for each in planned(Mix(calls=20), noise=noise)} == set(noise)


def test_texts_of_ones_own_get_the_shipped_calls_to_check() -> None:
    script = Script("x", Gravity.LOW, (Line("one"),))
    made = plan(Mix(calls=10, base_rate=0.5, grave=0), None, [script], rng=np.random.default_rng(0))
    assert sum(each.script == script for each in made) == 5
    assert all(each.script in shipped() for each in made if each.script != script)


@pytest.mark.parametrize(
    "wrong", [{"calls": 0}, {"base_rate": 1.1}, {"grave": -0.1}, {"per_s": 0.0}, {"moods": "odd"}]
)
def test_what_is_out_of_range_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="expected"):
        replace(Mix(), **wrong)  # type: ignore[arg-type]


def test_calls_to_check_sound_as_the_corpus_allows() -> None:
    sad = Cast({"c:1": {"sad": CAST.takes["c:1"]["sad"]}})
    for each in planned(Mix(calls=30, base_rate=1), cast=sad):
        assert {part.emotion for part in each.parts if part.kind is Kind.SPEECH} <= {"sad"}


def test_what_nobody_can_do_is_refused() -> None:
    low = Script("x", Gravity.LOW, (Line("one"),))
    with pytest.raises(SettingsError, match="High gravity"):
        plan(Mix(grave=1), None, [low], rng=np.random.default_rng(0))
    sad = CAST.without({"c:2"})
    only_sad = Cast({"c:1": {"sad": sad.takes["c:1"]["sad"]}})
    with pytest.raises(SettingsError, match="fearful"):
        plan(
            Mix(moods="clear", base_rate=0, grave=1),
            only_sad,
            shipped(),
            rng=np.random.default_rng(0),
        )
