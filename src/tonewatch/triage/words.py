"""Text as tokens and n-grams, the same for training and for use.

Words catch what was said, and n-grams of letters catch what a recogniser half understood
("breathin", "ambulence"): two words that share most of their letters share most of their n-grams.
It does not know what any word means; nor a language, but that words have spaces between them.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

from tonewatch.core.errors import SettingsError

_TOKEN = re.compile(
    r"%HESITATION"  # what one recogniser writes for "uh"
    r"|[^\W_]+(?:['’][^\W_]+)*"
    r"|[!?]+"
    r"|[^\w\s]",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Token:
    """A word or sign of a text.

    Attributes:
        text: in lower case.
        start: index of its first character in the text.
        end: index after its last.
    """

    text: str
    start: int
    end: int

    @property
    def is_word(self) -> bool:
        return self.text[0].isalnum()


def tokens(text: str) -> tuple[Token, ...]:
    """The words and signs of a text in order; hesitations are left out."""
    return tuple(
        Token(found[0].lower().replace("’", "'"), found.start(), found.end())
        for found in _TOKEN.finditer(text)
        if found[0].upper() != "%HESITATION"
    )


@dataclass(frozen=True, slots=True)
class NgramSettings:
    """Which n-grams are features.

    Attributes:
        words: longest run of words.
        letters_from: shortest run of letters within a word and its two edges.
        letters_to: longest such run; below `letters_from` for none.
        signs: whether signs (!, ?, emoji) count as words.
    """

    words: int = 2
    letters_from: int = 3
    letters_to: int = 4
    signs: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.words <= 5:
            raise SettingsError(f"expected runs of 1 to 5 words, came {self.words}")
        if not 1 <= self.letters_from <= self.letters_to + 1 <= 10:
            raise SettingsError(
                "expected letters_from <= letters_to <= 9 (letters_from = letters_to + 1 for "
                f"none), came {self.letters_from} and {self.letters_to}"
            )


def count(found: Sequence[Token], settings: NgramSettings) -> tuple[Counter[int], Counter[int]]:
    """How often each n-gram occurs: those of words, and those of letters.

    An n-gram is told by the CRC-32 of its UTF-8 bytes, so that a model needs no list of strings;
    among 200,000 n-grams a given new one falls on a known one with a chance of 1 in 20,000.
    Digits count as the same digit.
    """
    texts = [_DIGIT.sub("0", t.text) for t in found if settings.signs or t.is_word]
    words = [
        # The space in front keeps a word apart from the same letters inside a word.
        crc32((" " + " ".join(texts[i : i + n])).encode())
        for n in range(1, settings.words + 1)
        for i in range(len(texts) - n + 1)
    ]
    letters = [
        gram for t in texts for gram in _letters(t, settings.letters_from, settings.letters_to)
    ]
    return Counter(words), Counter(letters)


@lru_cache(maxsize=20_000)  # a few thousand words make up most of what is said
def _letters(text: str, n_from: int, n_to: int) -> tuple[int, ...]:
    edged = f"<{text}>"
    return tuple(
        crc32(edged[i : i + n].encode())
        for n in range(n_from, n_to + 1)
        for i in range(len(edged) - n + 1)
    )
