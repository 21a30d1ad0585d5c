"""nEMO: ninety Polish sentences in six emotions by nine actors.

Names are SPEAKER_emotion_sentence; `data.tsv` beside the samples adds transcript and age.
Speakers' sexes as that list gives them, so that they are known without it as well.
Source: Christop, "nEMO: Dataset of Emotional Speech in Polish", LREC-COLING 2024.
"""

import csv
import os
import re
from collections.abc import Mapping
from pathlib import Path

from tonewatch.core.labels import Sex, canonical
from tonewatch.corpora.files import read_named, read_rows, unlike
from tonewatch.corpora.table import Table, Utterance

_EXPECTED = "WR0_surprised_64.wav"
_NAME = re.compile(
    r"([A-Z]{2}\d)_(anger|fear|happiness|neutral|sadness|surprised)_(\d+)", re.IGNORECASE
)
_MEN = frozenset(("KS0", "MP0", "SM0", "TP0", "WR0"))
_WOMEN = frozenset(("EB0", "IC0", "KD0", "MK0"))


def read(root: Path) -> Table:
    """Read an nEMO folder, with `data.tsv` in it or one folder up when it is there."""
    lists = (folder / "data.tsv" for folder in (root, root.parent))
    found = next((path for path in lists if os.path.isfile(path)), None)
    rows = _rows(found) if found else {}
    return read_named(root, lambda path: _parse(path, rows), expected=_EXPECTED)


def _rows(path: Path) -> dict[str, dict[str, str]]:
    # Some cells carry stray blanks before the tab.
    rows = [
        {str(key).strip(): str(value or "").strip() for key, value in row.items()}
        for row in read_rows(path, delimiter="\t", quoting=csv.QUOTE_NONE)
    ]
    return {Path(row.get("file_id", "")).stem.casefold(): row for row in rows}


def _parse(path: Path, rows: Mapping[str, Mapping[str, str]]) -> Utterance | str:
    if (match := _NAME.fullmatch(path.stem)) is None:
        return unlike(_EXPECTED)
    speaker, emotion, sentence = match.groups()
    speaker = speaker.upper()
    row = rows.get(path.stem.casefold(), {})
    extra = {"sentence": sentence, "text": row.get("raw_text", ""), "age": row.get("age", "")}
    sex: Sex | None = "male" if speaker in _MEN else "female" if speaker in _WOMEN else None
    return Utterance(
        path=path,
        emotion=canonical(emotion),
        speaker=f"nemo:{speaker}",
        sex=sex,
        language="pl",
        corpus="nemo",
        extra={key: value for key, value in extra.items() if value},
    )
