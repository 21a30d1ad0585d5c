"""Phrase lists in files that anybody can edit, and where their phrases occur in a text.

A file names its kind and language, and groups of phrases with a weight:

    version = 1
    language = "en"
    kind = "emergency"

    [[group]]
    about = "fire"
    weight = 2.5
    phrases = ["on fire", "burning", "explo*", "smoke ~ house"]

`spot = false` in a group keeps its phrases from being sought in the sound.
`*` at the end of a word stands for any ending, `~` for none to three words. A hit right after a
word of negation ("no fire", "kein Feuer") is told as negated and does not count, unless the phrase
begins with such a word itself. It knows nothing of what a hit is worth to a call.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Any

from tonewatch.core.errors import SettingsError
from tonewatch.triage.words import Token, tokens

GAP = 3
"""At most so many words stand where a phrase has `~`."""

_NEGATIONS = frozenset(
    {"no", "not", "never", "without", "isn't", "wasn't", "aren't", "weren't", "don't", "didn't"}
    | {"doesn't", "haven't", "hasn't", "kein", "keine", "keinen", "keiner", "keinem", "nicht"}
    | {"nie", "ohne"}
)


class Kind(StrEnum):
    """What a phrase speaks for."""

    EMERGENCY = "emergency"
    CONCERN = "concern"
    MINOR = "minor"
    ABUSE = "abuse"
    OFFER = "offer"


@dataclass(frozen=True, slots=True)
class Phrase:
    """One phrase of a list.

    Attributes:
        words: its words in lower case; the last may end in `*`, `~` is a gap.
        kind: what it speaks for.
        about: the name of its group.
        weight: log-odds, above 0.
        language: ISO 639-1 code.
        spot: whether it may be sought in the sound.
    """

    words: tuple[str, ...]
    kind: Kind
    about: str
    weight: float
    language: str
    spot: bool = True


@dataclass(frozen=True, slots=True)
class Hit:
    """A phrase in a text.

    Attributes:
        phrase: which one.
        text: as it stands there.
        start: index of its first character in the text.
        end: index after its last.
        first_token: index of its first token.
        last_token: index of its last token.
        negated: whether a word of negation stands right before it, in the same sentence; then it
            does not count.
    """

    phrase: Phrase
    text: str
    start: int
    end: int
    first_token: int
    last_token: int
    negated: bool


class Phrases:
    """The phrases of some lists, ready to be found."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self.all = tuple(phrases)
        self._whole: dict[str, list[Phrase]] = {}
        self._open: dict[str, list[Phrase]] = {}
        for phrase in self.all:
            first = phrase.words[0]
            if first.endswith("*"):
                self._open.setdefault(first[:-1], []).append(phrase)
            else:
                self._whole.setdefault(first, []).append(phrase)
        self._shortest = min((len(stem) for stem in self._open), default=1)

    def find(self, text: str, found: Sequence[Token]) -> tuple[Hit, ...]:
        """Where phrases occur, in the order of the text; of overlapping hits the heaviest stays."""
        at = [i for i, token in enumerate(found) if token.is_word]
        words = [found[i].text for i in at]
        hits = []
        for i, word in enumerate(words):
            for phrase in self._beginning_with(word):
                if (last := _match(phrase.words, words, i)) is not None:
                    start, end = found[at[i]].start, found[at[last]].end
                    negated = _is_negated(found, at[i]) and not _NEGATIONS.intersection(
                        phrase.words
                    )
                    hits.append(Hit(phrase, text[start:end], start, end, at[i], at[last], negated))
        return _without_overlaps(hits)

    def _beginning_with(self, word: str) -> Iterable[Phrase]:
        yield from self._whole.get(word, ())
        for n in range(self._shortest, len(word) + 1):
            yield from self._open.get(word[:n], ())


def _is_negated(found: Sequence[Token], at: int) -> bool:
    """Whether one of the two words before is a negation, with no sign between ("No. A fire!")."""
    for token in reversed(found[max(0, at - 2) : at]):
        if not token.is_word:
            return False
        if token.text in _NEGATIONS:
            return True
    return False


def shipped() -> Phrases:
    """The lists that come with Tonewatch."""
    folder = files("tonewatch.triage") / "lists"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    phrases: list[Phrase] = []
    for name in names:
        phrases += parse((folder / name).read_text(encoding="utf-8"), name)
    return Phrases(phrases)


def to_spot() -> tuple[str, ...]:
    """The shipped English phrases of emergencies, to be spotted in speech; each once, in order.

    Those of groups with `spot = false` are left out: more phrases mean more false alarms, and how
    many was measured with these. Those with a gap or an open ending are among them;
    `transcript.spotting` says which it cannot look for.
    """
    found = (
        " ".join(phrase.words)
        for phrase in shipped().all
        if phrase.kind is Kind.EMERGENCY and phrase.language == "en" and phrase.spot
    )
    return tuple(dict.fromkeys(found))


def read(paths: Iterable[Path]) -> Phrases:
    """Read lists of one's own.

    Raises:
        SettingsError: A file is missing or is no such list.
    """
    phrases: list[Phrase] = []
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"cannot read the phrase list {path}: {error}; expected a TOML file in UTF-8"
            ) from error
        phrases += parse(text, str(path))
    return Phrases(phrases)


def parse(text: str, name: str) -> list[Phrase]:
    """The phrases of one list; `name` is for messages.

    Raises:
        SettingsError: It is no such list; the message says where.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name}: expected TOML, came {error}; correct that line") from error
    if content.get("version") != 1:
        raise SettingsError(f"{name}: expected version = 1, came {content.get('version')!r}")
    kinds = [str(kind) for kind in Kind]
    if content.get("kind") not in kinds:
        raise SettingsError(
            f"{name}: expected kind to be one of {kinds}, came {content.get('kind')!r}"
        )
    language = content.get("language")
    if not isinstance(language, str) or len(language) != 2:
        raise SettingsError(
            f'{name}: expected language = "en" or another code of two letters, came {language!r}'
        )
    groups = content.get("group")
    if not isinstance(groups, list) or not groups:
        raise SettingsError(f"{name}: expected [[group]] tables, came {groups!r}; add one")
    return [
        phrase
        for group in groups
        for phrase in _group(group, Kind(content["kind"]), language, name)
    ]


def _group(group: Mapping[str, Any], kind: Kind, language: str, name: str) -> list[Phrase]:
    about, weight, phrases = group.get("about"), group.get("weight"), group.get("phrases")
    if not isinstance(about, str) or not about:
        raise SettingsError(f'{name}: expected about = "..." in each group, came {about!r}')
    number = isinstance(weight, int | float) and not isinstance(weight, bool)
    if not number or not 0 < float(weight or 0) <= 10:
        raise SettingsError(
            f"{name}, {about}: expected a weight above 0 and at most 10, came {weight!r}"
        )
    if not isinstance(phrases, list) or not all(isinstance(p, str) and p.split() for p in phrases):
        raise SettingsError(f'{name}, {about}: expected phrases = ["...", ...], came {phrases!r}')
    spot = group.get("spot", True)
    if not isinstance(spot, bool):
        raise SettingsError(f"{name}, {about}: expected spot = true or false, came {spot!r}")
    return [
        Phrase(_words(p, name), kind, about, float(weight or 0), language, spot) for p in phrases
    ]


def _words(phrase: str, name: str) -> tuple[str, ...]:
    words = tuple(phrase.lower().replace("’", "'").split())
    stars = any("*" in word[:-1] or word == "*" for word in words)
    if stars or words[0] == "~" or words[-1] == "~":
        raise SettingsError(
            f"{name}: expected `*` only at the end of a word and `~` only between words, "
            f"came {phrase!r}"
        )
    if split := [word for word in words if word != "~" and len(tokens(word.rstrip("*"))) != 1]:
        raise SettingsError(
            f"{name}: expected words of letters, digits and apostrophes, came {split}; write a "
            "hyphen as a space"
        )
    return words


def _match(pattern: tuple[str, ...], words: Sequence[str], start: int) -> int | None:
    """The index of the last word if the pattern stands at `start`, with gaps as short as can be."""
    if not pattern:
        return start - 1
    if pattern[0] == "~":
        for skip in range(GAP + 1):
            if (last := _match(pattern[1:], words, start + skip)) is not None:
                return last
        return None
    if start >= len(words):
        return None
    wanted, word = pattern[0], words[start]
    fits = word.startswith(wanted[:-1]) if wanted.endswith("*") else word == wanted
    return _match(pattern[1:], words, start + 1) if fits else None


def _without_overlaps(hits: list[Hit]) -> tuple[Hit, ...]:
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: (-hit.phrase.weight, hit.start - hit.end, hit.start)):
        if all(
            hit.end <= other.start or hit.start >= other.end or hit.phrase.kind != other.phrase.kind
            for other in kept
        ):
            kept.append(hit)
    return tuple(sorted(kept, key=lambda hit: (hit.start, hit.end)))
