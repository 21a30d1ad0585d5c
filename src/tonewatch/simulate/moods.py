"""How callers sound, by how grave their calls are: assumptions, as nobody here has real calls.

`mixed` was written down before any score was seen: a third of the grave callers are calm or
neutral, as calls about cardiac arrest are, and who calls for little may be angry. `clear` came
after the first scores: all grave callers are afraid, no minor one is. In `none` all draw from the
mean of mixed, so that a voice tells nothing. Calls of medium gravity sound like that mean in all.
"""

from collections.abc import Mapping

import numpy as np

from tonewatch.triage.gravity import Gravity

Mood = Mapping[str, float]
"""How often a caller sounds so; the shares add up to 1."""

MIXED: Mapping[Gravity, Mood] = {
    Gravity.HIGH: {
        "fearful": 0.45,
        "calm": 0.15,
        "neutral": 0.15,
        "sad": 0.1,
        "angry": 0.1,
        "surprised": 0.05,
    },
    Gravity.LOW: {
        "neutral": 0.4,
        "calm": 0.2,
        "angry": 0.15,
        "happy": 0.1,
        "sad": 0.05,
        "disgust": 0.05,
        "fearful": 0.05,
    },
}

CLEAR: Mapping[Gravity, Mood] = {
    Gravity.HIGH: {"fearful": 1.0},
    Gravity.LOW: {"neutral": 0.5, "calm": 0.5},
}


def _mean(moods: Mapping[Gravity, Mood]) -> Mood:
    emotions = sorted({emotion for mood in moods.values() for emotion in mood})
    return {e: float(np.mean([mood.get(e, 0) for mood in moods.values()])) for e in emotions}


_MEAN = _mean(MIXED)

MOODS: Mapping[str, Mapping[Gravity, Mood]] = {
    "mixed": {**MIXED, Gravity.MEDIUM: _MEAN},
    "clear": {**CLEAR, Gravity.MEDIUM: _MEAN},
    "none": dict.fromkeys(Gravity, _MEAN),
}
"""All moods by name, each for every gravity."""


def draw(mood: Mood, rng: np.random.Generator) -> str:
    """An emotion, by its share."""
    return str(rng.choice(list(mood), p=list(mood.values())))
