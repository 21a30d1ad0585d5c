"""TESS: 200 English words in seven emotions by two actresses, aged 64 (OAF) and 26 (YAF).

Names are SPEAKER_word_emotion, where `ps` is pleasant surprise; one original file is called
`OA_bite_neutral`. Source: Pichora-Fuller and Dupuis, "Toronto emotional speech set", 2020.
"""

import re
from pathlib import Path

from tonewatch.core.labels import canonical
from tonewatch.corpora.files import read_named, unlike
from tonewatch.corpora.table import Table, Utterance

_EXPECTED = "OAF_back_angry.wav"
_NAME = re.compile(
    r"([OY])AF?_(.+?)_(angry|disgust|fear|happy|neutral|sad|ps|pleasant_surprised?)",
    re.IGNORECASE,
)
_AGES = {"OAF": "64", "YAF": "26"}


def read(root: Path) -> Table:
    """Read a TESS folder."""
    return read_named(root, _parse, expected=_EXPECTED, identity=_take)


def _parse(path: Path) -> Utterance | str:
    if (match := _NAME.fullmatch(path.stem)) is None:
        return unlike(_EXPECTED)
    initial, word, emotion = (part.lower() for part in match.groups())
    speaker = f"{initial.upper()}AF"
    return Utterance(
        path=path,
        emotion="surprised" if emotion == "ps" else canonical(emotion),
        speaker=f"tess:{speaker}",
        sex="female",
        language="en",
        corpus="tess",
        extra={"word": word, "age": _AGES[speaker]},
    )


def _take(utterance: Utterance) -> str:
    return f"{utterance.speaker}/{utterance.extra['word']}/{utterance.emotion}"
