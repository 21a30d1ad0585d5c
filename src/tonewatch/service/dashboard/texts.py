"""The words of the dashboard, by key and language, from one catalogue a language.

A key that is missing is an error: the tests walk all of them. It knows no page.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from tonewatch.core.labels import canonical

Language = Literal["en", "de"]

LANGUAGES: Mapping[Language, str] = {"en": "English", "de": "Deutsch"}
"""Each language by its own name."""

_SEXES = ("female", "male")


@dataclass(frozen=True)
class Texts:
    """The texts of one language."""

    language: Language
    catalogue: Mapping[str, str]

    def __call__(self, key: str, /, **values: Any) -> str:
        """The text of a key, with its values filled in."""
        return self.catalogue[key].format(**values)

    def count(self, key: str, n: int, /, **values: Any) -> str:
        """The text for so many: `KEY.one` or `KEY.other`, with `{n}`."""
        return self(f"{key}.{'one' if n == 1 else 'other'}", n=n, **values)

    def known(self, key: str, otherwise: str) -> str:
        """The text of a key that comes from outside, or the word that came."""
        return self.catalogue.get(key, otherwise)

    def emotion(self, label: str) -> str:
        """The word for a model's label; one's own labels stay as they are."""
        for sex in _SEXES:
            if label.startswith(f"{sex}_"):
                return f"{self.emotion(label.removeprefix(f'{sex}_'))} ({self(f'sex.{sex}')})"
        return self.known(f"emotion.{canonical(label)}", label.replace("_", " "))

    def under(self, *prefixes: str) -> dict[str, str]:
        """All texts whose keys begin with one of these, for a part that draws in the browser."""
        return {key: text for key, text in self.catalogue.items() if key.startswith(prefixes)}


@cache
def texts(language: Language) -> Texts:
    """The catalogue of a language."""
    path = Path(__file__).parent / "texts" / f"{language}.json"
    return Texts(language, json.loads(path.read_text(encoding="utf-8")))


def language_of(chosen: str | None, accepted: str) -> Language:
    """The language that was chosen, or the first that the browser's `Accept-Language` asks for."""
    asked = [chosen or "", *(part.split(";")[0].split("-")[0] for part in accepted.split(","))]
    for word in asked:
        for language in get_args(Language):
            if word.strip().casefold() == language:
                known: Language = language
                return known
    return "en"
