"""EMOVO: fourteen Italian sentences in seven emotions by three women and three men.

Names are emotion-speaker-sentence. Source: Costantini and others, "EMOVO Corpus: an Italian
Emotional Speech Database", LREC 2014.
"""

import re
from pathlib import Path

from tonewatch.corpora.files import read_named, unlike
from tonewatch.corpora.table import Table, Utterance

_EXPECTED = "dis-f1-b1.wav"
_NAME = re.compile(r"(dis|gio|neu|pau|rab|sor|tri)-([fm][1-3])-(\w+)", re.IGNORECASE)
_EMOTIONS = {
    "dis": "disgust",
    "gio": "happy",  # gioia
    "neu": "neutral",
    "pau": "fearful",  # paura
    "rab": "angry",  # rabbia
    "sor": "surprised",  # sorpresa
    "tri": "sad",  # tristezza
}


def read(root: Path) -> Table:
    """Read an EMOVO folder."""
    return read_named(root, _parse, expected=_EXPECTED)


def _parse(path: Path) -> Utterance | str:
    if (match := _NAME.fullmatch(path.stem)) is None:
        return unlike(_EXPECTED)
    emotion, speaker, sentence = (part.lower() for part in match.groups())
    return Utterance(
        path=path,
        emotion=_EMOTIONS[emotion],
        speaker=f"emovo:{speaker}",
        sex="female" if speaker[0] == "f" else "male",
        language="it",
        corpus="emovo",
        extra={"sentence": sentence},
    )
