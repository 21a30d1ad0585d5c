"""Everything noticed about one call so far: events in, an assessment whenever asked; pure.

What speaks for urgency in a voice is kept at its strongest, so that no later window lowers it. How
grave the words are is judged of all that was said, its begin and its latest part where it is long;
a phrase that was found stays. Phrases that were spotted count beside the words, as far as more of
them were than chance spots. Memory is bounded, however long the call. It knows no clock: time is
that of the events. It does not know who a voice is: on a mixed channel it may be the call-taker.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp

from tonewatch.core.events import (
    EmotionEstimated,
    Event,
    NoSpeech,
    NotTranscribed,
    PhraseSpotted,
    SoundRepeated,
    SpeechEnded,
    SpeechStarted,
    Word,
    WordsRecognised,
)
from tonewatch.triage import cues
from tonewatch.triage.assessment import Assessment, assess
from tonewatch.triage.baseline import Baseline
from tonewatch.triage.cues import Cue
from tonewatch.triage.gravity import Gravity, Judge, Judgement
from tonewatch.triage.phrases import Hit, Kind
from tonewatch.triage.policy import Policy
from tonewatch.triage.words import tokens

FIRST_WORDS = 100
"""So many words of a call's begin are judged for as long as it lasts."""

LAST_WORDS = 200
"""And so many of its latest; those between are forgotten, the phrases in them are not."""

_VOICE = ("fearful", "painful")
_TOP = 3
_SHOWN_WORDS = 5
_HIDES_SPEECH_S = 1.0  # a shorter loss hides no more than a syllable of who spoke or was silent
_DENIED = 8  # a phrase is spotted while its words are recognised, or soon after
_LONGEST_WORD = 60
_BREAK = "."
"""Between two utterances, for a "no" in one says nothing of the other."""

NUMBER_KEYS = ("number", "caller")
"""Where a call's metadata have the caller's number."""

_LEAST_DIGITS = 3

_NONE = frozenset({"none", "no", "false", "0", "absent"})
_YES = frozenset({"yes", "true", "1"})


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a call came from, as far as its metadata tell.

    Attributes:
        number: the caller's, of three digits or more; None where it is not known.
        no_sim: whether the telephone had no SIM (`sim` is `none`).
        voip: whether it came by VoIP (`origin` or `access` is `voip`, or `voip` is `yes`).
        calls_before: of the same number, not long ago.
        signs: cues of `cues.UNHEARD` that whoever sent the call noticed (`signs`, with commas).
    """

    number: str | None = None
    no_sim: bool = False
    voip: bool = False
    calls_before: int = 0
    signs: tuple[str, ...] = ()

    @classmethod
    def of(cls, metadata: Mapping[str, str]) -> "Origin":
        """What metadata say; whose names and values are compared whatever their case."""
        told = {key.casefold(): value.strip().casefold() for key, value in metadata.items()}
        number = next((told[key] for key in NUMBER_KEYS if _is_number(told.get(key, ""))), None)
        voip = "voip" in (told.get("origin"), told.get("access")) or told.get("voip") in _YES
        signs = {sign.strip().replace(" ", "_") for sign in told.get("signs", "").split(",")}
        noticed = tuple(name for name in cues.UNHEARD if name in signs)
        return cls(number, told.get("sim") in _NONE, voip, signs=noticed)

    def called_before(self, calls: int) -> "Origin":
        """The same, now that it is known how often the number called before."""
        return replace(self, calls_before=calls)


_Group = tuple[Kind, str]


def _group(hit: Hit) -> _Group:
    return hit.phrase.kind, hit.phrase.about


@dataclass(frozen=True, slots=True)
class _Found:
    """A phrase, with when it was said."""

    hit: Hit
    start_s: float
    end_s: float

    @property
    def weight(self) -> float:
        return self.hit.phrase.weight

    def overlaps(self, other: "_Found") -> bool:
        return self.start_s < other.end_s and other.start_s < self.end_s


class Case:
    """What is known of one call.

    Args:
        judge: judges the words; calls may share it.
        origin: where the call came from.

    Attributes:
        now_s: the end of the latest event, in seconds of the call.
    """

    def __init__(self, judge: Judge, origin: Origin = Origin()) -> None:
        self.now_s = 0.0
        self._judge = judge
        self._origin = cues.from_origin(origin.calls_before, origin.no_sim, origin.voip)
        self._origin += [Cue(name, 1.0) for name in origin.signs]
        self._baselines: dict[int, Baseline] = {}
        self._top: dict[str, list[EmotionEstimated]] = {label: [] for label in _VOICE}
        self._weighed = 0.0
        self._n_windows = 0
        self._windows_from_s = self._windows_to_s = 0.0
        self._rise: Cue | None = None
        self._repeat: Cue | None = None
        self._speaking: dict[int, float] = {}
        self._spoke_s = self._unheard_s = 0.0
        self._spoke_until_s: float | None = None
        self._lost = (0.0, 0.0)  # the last stretch, of one channel or another
        self._unheard_until_s = 0.0
        self._first: list[Word] = []
        self._last: deque[Word] = deque(maxlen=LAST_WORDS)
        self._gravity: Cue | None = None
        self._fear: Cue | None = None
        self._found: dict[_Group, _Found] = {}
        self._spotted: dict[_Group, list[_Found]] = {}
        self._denied: deque[tuple[_Group, _Found]] = deque(maxlen=_DENIED)
        self._n_spotted = 0

    def take(self, event: Event, channel: int = 0) -> None:
        """Take note of an event of a channel that may be judged."""
        self.now_s = max(
            self.now_s, event.start_s if isinstance(event, SpeechStarted) else event.end_s
        )
        if isinstance(event, EmotionEstimated):
            self._hear(event, channel)
        elif isinstance(event, SpeechStarted):
            self._speaking[channel] = event.start_s
        elif isinstance(event, SpeechEnded):
            self._speaking.pop(channel, None)
            self._spoke_s += event.end_s - event.start_s
            self._spoke_until_s = max(self._spoke_until_s or 0.0, event.end_s)
        elif isinstance(event, WordsRecognised):
            if event.final:
                self._read(event)
        elif isinstance(event, PhraseSpotted):
            self._spot(event)
        elif isinstance(event, SoundRepeated):
            self._repeat = _stronger(self._repeat, [cues.from_repeat(event)])
        elif isinstance(event, NotTranscribed):
            self._unheard_s += event.end_s - event.start_s
        else:
            assert isinstance(event, NoSpeech)

    def lose(self, start_s: float, end_s: float) -> None:
        """Take note that audio was lost: where that hides speech, it is no silence."""
        begun_s, until_s = self._lost
        self._lost = (begun_s if start_s <= until_s else start_s, max(until_s, end_s))
        if self._lost[1] - self._lost[0] >= _HIDES_SPEECH_S:
            self._unheard_until_s = self._lost[1]

    def cues(self, now_s: float) -> list[Cue]:
        """All that was noticed until `now_s`."""
        noticed = list(self._origin)
        for label, top in self._top.items():
            noticed += [cue for cue in cues.from_voice(top) if cue.name in _CUES_OF[label]]
        if self._n_windows:
            mean = self._weighed / self._n_windows
            noticed += cues.from_weights(mean, self._windows_from_s, self._windows_to_s)
        once = (self._rise, self._gravity, self._fear, self._repeat)
        noticed += [cue for cue in once if cue is not None]
        if not self._speaking:
            noticed += cues.from_silence(self._spoke_until_s, now_s, self._unheard_until_s)
        return noticed + self._phrases(now_s)

    def assess(self, now_s: float, policy: Policy) -> Assessment | None:
        """How urgent the call is at `now_s`, and whether to check it; None if switched off."""
        return assess(self.cues(now_s), policy) if policy.enabled else None

    def _hear(self, event: EmotionEstimated, channel: int) -> None:
        for label, top in self._top.items():
            if label in event.probabilities:
                top.append(event)
                top.sort(key=lambda e: -e.probabilities[label])
                del top[_TOP:]
        if not self._n_windows:
            self._windows_from_s = event.start_s
        self._windows_to_s = event.end_s
        self._weighed += cues.weighed(event.probabilities)
        self._n_windows += 1
        baseline = self._baselines.setdefault(channel, Baseline())
        rise = baseline.push(event.start_s, event.end_s, event.probabilities)
        self._rise = _stronger(self._rise, cues.from_rise(rise))

    def _read(self, event: WordsRecognised) -> None:
        words = [
            word if len(word.text) <= _LONGEST_WORD else replace(word, text=word.text[:60])
            for word in event.words
        ]
        if words and self._first:
            words[0] = replace(words[0], text=f"{_BREAK} {words[0].text}")
        room = FIRST_WORDS - len(self._first)
        self._first += words[:room]
        self._last.extend(words[max(room, 0) :])
        all_words = [*self._first, *self._last]
        whole = self._judged(all_words)
        if whole is None:
            return
        p = whole.probabilities
        # Not what came before: words, unlike a voice, may also show that it is not so grave.
        self._gravity = Cue(
            "gravity_words",
            min(max(p[Gravity.HIGH] - p[Gravity.LOW], -1.0), 1.0),
            all_words[0].start_s,
            all_words[-1].end_s,
            tuple(dict.fromkeys(map(_said, cues.telling(whole))))[:_SHOWN_WORDS],
            {str(gravity): value for gravity, value in p.items()},
        )
        self._find(whole, all_words, len(all_words) - len(words))
        said = self._judged(words)
        if said is not None:
            told = cues.from_words(said, event.start_s, event.end_s)
            self._fear = _stronger(self._fear, [cue for cue in told if cue.name == "fear_words"])

    def _judged(self, words: Sequence[Word]) -> Judgement | None:
        return self._judge.judge(_text(words)) if words else None

    def _find(self, judgement: Judgement, words: Sequence[Word], new_from: int) -> None:
        """Keep the heaviest phrase of each group, with when it was said.

        Those that end before the word `new_from` were found when they were said; of what stands
        at the edge of what is remembered, a "no" before it may be forgotten.
        """
        starts: list[int] = []
        at = 0
        for word in words:
            starts.append(at)
            at += len(word.text) + 1
        for hit in judgement.matched:
            first = max(i for i, start in enumerate(starts) if start <= hit.start)
            last = max(i for i, start in enumerate(starts) if start < hit.end)
            if last < new_from:
                continue
            group, found = _group(hit), _Found(hit, words[first].start_s, words[last].end_s)
            if hit.negated:
                self._denied.append((group, found))
                spotted = self._spotted.get(group, [])
                spotted[:] = [each for each in spotted if not each.overlaps(found)]
            elif group not in self._found or found.weight > self._found[group].weight:
                self._found[group] = found

    def _spot(self, event: PhraseSpotted) -> None:
        hits = self._judge.lists.find(event.phrase, tokens(event.phrase))
        grave = [hit for hit in hits if hit.phrase.kind is Kind.EMERGENCY]
        self._n_spotted += bool(grave)
        for hit in grave:
            group, found = _group(hit), _Found(hit, event.start_s, event.end_s)
            if not any(found.overlaps(each) for of, each in self._denied if of == group):
                spotted = self._spotted.setdefault(group, [])
                spotted.append(found)
                spotted.sort(key=lambda each: -each.weight)
                del spotted[_TOP:]

    def _phrases(self, now_s: float) -> list[Cue]:
        """What phrases tell, as `cues.from_words` does of one text."""
        made = []
        grave = self._cue("emergency_phrases", (Kind.EMERGENCY,)) + self._beside(now_s)
        unfit = self._cue("unfit_words", (Kind.OFFER, Kind.MINOR))
        made += grave
        # Who asks for a pizza and names a knife may not be able to speak freely.
        made += [] if grave else unfit
        return made + self._cue("abuse_words", (Kind.ABUSE,))

    def _beside(self, now_s: float) -> list[Cue]:
        """What was spotted and is not among the words: what is there counts there, or is denied."""
        found = [
            spotted[0]
            for group, spotted in self._spotted.items()
            if spotted and group not in self._found
        ]
        if not found:
            return []
        found.sort(key=lambda each: -each.weight)
        speaking_s = sum(max(0.0, now_s - start_s) for start_s in self._speaking.values())
        return cues.from_spotted(
            [each.hit.text for each in found[:_SHOWN_WORDS]],
            sum(each.weight for each in found),
            self._n_spotted,
            max(0.0, self._spoke_s + speaking_s - self._unheard_s),
            min(each.start_s for each in found),
            max(each.end_s for each in found),
        )

    def _cue(self, name: str, kinds: Iterable[Kind]) -> list[Cue]:
        found = [each for (kind, _), each in self._found.items() if kind in kinds]
        if not found:
            return []
        found.sort(key=lambda each: -each.weight)
        weight = sum(each.weight for each in found)
        return [
            Cue(
                name,
                1 - exp(-weight / 3),
                min(each.start_s for each in found),
                max(each.end_s for each in found),
                tuple(_said(each.hit) for each in found[:_SHOWN_WORDS]),
                {"weight": weight},
            )
        ]


def _is_number(told: str) -> bool:
    """Whether it is one: "anonymous", "withheld" or a name are of many callers."""
    return sum(char.isdigit() for char in told) >= _LEAST_DIGITS


_CUES_OF = {"fearful": ("fear",), "painful": ("pain",)}


def _text(words: Iterable[Word]) -> str:
    return " ".join(word.text for word in words)


def _said(hit: Hit) -> str:
    """A phrase may go over a pause."""
    return hit.text.replace(f" {_BREAK} ", " ")


def _stronger(known: Cue | None, new: Iterable[Cue]) -> Cue | None:
    for cue in new:
        if known is None or cue.strength > known.strength:
            known = cue
    return known
