"""Which calls come when: who calls, what about, how they sound, and what the call is in truth.

Plans are values, drawn from one generator; the same seed gives the same calls. No audio is opened
and nothing is spoken here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import zip_longest
from math import isfinite
from pathlib import Path

import numpy as np

from tonewatch.core.errors import SettingsError
from tonewatch.simulate import scripts as shipped_scripts
from tonewatch.simulate.cast import Cast
from tonewatch.simulate.moods import MOODS, Mood, draw
from tonewatch.simulate.scripts import Line, Script
from tonewatch.simulate.traits import SHARES, TRAITS, Traits
from tonewatch.triage.gravity import Gravity

SCRIPTED = "script"
"""The mood in which each line has the emotion that its script gives it."""

_SILENCE_S = (15.0, 25.0)
_AREAS = ("20 7946", "113 496", "114 496", "115 496", "116 496", "117 496", "131 496", "161 496")
"""Of numbers that Ofcom keeps for drama: nobody has them."""


class Kind(StrEnum):
    """What a part of the caller's side is."""

    SPEECH = "speech"
    LAUGHTER = "laughter"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the caller's side.

    Attributes:
        kind: what it is.
        emotion: of speech.
        text: what is said, where it is to be spoken.
        path: the recording that is heard instead.
        seconds: how long a silence is.
    """

    kind: Kind
    emotion: str | None = None
    text: str = ""
    path: Path | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """One call, before anything of it is heard.

    Attributes:
        id: its name.
        at_s: when it begins.
        seed: of all that is random in how it sounds.
        script: what it is about.
        speaker: whose takes are heard; None where the script is spoken.
        voice: a number that stays the caller's own where it is.
        parts: the caller's side, in order.
        metadata: what a telephone system would tell of it.
        noise: a recording of what is heard behind the caller; None for white noise.
    """

    id: str
    at_s: float
    seed: int
    script: Script
    speaker: str | None
    voice: int
    parts: tuple[Part, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)
    noise: Path | None = None


@dataclass(frozen=True)
class Mix:
    """What calls there are.

    Attributes:
        calls: how many.
        base_rate: the share that is not genuine, from 0 to 1.
        grave: the share of the genuine that is of high gravity; the rest is medium or low.
        moods: how callers sound: a name of `MOODS`, or `script`.
        per_s: how many begin a second, on average; they come as they like (a Poisson process).
        takes: of one speaker in a call.
        say_words: whether the script is spoken as well, between a speaker's takes.

    Raises:
        SettingsError: a value is out of its range.
    """

    calls: int = 20
    base_rate: float = 0.05
    grave: float = 0.5
    moods: str = "mixed"
    per_s: float = 0.1
    takes: int = 6
    say_words: bool = False

    def __post_init__(self) -> None:
        if self.calls < 1 or self.takes < 1:
            raise SettingsError(
                f"expected at least one call of one take, came {self.calls} of {self.takes}"
            )
        if not (0 <= self.base_rate <= 1 and 0 <= self.grave <= 1):
            raise SettingsError(
                "expected a base rate and a share of grave calls from 0 to 1, came "
                f"{self.base_rate} and {self.grave}"
            )
        if not (isfinite(self.per_s) and self.per_s > 0):
            raise SettingsError(f"expected calls to come at a rate above 0, came {self.per_s}")
        if self.moods not in (*MOODS, SCRIPTED):
            raise SettingsError(
                f"expected moods {', '.join(MOODS)} or {SCRIPTED}, came {self.moods!r}"
            )


def plan(
    mix: Mix,
    cast: Cast | None,
    scripts: Sequence[Script],
    *,
    rng: np.random.Generator,
    laughter: Sequence[Path] = (),
    noise: Sequence[Path] = (),
) -> list[Plan]:
    """Draw calls, in the order in which they begin.

    Args:
        mix: what calls.
        cast: who calls; None has the scripts spoken.
        scripts: what about. Where none of them is a call that is not genuine, the shipped ones
            that are not are taken for those.
        rng: draws everything.
        laughter: recordings of it.
        noise: recordings of what is heard behind callers.

    Raises:
        SettingsError: no script is as grave as asked, or nobody can sound as asked.
    """
    # Exactly so many, or a mix of 20 calls would now and then have none to find.
    wanted = mix.calls * mix.base_rate
    n_check = int(wanted) + int(rng.random() < wanted - int(wanted))
    check = np.zeros(mix.calls, bool)
    check[rng.permutation(mix.calls)[:n_check]] = True
    starts = arrivals(mix.calls, mix.per_s, rng)
    seeds = rng.integers(2**32, size=mix.calls)
    numbers = _Numbers(rng)
    shelf = _Shelf(scripts)
    made = []
    for k in range(mix.calls):
        own = np.random.default_rng(int(seeds[k]))
        script = shelf.draw(bool(check[k]), mix.grave, own)
        traits = TRAITS[script.outcome]
        mood = _mood(mix, traits, script)
        speaker, parts = _speech(mix, cast, script, mood, own)
        made.append(
            Plan(
                id=f"call-{k + 1:04d}",
                at_s=starts[k],
                seed=int(seeds[k]),
                script=script,
                speaker=speaker,
                voice=int(own.integers(2**16)),
                parts=_with_sounds(parts, traits, script.gravity, laughter, own),
                metadata=_metadata(traits, numbers, bool(check[k]), own),
                noise=noise[int(own.integers(len(noise)))] if noise else None,
            )
        )
    return made


def arrivals(calls: int, per_s: float, rng: np.random.Generator) -> list[float]:
    """When so many calls begin, in seconds from the first: a Poisson process of that rate."""
    gaps = rng.exponential(1 / per_s, calls)
    return [round(float(at_s), 3) for at_s in np.cumsum(gaps) - gaps[0]]


class _Shelf:
    """Scripts, by what they are."""

    def __init__(self, scripts: Sequence[Script]) -> None:
        self._genuine = [script for script in scripts if script.outcome == "genuine"]
        self._others = [script for script in scripts if script.outcome != "genuine"] or [
            script for script in shipped_scripts.shipped() if script.outcome != "genuine"
        ]

    def draw(self, check: bool, grave: float, rng: np.random.Generator) -> Script:
        if check:
            shares = {o: s for o, s in SHARES.items() if any(x.outcome == o for x in self._others)}
            outcome = draw({o: s / sum(shares.values()) for o, s in shares.items()}, rng)
            fitting = [script for script in self._others if script.outcome == outcome]
        else:
            high = rng.random() < grave
            there = {s.gravity for s in self._genuine if (s.gravity is Gravity.HIGH) == high}
            if not there:
                raise SettingsError(
                    f"expected texts of {'High' if high else 'Medium or Low'} gravity, came none; "
                    "add some, or change the share of grave calls"
                )
            gravity = sorted(there)[int(rng.integers(len(there)))]
            fitting = [script for script in self._genuine if script.gravity is gravity]
        return fitting[int(rng.integers(len(fitting)))]


class _Numbers:
    """Callers' numbers, each new one unlike all before."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._order = rng.permutation(1000 * len(_AREAS))
        self._given: dict[bool, list[str]] = {True: [], False: []}
        self._n = 0

    def give(self, check: bool, again: bool, rng: np.random.Generator) -> str:
        """A number; `again`, one that called before with a call of that kind, if there is one."""
        known = self._given[check]
        if again and known:
            return known[int(rng.integers(len(known)))]
        area, last = divmod(int(self._order[self._n % self._order.size]), 1000)
        self._n += 1
        known.append(f"+44 {_AREAS[area]} 0{last:03d}")
        return known[-1]


def _mood(mix: Mix, traits: Traits, script: Script) -> Mood:
    if traits.mood is not None:
        return traits.mood
    return MOODS["mixed" if mix.moods == SCRIPTED else mix.moods][script.gravity]


def _speech(
    mix: Mix, cast: Cast | None, script: Script, mood: Mood, rng: np.random.Generator
) -> tuple[str | None, list[Part]]:
    if cast is None:
        # Where a script says how, its lines are spoken so; where not, as a caller of that mood.
        emotion = draw(mood, rng)
        first = script.lines[0]
        opening = replace(first, emotion=first.emotion or "neutral")
        said = [replace(line, emotion=line.emotion or emotion) for line in script.lines[1:]]
        return None, [_said(line) for line in (opening, *said)]
    can = {name: share for name, share in mood.items() if name in cast.emotions}
    if not can and script.outcome != "genuine":
        # How these sound matters little: as anybody does, so that small corpora will do.
        anybody = MOODS["none"][script.gravity]
        can = {name: share for name, share in anybody.items() if name in cast.emotions}
    if not can:
        raise SettingsError(
            f"expected a corpus with one of {', '.join(mood)}, came {sorted(cast.emotions)}; "
            "name another corpus or other moods"
        )
    emotion = draw({name: share / sum(can.values()) for name, share in can.items()}, rng)
    speakers = cast.having(emotion)
    speaker = speakers[int(rng.integers(len(speakers)))]
    emotions = cast.sequence(speaker, emotion, mix.takes)
    if mix.moods == SCRIPTED:
        emotions = [line.emotion or emotion for line in script.lines]
        emotions = [each for each in emotions if each in cast.takes[speaker]] or [emotion]
    takes = [
        Part(Kind.SPEECH, heard, path=path) for heard, path in cast.draw(speaker, emotions, rng)
    ]
    if not mix.say_words:
        return speaker, takes
    lines = [_said(line) for line in script.lines]
    between = [part for pair in zip_longest(takes, lines) for part in pair if part is not None]
    return speaker, between


def _said(line: Line) -> Part:
    return Part(Kind.SPEECH, line.emotion, text=line.text)


def _with_sounds(
    parts: list[Part],
    traits: Traits,
    gravity: Gravity,
    laughter: Sequence[Path],
    rng: np.random.Generator,
) -> tuple[Part, ...]:
    silent, laughs, falls_silent = rng.random(3) < (
        traits.silent,
        traits.laughter,
        traits.falls_silent if gravity is Gravity.HIGH else 0.0,
    )
    silence = Part(Kind.SILENCE, seconds=round(float(rng.uniform(*_SILENCE_S)), 1))
    if silent:
        return (silence,)
    if laughs and laughter:
        at = int(rng.integers(1, len(parts) + 1))
        path = laughter[int(rng.integers(len(laughter)))]
        parts = [*parts[:at], Part(Kind.LAUGHTER, path=path), *parts[at:]]
    return (*parts, silence) if falls_silent else tuple(parts)


def _metadata(
    traits: Traits, numbers: _Numbers, check: bool, rng: np.random.Generator
) -> dict[str, str]:
    again, no_sim, voip = rng.random(3) < (traits.repeated, traits.no_sim, traits.voip)
    told = {"number": numbers.give(check, bool(again), rng)}
    return told | ({"sim": "none"} if no_sim else {}) | ({"origin": "voip"} if voip else {})
