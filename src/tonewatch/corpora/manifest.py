"""One's own recordings, listed in a CSV file.

A header row, then a row a recording: `path` and `emotion`, and where known `speaker`, `sex` and
`language`; all other columns are kept as they are. Paths are relative to the list's folder; an
empty emotion means unlabelled. Rows without a speaker belong to one unknown speaker.
"""

import csv
import os
from collections.abc import Mapping
from pathlib import Path

from tonewatch.core.errors import CorpusError
from tonewatch.core.labels import Sex, canonical
from tonewatch.corpora.table import Problem, Table, Utterance

_SEXES: Mapping[str, Sex | None] = {
    "": None,
    "unknown": None,
    "male": "male",
    "m": "male",
    "female": "female",
    "f": "female",
}
_COLUMNS = ("path", "emotion", "speaker", "sex", "language")


def read(root: Path) -> Table:
    """Read a list: the CSV file itself, or a folder that holds `manifest.csv`.

    Raises:
        CorpusError: No such list, columns missing, not UTF-8 CSV, or no usable row.
    """
    path = root / "manifest.csv" if os.path.isdir(root) else root
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True, restval="", restkey="")
            columns = [(name or "").strip().lower() for name in reader.fieldnames or ()]
            reader.fieldnames = columns
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(
            f"cannot read the list {path}: {error}; expected a UTF-8 CSV file"
        ) from error
    if missing := [name for name in ("path", "emotion") if name not in columns]:
        raise CorpusError(
            f"{path}: expected the columns path and emotion, got {columns}; add {missing}"
        )
    utterances: dict[Path, Utterance] = {}
    problems: list[Problem] = []
    for row in rows:
        cells = {key: value.strip() for key, value in row.items() if key and value}
        audio = path.parent / cells.get("path", "")
        if not cells.get("path") or not os.path.isfile(audio):
            problems.append(Problem(audio, "listed, but there is no such file"))
        elif cells.get("sex", "").lower() not in _SEXES:
            problems.append(Problem(audio, f"sex is {cells['sex']!r}, not male, female or empty"))
        elif audio in utterances:
            problems.append(Problem(audio, "listed twice"))
        else:
            utterances[audio] = _utterance(audio, cells)
    if not utterances:
        raise CorpusError(
            f"{path}: expected rows that name audio files, got {len(rows)} rows, none usable; "
            f"paths are relative to {path.parent}"
        )
    return Table(tuple(utterances.values()), tuple(problems))


def _utterance(audio: Path, cells: Mapping[str, str]) -> Utterance:
    return Utterance(
        path=audio,
        emotion=canonical(cells["emotion"]) if cells.get("emotion") else None,
        speaker=f"manifest:{cells.get('speaker') or 'unknown'}",
        sex=_SEXES[cells.get("sex", "").lower()],
        language=cells.get("language", ""),
        corpus="manifest",
        extra={key: value for key, value in cells.items() if key not in _COLUMNS},
    )
