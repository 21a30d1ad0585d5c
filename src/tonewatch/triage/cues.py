"""What was noticed about a call: named cues, each with a strength and the evidence for it.

A cue says what was noticed and when, not what follows from it; the policy has the weights. Cues
that nothing here hears (screams, laughter, ...) come by `sound` or with a call's metadata. The
ancestor's weights for emotions are those of the two helpline projects that Tonewatch descends from;
whether they tell a spoof call is not known, so they are one cue among others.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, isfinite

from tonewatch.core.errors import SettingsError
from tonewatch.core.events import EmotionEstimated, SoundRepeated
from tonewatch.triage.baseline import Rise
from tonewatch.triage.gravity import Gravity, Judgement
from tonewatch.triage.phrases import Hit, Kind

URGENCY: Mapping[str, str] = {
    "gravity_words": "how grave the words are, from -1 (Low for certain) to 1 (High)",
    "emergency_phrases": "phrases of the emergency lists",
    "spotted_phrases": "such phrases spotted in the sound, not among the words; some are false",
    "fear": "fear in the voice, mean of the three most fearful windows",
    "pain": "pain in the voice (experimental)",
    "fear_words": "fear in the words",
    "scream": "a scream",
    "breathing": "laboured breathing",
    "rising_arousal": "the voice more aroused than this caller's own before",
    "silence_after_speech": "the caller spoke, and is silent since",
}
"""The cues of urgency."""

CHECK: Mapping[str, str] = {
    "emotion_weights": "the ancestor's weights of the emotions in the voice",
    "laughter": "laughter",
    "several_voices": "several voices at the caller's end",
    "repeated_number": "the number called before, not long ago",
    "no_sim": "a telephone without SIM",
    "voip_origin": "a VoIP origin",
    "unfit_words": "words of offers, orders and the like, and none of an emergency",
    "abuse_words": "words aimed at the person who answers",
    "replayed_audio": "sound that came before in the same call, as if it was played",
    "synthetic_audio": "signs that the voice is synthetic",
    "silence": "no speech from the start; silent calls may be genuine",
}
"""The cues of "check this call"."""

EMOTIONAL = frozenset({"fear", "pain", "fear_words", "scream", "breathing", "rising_arousal"})
"""Those of urgency that come from emotion; they are never below 0, nor are their weights."""

UNHEARD = ("scream", "breathing", "laughter", "several_voices", "synthetic_audio")
"""Those that nothing here hears (docs/why/sounds.md); a call's metadata may tell them."""

EMOTION_WEIGHTS: Mapping[str, float] = {
    "angry": -0.3,
    "disgust": 0.0,
    "fearful": -1.0,
    "happy": 0.8,
    "neutral": 0.5,
    "sad": -0.5,
    "surprised": 0.0,
}
"""The ancestor's: how much an emotion speaks for a spoof call; others 0."""

SILENCE_FULL_S = 20.0
"""So much silence after speech is a cue of full strength."""


FALSE_ALARMS_A_MINUTE = 0.4
"""Phrases spotted in a minute of speech that has none of them, all the vocabulary together
(docs/why/transcript.md)."""


@dataclass(frozen=True)
class Cue:
    """One thing that was noticed.

    Attributes:
        name: one of URGENCY or CHECK.
        strength: from -1 to 1; of an emotional cue of urgency from 0 to 1.
        start_s: where in the call the evidence begins; None if it is of no time.
        end_s: where it ends.
        words: what was said.
        numbers: what was measured.
    """

    name: str
    strength: float
    start_s: float | None = None
    end_s: float | None = None
    words: tuple[str, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.name not in URGENCY and self.name not in CHECK:
            raise SettingsError(
                f"expected a cue among {[*URGENCY, *CHECK]}, came {self.name!r}; correct the name"
            )
        low = 0.0 if self.name in EMOTIONAL else -1.0
        if not (isfinite(self.strength) and low <= self.strength <= 1):
            raise SettingsError(
                f"{self.name}: expected a strength from {low:g} to 1, came {self.strength}"
            )


def from_words(judgement: Judgement, start_s: float, end_s: float) -> list[Cue]:
    """What a transcript of that time tells."""
    p = judgement.probabilities
    counted = [hit for hit in judgement.matched if not hit.negated]
    grave = [hit for hit in counted if hit.phrase.kind is Kind.EMERGENCY]
    cues = [
        Cue(
            "gravity_words",
            _within(p[Gravity.HIGH] - p[Gravity.LOW]),
            start_s,
            end_s,
            tuple(dict.fromkeys(hit.text for hit in telling(judgement))),
            {str(gravity): value for gravity, value in p.items()},
        )
    ]
    if grave:
        weight = _weight(grave)
        texts = tuple(hit.text for hit in grave)
        strength = 1 - exp(-weight / 3)
        cues.append(Cue("emergency_phrases", strength, start_s, end_s, texts, {"weight": weight}))
    if judgement.emotion:
        fear = judgement.emotion.probabilities.get("fearful", 0.0)
        cues.append(Cue("fear_words", _within(fear), start_s, end_s, (), {"fearful": fear}))
    for name, kinds in (
        ("unfit_words", (Kind.OFFER, Kind.MINOR)),
        ("abuse_words", (Kind.ABUSE,)),
    ):
        hits = [hit for hit in counted if hit.phrase.kind in kinds]
        # Who asks for a pizza and names a knife may not be able to speak freely.
        if hits and not (name == "unfit_words" and grave):
            weight = _weight(hits)
            texts = tuple(hit.text for hit in hits)
            strength = 1 - exp(-weight / 3)
            cues.append(Cue(name, strength, start_s, end_s, texts, {"weight": weight}))
    return cues


def telling(judgement: Judgement) -> list[Hit]:
    """The phrases that speak for what `gravity_words` says, grave or not, the heaviest first."""
    p = judgement.probabilities
    grave = p[Gravity.HIGH] >= p[Gravity.LOW]
    kinds = (Kind.EMERGENCY, Kind.CONCERN) if grave else (Kind.MINOR,)
    hits = (hit for hit in judgement.matched if hit.phrase.kind in kinds and not hit.negated)
    return sorted(hits, key=lambda hit: -hit.phrase.weight)


def _weight(hits: Sequence[Hit]) -> float:
    """Of each group the heaviest phrase, as a call counts it: said twice is no more."""
    heaviest: dict[tuple[Kind, str], float] = {}
    for hit in hits:
        group = (hit.phrase.kind, hit.phrase.about)
        heaviest[group] = max(heaviest.get(group, 0.0), hit.phrase.weight)
    return sum(heaviest.values())


def from_spotted(
    words: Sequence[str],
    weight: float,
    n_spotted: int,
    listened_s: float,
    start_s: float,
    end_s: float,
) -> list[Cue]:
    """What phrases tell that were spotted there, in a call that was listened to for so long.

    Args:
        words: the phrases that nobody wrote down as well.
        weight: the sum of their weights, one a group.
        n_spotted: how often any phrase was spotted.
        listened_s: seconds of speech in which they were looked for.
        start_s: where the first begins.
        end_s: where the last ends.
    """
    false = FALSE_ALARMS_A_MINUTE * listened_s / 60
    # One minus the false discovery rate: the share that chance alone does not account for.
    believed = 1 - false / n_spotted if n_spotted else 0.0
    strength = believed * (1 - exp(-weight / 3))
    if strength <= 0:
        return []
    numbers = {"weight": weight, "spotted": float(n_spotted), "expected_false": false}
    return [Cue("spotted_phrases", strength, start_s, end_s, tuple(words), numbers)]


def from_voice(estimates: Sequence[EmotionEstimated]) -> list[Cue]:
    """What the emotions in a caller's voice tell so far."""
    cues = []
    for name, label in (("fear", "fearful"), ("pain", "painful")):
        top = sorted(
            (e for e in estimates if label in e.probabilities),
            key=lambda e: e.probabilities[label],
        )[-3:]
        if top:
            # Over three always: one window alone counts a third, and a fourth lowers nothing.
            mean = sum(e.probabilities[label] for e in top) / 3
            start_s, end_s = min(e.start_s for e in top), max(e.end_s for e in top)
            cues.append(Cue(name, _within(mean), start_s, end_s, (), {label: mean}))
    if estimates:
        told = [weighed(e.probabilities) for e in estimates]
        cues += from_weights(sum(told) / len(told), estimates[0].start_s, estimates[-1].end_s)
    return cues


def weighed(probabilities: Mapping[str, float]) -> float:
    """How much the emotions of a window speak for a spoof call, by the ancestor's weights."""
    return sum(EMOTION_WEIGHTS.get(label, 0.0) * p for label, p in probabilities.items())


def from_weights(mean: float, start_s: float, end_s: float) -> list[Cue]:
    """What the mean of `weighed` over the windows of that time tells."""
    low, high = min(EMOTION_WEIGHTS.values()), max(EMOTION_WEIGHTS.values())
    mapped = min(max((mean - low) / (high - low), 0.0), 1.0)
    numbers = {"weighed": mean, "mapped": mapped}
    return [Cue("emotion_weights", 2 * mapped - 1, start_s, end_s, (), numbers)]


def from_rise(rise: Rise | None) -> list[Cue]:
    """What the caller's own baseline tells."""
    if rise is None or rise.strength <= 0:
        return []
    numbers = {"arousal": rise.arousal, "baseline": rise.baseline, "deviations": rise.deviations}
    return [Cue("rising_arousal", rise.strength, rise.start_s, rise.end_s, (), numbers)]


def from_repeat(repeat: SoundRepeated) -> Cue:
    """What it tells that a sound came again, as if it was played."""
    strength = min(max(2 * repeat.agreement - 1, 0.0), 1.0)
    numbers = {"earlier_s": repeat.earlier_s, "agreement": repeat.agreement}
    return Cue("replayed_audio", strength, repeat.start_s, repeat.end_s, (), numbers)


def from_silence(
    spoke_until_s: float | None, now_s: float, unheard_until_s: float = 0.0
) -> list[Cue]:
    """What it tells that nobody speaks.

    Args:
        spoke_until_s: since when; None if nobody ever spoke.
        now_s: until when.
        unheard_until_s: where the last stretch ends in which nobody can know who spoke.
    """
    since_s = max(spoke_until_s or 0.0, unheard_until_s)
    silent_s = max(0.0, now_s - since_s)
    name = "silence" if spoke_until_s is None else "silence_after_speech"
    strength = min(silent_s / SILENCE_FULL_S, 1.0)
    if not strength:
        return []
    return [Cue(name, strength, since_s, now_s, (), {"silent_s": silent_s})]


def from_origin(calls_before: int, no_sim: bool, voip: bool) -> list[Cue]:
    """What the call's metadata tell; `calls_before` of the same number, not long ago."""
    cues = []
    if calls_before > 0:
        strength = 1 - exp(-calls_before / 2)
        cues.append(Cue("repeated_number", strength, numbers={"calls_before": calls_before}))
    if no_sim:
        cues.append(Cue("no_sim", 1.0))
    if voip:
        cues.append(Cue("voip_origin", 1.0))
    return cues


def sound(name: str, probability: float, start_s: float, end_s: float) -> Cue:
    """What a detector of sounds tells, as a cue of that name."""
    return Cue(name, _within(probability), start_s, end_s, (), {"probability": probability})


def strongest(cues: Iterable[Cue]) -> dict[str, Cue]:
    """Of each name the cue with the greatest strength; the first of equals."""
    kept: dict[str, Cue] = {}
    for cue in cues:
        if cue.name not in kept or cue.strength > kept[cue.name].strength:
            kept[cue.name] = cue
    return kept


def _within(value: float) -> float:
    return min(max(value, -1.0), 1.0)
