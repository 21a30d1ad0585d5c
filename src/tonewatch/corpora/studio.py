"""What is recorded for a corpus of one's own: sentences, states to act, and who agreed to it.

Pure: it opens no microphone and keeps nothing; `Collection` does, and only for a `Speaker`, who
cannot be made without consent. The four sentences are what callers of a helpline may say; the
states are acted, by people who are in none of them.
"""

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from tonewatch.core.errors import CorpusError, SettingsError
from tonewatch.core.labels import SEXES, Sex, canonical
from tonewatch.corpora.recorded import EMOTION_CODES, is_speaker

SENTENCES = (
    "We need an ambulance as soon as possible.",
    "Someone has been lying dead on the street.",
    "A neighbour of mine is shot dead.",
    "This place is on fire. Please send help.",
)
"""The sentences of the helpline."""

STATES = ("angry", "drunk", "painful", "stressful")
"""The states to act, if one's own list names no others."""

CONSENT = (
    "I agree that these recordings of my voice, with my sex, age and language if I tell them, are "
    "kept to train and test computer models that recognise emotion in speech. My name is not kept. "
    "I act; I may stop at any time without giving a reason. I may later ask, by my speaker number, "
    "that my recordings are deleted; models that were trained until then stay."
)
"""What a speaker agrees to, if one's own list has no other text."""

_LONGEST_SENTENCE = 300
_LONGEST_CONSENT = 5_000
_MOST_SENTENCES = 99


@dataclass(frozen=True)
class Prompts:
    """What is to be spoken, and how.

    Attributes:
        sentences: 1 to 99 of them.
        states: words for emotions that names have a number for, each once.
        language: ISO 639-1 code of the sentences, or empty.
        consent: what every speaker agrees to.
    """

    sentences: tuple[str, ...] = SENTENCES
    states: tuple[str, ...] = STATES
    language: str = "en"
    consent: str = CONSENT

    def __post_init__(self) -> None:
        if not 1 <= len(self.sentences) <= _MOST_SENTENCES:
            raise SettingsError(
                f"expected 1 to {_MOST_SENTENCES} sentences, came {len(self.sentences)}"
            )
        for sentence in self.sentences:
            if not sentence.strip() or len(sentence) > _LONGEST_SENTENCE or "\n" in sentence:
                raise SettingsError(
                    f"expected sentences of one line and up to {_LONGEST_SENTENCE} characters, "
                    f"came {sentence[:50]!r}"
                )
        if not self.states or len(set(self.states)) != len(self.states):
            raise SettingsError(f"expected states, each once, came {list(self.states)}")
        if strange := [state for state in self.states if state not in EMOTION_CODES]:
            raise SettingsError(
                f"expected states among {', '.join(EMOTION_CODES)}, came {', '.join(strange)}"
            )
        if not self.consent.strip() or len(self.consent) > _LONGEST_CONSENT:
            raise SettingsError(
                f"expected a text of consent of up to {_LONGEST_CONSENT} characters, came "
                f"{len(self.consent)}"
            )


class Item(NamedTuple):
    """One thing to act: a sentence, counted from 1, in a state."""

    state: str
    number: int
    sentence: str


def items(prompts: Prompts, taken: Sequence[tuple[str, str]] = ()) -> Iterator[Item]:
    """What is still to be recorded, state by state.

    Args:
        prompts: what there is.
        taken: state and sentence of the takes that are there already.
    """
    there = set(taken)
    for state in prompts.states:
        for number, sentence in enumerate(prompts.sentences, start=1):
            if (state, sentence) not in there:
                yield Item(state, number, sentence)


@dataclass(frozen=True, slots=True)
class Consent:
    """What somebody agreed to, and when; neither may be missing."""

    text: str
    given_at: datetime

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise CorpusError(
                "expected the text that the speaker agreed to, came none; ask for their consent "
                "first, nothing is kept without it"
            )
        if self.given_at.tzinfo is None:
            raise CorpusError(f"expected the consent's time with its zone, came {self.given_at}")


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks, by a number: no name is kept.

    Attributes:
        number: two or more digits.
        consent: what they agreed to.
        sex: None where they do not tell.
        language: ISO 639-1 code of what they speak, or empty.
        age: as they tell it, as `30-39`; or empty.
    """

    number: str
    consent: Consent
    sex: Sex | None = None
    language: str = ""
    age: str = ""

    def __post_init__(self) -> None:
        if not is_speaker(self.number):
            raise CorpusError(
                f"expected a speaker's number of two to six digits, as 07, got {self.number!r}"
            )
        if self.sex is not None and self.sex not in SEXES:
            raise CorpusError(f"expected female, male or nothing for the sex, got {self.sex!r}")
        for name, value in (("language", self.language), ("age", self.age)):
            if len(value) > 20 or any(ord(character) < 32 for character in value):
                raise CorpusError(f"expected a {name} of up to 20 characters, got {value[:30]!r}")


def next_number(taken: Iterable[str]) -> str:
    """The lowest number from 01 on that no speaker has."""
    used = {int(number) for number in taken if number.isdecimal()}
    number = next(n for n in range(1, len(used) + 2) if n not in used)
    return f"{number:02}"


def read_prompts(path: Path) -> Prompts:
    """One's own list: TOML, or a text with one sentence a line (`#` begins a remark).

    TOML names `sentences`, and may name `states`, `language` and `consent`.

    Raises:
        SettingsError: it cannot be read, or does not hold such a list.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = tomllib.loads(text) if path.suffix.lower() == ".toml" else _lines(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(
            f"cannot read the prompts {path}: {error}; expected TOML, or a text of sentences"
        ) from error
    if unknown := sorted(content.keys() - {"sentences", "states", "language", "consent"}):
        raise SettingsError(
            f"{path}: expected sentences, states, language or consent, came {unknown}"
        )
    values: dict[str, object] = {}
    for name in ("sentences", "states"):
        listed = content.get(name, [] if name == "sentences" else list(STATES))
        if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
            raise SettingsError(f'{path}: expected {name} = ["...", ...], came {listed!r}')
        values[name] = tuple(each.strip() for each in listed)
    for name, default in (("language", ""), ("consent", CONSENT)):
        value = content.get(name, default)
        if not isinstance(value, str):
            raise SettingsError(f'{path}: expected {name} = "...", came {value!r}')
        values[name] = value.strip()
    values["states"] = tuple(canonical(state) for state in values["states"])  # type: ignore[attr-defined]
    return Prompts(**values)  # type: ignore[arg-type]


def _lines(text: str) -> dict[str, object]:
    lines = (line.strip() for line in text.splitlines())
    return {"sentences": [line for line in lines if line and not line.startswith("#")]}
