"""URDU: utterances in four emotions from Urdu talk shows, by 38 speakers. Not acted.

Names are S, M or F and the speaker's number; F and a file number; the emotion's initial and a
number; folders are called after the emotion. Source: Latif and others, "Cross Lingual Speech
Emotion Recognition: Urdu vs. Western Languages", FIT 2018.
"""

import re
from pathlib import Path

from tonewatch.core.labels import canonical
from tonewatch.corpora.files import read_named, unlike
from tonewatch.corpora.table import Table, Utterance

_EXPECTED = "SM1_F10_A010.wav"
_NAME = re.compile(r"S([MF])(\d+)_F(\d+)_([AHNS])(\d+)", re.IGNORECASE)
_EMOTIONS = {"A": "angry", "H": "happy", "N": "neutral", "S": "sad"}


def read(root: Path) -> Table:
    """Read an URDU folder; a file whose name contradicts its folder is left aside."""
    return read_named(root, _parse, expected=_EXPECTED)


def _parse(path: Path) -> Utterance | str:
    if (match := _NAME.fullmatch(path.stem)) is None:
        return unlike(_EXPECTED)
    sex, number, file_number, initial, _ = (part.upper() for part in match.groups())
    emotion = _EMOTIONS[initial]
    folder = canonical(path.parent.name)
    if folder in _EMOTIONS.values() and folder != emotion:
        return f"its name says {emotion}, its folder {folder}"
    return Utterance(
        path=path,
        emotion=emotion,
        speaker=f"urdu:{sex}{number}",
        sex="male" if sex == "M" else "female",
        language="ur",
        corpus="urdu",
        extra={"file": file_number},
    )
