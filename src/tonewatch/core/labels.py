"""Emotion words, and the label schemes that models are trained and scored with.

Every corpus reader translates its own codes into the words of `EMOTIONS`; a `Scheme` then says
which label of a model a word becomes. What a scheme does not name has no label: it is left out and
counted, never pressed into the nearest class (`calm` is not `neutral`, `bored` is not `sad`).
Knows nothing of files, corpora or networks.

Colours: Okabe and Ito, "Color Universal Design" (2008), for the commoner emotions; the others were
searched for so that under normal, red-, green- and blue-blind sight (Machado and others, 2009) all
pairs lie at least 16 apart in CIE Lab, which is what Okabe and Ito's own nearest pair keeps.
Pure red is nobody's: it is kept for alerts.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from tonewatch.core.errors import SchemeError

Sex: TypeAlias = Literal["male", "female"]

SEXES: tuple[Sex, Sex] = ("male", "female")

EMOTIONS = (
    "neutral",
    "calm",
    "happy",
    "sad",
    "angry",
    "fearful",
    "disgust",
    "surprised",
    "bored",
    "drunk",
    "painful",
    "stressful",
)
"""The canonical words, in the order in which reports and plots list them."""

COLOURS: Mapping[str, str] = {
    "neutral": "#C7C7C7",
    "calm": "#56B4E9",
    "happy": "#F0E442",
    "sad": "#0072B2",
    "angry": "#D55E00",
    "fearful": "#CC79A7",
    "disgust": "#009E73",
    "surprised": "#E69F00",
    "bored": "#7F3DD7",
    "drunk": "#004F3D",
    "painful": "#B69356",
    "stressful": "#783969",
}
"""One fixed colour an emotion, `#RRGGBB`, told apart by colour-blind eyes as well."""

LETTERS: Mapping[str, str] = {
    "neutral": "N",
    "calm": "C",
    "happy": "H",
    "sad": "S",
    "angry": "A",
    "fearful": "F",
    "disgust": "D",
    "surprised": "U",
    "bored": "B",
    "drunk": "K",
    "painful": "P",
    "stressful": "T",
}
"""One letter an emotion, so that no plot relies on colour alone."""

_OTHER_COLOUR = "#777777"

_SPELLINGS: Mapping[str, str] = {
    "anger": "angry",
    "boredom": "bored",
    "disgusted": "disgust",
    "dislike": "disgust",
    "drunken": "drunk",
    "fear": "fearful",
    "happiness": "happy",
    "joy": "happy",
    "neutrality": "neutral",
    "pain": "painful",
    "pleasant_surprise": "surprised",
    "pleasant_surprised": "surprised",
    "sadness": "sad",
    "stress": "stressful",
    "stressed": "stressful",
    "surprise": "surprised",
}


def canonical(word: str) -> str:
    """The canonical word for a spelling of it (`Anger`, `pleasant surprise`).

    An unknown word comes back in lower case with underscores, for a scheme of one's own to name.
    """
    plain = "_".join(word.lower().replace("-", " ").replace("_", " ").split())
    return _SPELLINGS.get(plain, plain)


def colour_of(label: str) -> str:
    """The colour of a label's emotion, `#RRGGBB`; a grey for words of one's own."""
    return COLOURS.get(_emotion_in(label), _OTHER_COLOUR)


def letter_of(label: str) -> str:
    """The letter of a label's emotion; the first letter, in capitals, for words of one's own."""
    return LETTERS.get(_emotion_in(label), label[:1].upper())


def ink_on(colour: str) -> str:
    """Black or white, whichever is told apart better on a colour (WCAG 2.2, contrast ratio)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000000" if (luminance + 0.05) / 0.05 >= 1.05 / (luminance + 0.05) else "#FFFFFF"


def _emotion_in(label: str) -> str:
    return canonical(label.removeprefix("female_").removeprefix("male_"))


@dataclass(frozen=True, slots=True)
class Scheme:
    """A named, ordered set of labels, and which emotion word becomes which label.

    Attributes:
        name: Short name, as in `--scheme NAME`.
        labels: The classes of a model, in the order of its outputs.
        words: `(emotion, sex)` -> label; sex None holds for either sex and for an unknown one.
    """

    name: str
    labels: tuple[str, ...]
    words: Mapping[tuple[str, Sex | None], str]

    def __post_init__(self) -> None:
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise SchemeError(
                f"scheme {self.name!r}: expected two or more different labels, "
                f"got {list(self.labels)}; list each label once"
            )
        named = set(self.words.values())
        if stray := sorted(named - set(self.labels)):
            raise SchemeError(
                f"scheme {self.name!r}: words lead to {stray}, which is not among the labels "
                f"{list(self.labels)}; add it there or correct the word"
            )
        if barren := [label for label in self.labels if label not in named]:
            raise SchemeError(
                f"scheme {self.name!r}: no word leads to {barren}; "
                "name at least one emotion word for each label"
            )

    def label_for(self, emotion: str, sex: str | None = None) -> str | None:
        """The label of a canonical emotion word; None when it lies outside the scheme.

        A scheme that asks for the speaker's sex has no label where the sex is unknown.
        """
        for known in SEXES:
            if sex == known and (label := self.words.get((emotion, known))) is not None:
                return label
        return self.words.get((emotion, None))

    @property
    def needs_sex(self) -> bool:
        """Whether some word has a label only when the speaker's sex is known."""
        return any(sex and (word, None) not in self.words for word, sex in self.words)


def _plain(name: str, *emotions: str) -> Scheme:
    return Scheme(name, emotions, {(emotion, None): emotion for emotion in emotions})


def _sex12() -> Scheme:
    # "dislike" is what this scheme's users call RAVDESS's disgust; anger and neutral are not in it.
    named = ("calm", "happy", "sad", "dislike", "fearful", "surprised")
    words: dict[tuple[str, Sex | None], str] = {
        (canonical(word), sex): f"{sex}_{word}" for sex in SEXES for word in named
    }
    return Scheme("sex12", tuple(words.values()), words)


_RAVDESS8 = EMOTIONS[:8]

SCHEMES: Mapping[str, Scheme] = {
    scheme.name: scheme
    for scheme in (
        _plain("ravdess8", *_RAVDESS8),
        _plain("ekman7", *(word for word in _RAVDESS8 if word != "calm")),
        _sex12(),
        _plain("helpline4", "angry", "drunk", "painful", "stressful"),
        _plain("emotion9", *_RAVDESS8, "bored"),
        _plain("emodb7", "angry", "bored", "disgust", "fearful", "happy", "sad", "neutral"),
    )
}
"""The schemes that come with Tonewatch, by name."""


def scheme(name_or_path: str | Path) -> Scheme:
    """Find a scheme by its name, or read one's own from a TOML file.

    The file names the labels, and for each emotion word its label, or one label a sex:

        name = "raised"
        labels = ["calm_voice", "raised_man", "raised_woman"]

        [words]
        calm = "calm_voice"
        angry = { male = "raised_man", female = "raised_woman" }

    Without `[words]`, every label is the emotion word of the same name.

    Raises:
        SchemeError: No such scheme, or a file that does not hold one.
    """
    if (known := SCHEMES.get(str(name_or_path))) is not None:
        return known
    path = Path(name_or_path)
    if path.suffix.lower() != ".toml":
        raise SchemeError(
            f"expected a scheme ({', '.join(SCHEMES)}) or a .toml file, "
            f"got {str(name_or_path)!r}; choose one of these or write your own"
        )
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SchemeError(f"cannot read the scheme {path}: {error}; expected TOML") from error
    return _from_toml(content, path)


def _from_toml(content: Mapping[str, Any], path: Path) -> Scheme:
    labels = content.get("labels")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise SchemeError(
            f'{path}: expected labels = ["...", ...], got {labels!r}; list the classes as strings'
        )
    table = content.get("words", {label: label for label in labels})
    if not isinstance(table, dict):
        raise SchemeError(f"{path}: expected a table [words], got {table!r}; write word = label")
    words: dict[tuple[str, Sex | None], str] = {}
    for word, target in table.items():
        targets = target.items() if isinstance(target, dict) else [(None, target)]
        for sex, label in targets:
            if sex not in (None, *SEXES) or not isinstance(label, str):
                raise SchemeError(
                    f"{path}: expected a label or {{ male = label, female = label }} "
                    f"for {word!r}, got {target!r}"
                )
            words[canonical(word), sex] = label
    return Scheme(str(content.get("name", path.stem)), tuple(labels), words)
