from pathlib import Path

import numpy as np
import pytest

from tonewatch.audio.telephone import TelephoneChannel
from tonewatch.call.roles import Role
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.simulate.plan import Kind, Part, Plan
from tonewatch.simulate.render import Sides, Simulated, Sound, joined, render
from tonewatch.simulate.scripts import Line, Script, call_taker
from tonewatch.simulate.spoken import Spoken
from tonewatch.triage.gravity import Gravity

SCRIPT = Script("x", Gravity.HIGH, (Line("help"), Line("please")))
LENGTHS_S = {"a": 1.0, "b": 2.0, "ha": 0.5, "noise": 0.3}


def load(path: Path) -> Samples:
    n = round(LENGTHS_S[path.stem] * RATE_HZ)
    return (0.3 * np.sin(np.arange(n) * 2 * np.pi * 700 / RATE_HZ)).astype(np.float32)


def plan_of(*parts: Part, noise: Path | None = None) -> Plan:
    return Plan("call-0001", 3.5, 9, SCRIPT, "c:1", 0, parts, {"number": "1"}, noise)


PARTS = (
    Part(Kind.SPEECH, "neutral", path=Path("a")),
    Part(Kind.SPEECH, "fearful", path=Path("b")),
    Part(Kind.LAUGHTER, path=Path("ha")),
    Part(Kind.SPEECH, "fearful", path=Path("a")),
    Part(Kind.SILENCE, seconds=4.0),
)


def rendered(sides: Sides, line: TelephoneChannel | None = None) -> Simulated:
    return render(plan_of(*PARTS), Sound(sides, line, pause_s=0.5), None, load)


def test_the_caller_alone_is_takes_with_pauses() -> None:
    call = rendered(Sides.CALLER)
    spans = [(span.what, span.start_s, span.end_s, span.emotion) for span in call.labels.spans]
    assert spans == [
        ("speech", 0.0, 1.0, "neutral"),
        ("speech", 1.5, 3.5, "fearful"),
        ("laughter", 4.0, 4.5, None),
        ("speech", 5.0, 6.0, "fearful"),
        ("silence", 6.5, 10.5, None),
    ]
    parts = [load(Path(name)) for name in ("a", "b", "ha", "a")]
    expected = joined([*parts, np.zeros(4 * RATE_HZ, np.float32)])
    np.testing.assert_array_equal(call.samples[:, 0], expected)
    assert call.labels.duration_s == 11.0
    assert call.labels.roles == (Role.CALLER,)


def test_turns_are_taken() -> None:
    call = rendered(Sides.BOTH)
    assert call.labels.roles == (Role.CALLER, Role.CALL_TAKER)
    caller, taker = call.samples.T
    greeting = Spoken().say(call_taker()[0], None, 0)
    np.testing.assert_array_equal(taker[: greeting.size], greeting)
    assert not caller[: greeting.size].any()
    assert call.labels.spans[0].start_s == pytest.approx(greeting.size / RATE_HZ + 0.5, abs=1e-3)
    for span in call.labels.spans:
        heard = slice(round(span.start_s * RATE_HZ) + 1, round(span.end_s * RATE_HZ) - 1)
        assert not taker[heard].any(), span
        assert caller[heard].any() == (span.what is not Kind.SILENCE)
    second = Spoken().say(call_taker()[1], None, 0)
    gap_s = call.labels.spans[3].start_s - call.labels.spans[2].end_s
    assert gap_s == pytest.approx(1.0 + second.size / RATE_HZ, abs=2e-3)


def test_one_channel_has_both() -> None:
    both, mixed = rendered(Sides.BOTH), rendered(Sides.MIXED)
    assert mixed.labels.roles == (Role.MIXED,)
    np.testing.assert_array_equal(mixed.samples[:, 0], both.samples.sum(axis=1))


def test_the_line_is_behind_the_caller_and_the_same_each_time() -> None:
    line = TelephoneChannel(snr_db=20.0)
    call, again = rendered(Sides.BOTH, line), rendered(Sides.BOTH, line)
    np.testing.assert_array_equal(call.samples, again.samples)
    silence = call.labels.spans[-1]
    behind = call.samples[round(silence.start_s * RATE_HZ) : round(silence.end_s * RATE_HZ)]
    noise = np.sqrt(np.mean(behind[RATE_HZ:] ** 2, axis=0))
    assert 0.005 < noise[0] < 0.05
    assert noise[1] < 1e-3
    assert np.abs(call.samples).max() <= 1


def test_recorded_noise_is_heard_instead() -> None:
    line = TelephoneChannel(snr_db=10.0)
    white = render(plan_of(PARTS[0]), Sound(Sides.CALLER, line), None, load)
    tone = render(plan_of(PARTS[0], noise=Path("noise")), Sound(Sides.CALLER, line), None, load)
    tail = slice(RATE_HZ + 2000, None)
    spectrum = [np.abs(np.fft.rfft(call.samples[tail, 0])) for call in (white, tone)]
    peaked = [float(s.max() / s.mean()) for s in spectrum]
    assert peaked[1] > 3 * peaked[0]


def test_a_silent_call_is_a_call() -> None:
    call = render(plan_of(Part(Kind.SILENCE, seconds=5.0)), Sound(Sides.CALLER), None, load)
    assert not call.samples.any()
    assert call.labels.duration_s == 5.5


def test_what_is_said_is_labelled() -> None:
    class Voice:
        def say(self, text: str, emotion: str | None, voice: int) -> Samples:
            return np.full(len(text) * 100, 0.1, np.float32)

    parts = (Part(Kind.SPEECH, "sad", text="help"), Part(Kind.SPEECH, "sad", text="please"))
    call = render(plan_of(*parts), Sound(Sides.CALLER, None, 0.0), Voice(), load)
    assert [(span.text, span.end_s) for span in call.labels.spans] == [
        ("help", 0.025),
        ("please", 0.062),
    ]
    assert call.labels.text_heard
    assert not rendered(Sides.CALLER).labels.text_heard
    assert (call.labels.id, call.labels.at_s, call.labels.seed) == ("call-0001", 3.5, 9)
    assert (call.labels.gravity, call.labels.text) == (Gravity.HIGH, "help please")
