"""SAVEE: English sentences in seven emotions by four men.

Names are the emotion's letter or letters and the sentence's number, after `SPEAKER_` or in a folder
called after the speaker. Source: Haq and Jackson, "Speaker-Dependent Audio-Visual Emotion
Recognition", AVSP 2009.
"""

import re
from pathlib import Path

from tonewatch.corpora.files import read_named, unlike
from tonewatch.corpora.table import Table, Utterance

_EXPECTED = "DC_a01.wav or DC/a01.wav"
_SPEAKERS = ("DC", "JE", "JK", "KL")
_NAME = re.compile(r"(?:(DC|JE|JK|KL)_)?(sa|su|[adfhn])(\d\d)", re.IGNORECASE)
_EMOTIONS = {
    "a": "angry",
    "d": "disgust",
    "f": "fearful",
    "h": "happy",
    "n": "neutral",
    "sa": "sad",
    "su": "surprised",
}


def read(root: Path) -> Table:
    """Read a SAVEE folder."""
    return read_named(root, _parse, expected=_EXPECTED, identity=_take)


def _parse(path: Path) -> Utterance | str:
    if (match := _NAME.fullmatch(path.stem)) is None:
        return unlike(_EXPECTED)
    speaker = (match[1] or path.parent.name).upper()
    if speaker not in _SPEAKERS:
        return f"neither its name nor its folder tells the speaker ({', '.join(_SPEAKERS)})"
    return Utterance(
        path=path,
        emotion=_EMOTIONS[match[2].lower()],
        speaker=f"savee:{speaker}",
        sex="male",
        language="en",
        corpus="savee",
        extra={"sentence": match[3]},
    )


def _take(utterance: Utterance) -> str:
    # The archive holds folders by speaker, and mirrors of it flat copies of the same takes.
    return f"{utterance.speaker}/{utterance.emotion}/{utterance.extra['sentence']}"
