"""EMO-DB: ten German sentences in seven emotions by ten actors.

Names are two digits for the speaker, a letter and two digits for the sentence, a letter for the
emotion (from the German word) and one for the version. Speakers' sexes as the corpus's authors
list them. Source: Burkhardt and others, "A database of German emotional speech", Interspeech 2005.
"""

import re
from pathlib import Path

from tonewatch.core.labels import Sex
from tonewatch.corpora.files import read_named, unlike
from tonewatch.corpora.table import Table, Utterance

_EXPECTED = "03a01Wa.wav"
_NAME = re.compile(r"(\d\d)([ab]\d\d)([WLEAFTN])([a-z]?)", re.IGNORECASE)
_EMOTIONS = {
    "W": "angry",  # Wut, Ärger
    "L": "bored",  # Langeweile
    "E": "disgust",  # Ekel
    "A": "fearful",  # Angst
    "F": "happy",  # Freude
    "T": "sad",  # Trauer
    "N": "neutral",
}
_MEN = frozenset(("03", "10", "11", "12", "15"))
_WOMEN = frozenset(("08", "09", "13", "14", "16"))


def read(root: Path) -> Table:
    """Read an EMO-DB folder."""
    return read_named(root, _parse, expected=_EXPECTED)


def _parse(path: Path) -> Utterance | str:
    if (match := _NAME.fullmatch(path.stem)) is None:
        return unlike(_EXPECTED)
    speaker, sentence, letter, version = match.groups()
    sex: Sex | None = "male" if speaker in _MEN else "female" if speaker in _WOMEN else None
    return Utterance(
        path=path,
        emotion=_EMOTIONS[letter.upper()],
        speaker=f"emodb:{speaker}",
        sex=sex,
        language="de",
        corpus="emodb",
        extra={"sentence": sentence.lower(), "version": version.lower()},
    )
