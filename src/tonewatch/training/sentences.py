"""Sentences written for training the gravity model, with their slots filled and with word errors.

sentences.toml has what was written first; scenes_en.toml and scenes_de.toml have scenes, each with
the same words in matters of other gravity. A scene can be left out as a whole, so that a model is
asked about events of which it has read no sentence. It does not train and quotes no corpus.
"""

import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonewatch.triage.gravity import Gravity

LABELS = [str(gravity) for gravity in Gravity]
LANGUAGES = ("en", "de")
FIRST = ""
"""The scene of the sentences that were written first, which belong to none."""


@dataclass(frozen=True)
class Sentences:
    """What was written, each of length n.

    Attributes:
        texts: with their slots filled.
        classes: index into LABELS.
        scenes: language and name ("en fire"), or FIRST.
    """

    texts: list[str]
    classes: NDArray[np.int64]
    scenes: list[str]


def written_sentences(
    rng: np.random.Generator, each: int = 3, without: frozenset[str] = frozenset()
) -> Sentences:
    """All sentences but those of some scenes; those with slots `each` times, filled at random."""
    texts: list[str] = []
    classes: list[int] = []
    scenes: list[str] = []
    first = _table("sentences.toml")
    for language in LANGUAGES:
        told = _table(f"scenes_{language}.toml")
        slots: dict[str, list[str]] = {**first[language]["slots"], **told["slots"]}

        def fill(match: re.Match[str], slots: dict[str, list[str]] = slots) -> str:
            return str(rng.choice(slots[match[1]]))

        parts = [(FIRST, {label: first[language][label]["sentences"] for label in LABELS})]
        parts += [(f"{language} {scene['about']}", scene) for scene in told["scene"]]
        for name, part in parts:
            for k, label in enumerate(LABELS):
                # Left out last, so that the others are filled alike whatever is left out.
                for sentence in part[label]:
                    for _ in range(each if "{" in sentence else 1):
                        filled = " ".join(re.sub(r"\{(\w+)\}", fill, sentence).split())
                        if name not in without:
                            texts.append(filled)
                            classes.append(k)
                            scenes.append(name)
    return Sentences(texts, np.array(classes), scenes)


def with_errors(text: str, rate: float, words: list[str], rng: np.random.Generator) -> str:
    """A text with so many word errors: 6 of 10 put another word, 2 leave out, 2 put in."""
    out: list[str] = []
    for word in text.split():
        u = rng.random() / rate if rate else 1.0
        if u >= 1:
            out.append(word)
        elif u < 0.6:
            out.append(str(rng.choice(words)))
        elif u >= 0.8:
            out += [word, str(rng.choice(words))]
    return " ".join(out)


def _table(name: str) -> dict[str, Any]:
    content = (files("tonewatch.training") / name).read_text(encoding="utf-8")
    return tomllib.loads(content)
