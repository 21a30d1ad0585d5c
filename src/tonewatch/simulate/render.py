"""From the plan of a call to what is heard of it, with labels that say when what is heard.

Turns are taken: the person who answers greets, and speaks again after every second thing that the
caller says. That voice is synthetic whoever the callers are, and ships with Tonewatch. It opens no
other file itself: recordings and words of the caller come by `load` and `Voice`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tonewatch.audio.telephone import TelephoneChannel, telephone
from tonewatch.call.roles import Role
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.simulate.plan import Kind, Part, Plan
from tonewatch.simulate.scripts import call_taker
from tonewatch.simulate.spoken import Spoken
from tonewatch.triage.gravity import Gravity

PAUSE_S = 0.5
_TURN = 2  # things that the caller says before the call-taker speaks again


class Voice(Protocol):
    """Speaks texts."""

    def say(self, text: str, emotion: str | None, voice: int) -> Samples:
        """One sentence, shape [n], 16 kHz."""


class Sides(StrEnum):
    """What is on the channels of a call."""

    BOTH = "both"
    """Caller and call-taker, each on a channel."""
    CALLER = "caller"
    """The caller alone."""
    MIXED = "mixed"
    """Both on one channel, as a mono recording has them."""


_ROLES: Mapping[Sides, tuple[Role, ...]] = {
    Sides.BOTH: (Role.CALLER, Role.CALL_TAKER),
    Sides.CALLER: (Role.CALLER,),
    Sides.MIXED: (Role.MIXED,),
}


@dataclass(frozen=True, slots=True)
class Span:
    """Something of the caller's side: what, from when to when, in seconds of the call.

    Attributes:
        what: `speech`, `laughter` or `silence`.
        emotion: of speech; None for the rest.
        text: what was said, where it is known.
    """

    what: Kind
    start_s: float
    end_s: float
    emotion: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Labels:
    """What is true of a call.

    Attributes:
        id: its name.
        at_s: when it begins, in seconds from the first call.
        gravity: how grave it is by its words.
        outcome: `genuine`, or what it is instead.
        about: the name of its script.
        text: all that its script has the caller say.
        text_heard: whether that is spoken in it; else the caller's takes say something else.
        speaker: whose takes are heard, as `corpus:id`; empty where a program speaks.
        roles: who is on each channel.
        metadata: what a telephone system would tell of it.
        spans: the caller's side, in order.
        duration_s: how long it is.
        seed: of all that is random in how it sounds.
    """

    id: str
    at_s: float
    gravity: Gravity
    outcome: str
    about: str
    text: str
    text_heard: bool
    speaker: str
    roles: tuple[Role, ...]
    metadata: Mapping[str, str]
    spans: tuple[Span, ...]
    duration_s: float
    seed: int

    @property
    def to_check(self) -> bool:
        """Whether a person should check it."""
        return self.outcome != "genuine"


@dataclass(frozen=True, slots=True)
class Simulated:
    """A call that can be heard: `samples` of shape [n, channels], 16 kHz, within [-1, 1]."""

    labels: Labels
    samples: NDArray[np.float32]


@dataclass(frozen=True)
class Sound:
    """How calls sound.

    Attributes:
        sides: who is on which channel.
        line: the telephone line; None leaves it out. Its noise is behind the caller alone.
        pause_s: between two things that are said.
    """

    sides: Sides = Sides.BOTH
    line: TelephoneChannel | None = field(default_factory=lambda: TelephoneChannel(snr_db=20.0))
    pause_s: float = PAUSE_S


def render(
    plan: Plan, sound: Sound, voice: Voice | None, load: Callable[[Path], Samples]
) -> Simulated:
    """Make a call audible.

    Args:
        plan: the call.
        sound: how it sounds.
        voice: speaks the texts in it; None where there is nothing to speak.
        load: reads a recording, shape [n], 16 kHz.
    """
    track = _Track(sound, answers=sound.sides is not Sides.CALLER)
    for part in plan.parts:
        track.add(part, _heard(part, plan, voice, load))
    caller, taker = track.sides()
    rng = np.random.default_rng([plan.seed, 1])
    if sound.line is not None:
        noise = load(plan.noise) if plan.noise is not None else None
        caller = telephone(caller, sound.line, rng=rng, noise=noise)
        quiet = TelephoneChannel(sound.line.codec, sound.line.low_hz, sound.line.high_hz)
        taker = telephone(taker, quiet, rng=rng)
    channels = {
        Sides.BOTH: (caller, taker),
        Sides.CALLER: (caller,),
        Sides.MIXED: (caller + taker,),
    }[sound.sides]
    samples = np.clip(np.stack(channels, axis=1), -1, 1)
    script = plan.script
    said = any(part.kind is Kind.SPEECH and part.text for part in plan.parts)
    labels = Labels(
        id=plan.id,
        at_s=plan.at_s,
        gravity=script.gravity,
        outcome=script.outcome,
        about=script.name,
        text=script.text,
        text_heard=said,
        speaker=plan.speaker or "",
        roles=_ROLES[sound.sides],
        metadata=plan.metadata,
        spans=tuple(track.spans),
        duration_s=round(len(samples) / RATE_HZ, 3),
        seed=plan.seed,
    )
    return Simulated(labels, samples)


def joined(parts: list[Samples], pause_s: float = PAUSE_S) -> Samples:
    """Takes after each other, a pause after each."""
    pause = np.zeros(round(pause_s * RATE_HZ), np.float32)
    return np.concatenate([piece for part in parts for piece in (part, pause)])


def _heard(part: Part, plan: Plan, voice: Voice | None, load: Callable[[Path], Samples]) -> Samples:
    if part.path is not None:
        return load(part.path)
    if part.kind is Kind.SILENCE:
        return np.zeros(round(part.seconds * RATE_HZ), np.float32)
    assert voice is not None
    return voice.say(part.text, part.emotion, plan.voice)


class _Track:
    """Both sides as they grow: where one speaks, the other is silent."""

    def __init__(self, sound: Sound, *, answers: bool) -> None:
        self.spans: list[Span] = []
        self._pause_s = sound.pause_s
        self._caller: list[Samples] = []
        self._taker: list[Samples] = []
        self._n = 0
        self._spoken = Spoken()
        self._lines = list(call_taker()) if answers else []
        self._said = 0
        self._turn = 0
        self._answer()

    def add(self, part: Part, heard: Samples) -> None:
        """The caller says something, laughs, or is silent."""
        if part.kind is Kind.SPEECH and self._said and self._said % _TURN == 0:
            self._answer()
        start_s = self._n / RATE_HZ
        self._append(heard, np.zeros_like(heard))
        end_s = self._n / RATE_HZ
        span = Span(part.kind, round(start_s, 3), round(end_s, 3), part.emotion, part.text)
        self.spans.append(span)
        self._said += part.kind is Kind.SPEECH
        self._pause()

    def sides(self) -> tuple[Samples, Samples]:
        """Caller and call-taker, each of shape [n]."""
        return np.concatenate(self._caller), np.concatenate(self._taker)

    def _answer(self) -> None:
        if self._lines:
            # After the greeting, all others over and over.
            turn = self._turn and (self._turn - 1) % (len(self._lines) - 1) + 1
            heard = self._spoken.say(self._lines[turn], "calm", 0)
            self._append(np.zeros_like(heard), heard)
            self._turn += 1
            self._pause()

    def _pause(self) -> None:
        silence = np.zeros(round(self._pause_s * RATE_HZ), np.float32)
        self._append(silence, silence)

    def _append(self, caller: Samples, taker: Samples) -> None:
        self._caller.append(caller)
        self._taker.append(taker)
        self._n += caller.size
