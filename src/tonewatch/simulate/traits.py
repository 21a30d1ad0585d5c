"""What simulated calls show beside words, by what they are in truth: assumptions, to be changed.

Nobody here knows how often a prank comes without a SIM or a caller laughs; these shares only put
into a simulated call what "check this call" looks for, so that its page has something to show. A
score on them says whether the machinery works, not how well it would do at a helpline.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tonewatch.simulate.moods import Mood

SHARES: Mapping[str, float] = {"prank": 0.5, "accidental": 0.3, "abusive": 0.15, "test": 0.05}
"""What calls that are not genuine are."""


@dataclass(frozen=True, slots=True)
class Traits:
    """How often a call of a kind shows what.

    Attributes:
        mood: how its callers sound; None leaves it to the gravity.
        repeated: the number called before.
        no_sim: it comes from a telephone without a SIM.
        voip: it comes by VoIP.
        laughter: somebody laughs, where there are recordings of laughter.
        silent: nobody speaks at all.
        falls_silent: the caller, of a grave call, does not speak any more.
    """

    mood: Mood | None
    repeated: float
    no_sim: float
    voip: float
    laughter: float
    silent: float
    falls_silent: float


TRAITS: Mapping[str, Traits] = {
    "genuine": Traits(None, 0.08, 0.02, 0.05, 0.0, 0.02, 0.05),
    "prank": Traits(
        {"happy": 0.4, "neutral": 0.3, "surprised": 0.1, "fearful": 0.1, "angry": 0.1},
        *(0.5, 0.4, 0.2, 0.6, 0.05, 0.0),
    ),
    "accidental": Traits(
        {"happy": 0.3, "neutral": 0.4, "calm": 0.3}, *(0.1, 0.05, 0.0, 0.2, 0.3, 0.0)
    ),
    "abusive": Traits({"angry": 0.8, "neutral": 0.2}, *(0.6, 0.2, 0.1, 0.1, 0.0, 0.0)),
    "test": Traits({"neutral": 0.6, "calm": 0.4}, *(0.2, 0.0, 0.2, 0.0, 0.0, 0.0)),
}
"""By outcome."""
