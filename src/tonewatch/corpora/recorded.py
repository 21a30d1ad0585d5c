"""Takes that were recorded for a corpus of one's own: their names, and the list beside them.

Names are EMOTION_SENTENCE_SEX_SOURCE_SPEAKER in two digits each (a speaker may have more), and a
further take of the same is `-2`, `-3` and so on: `01_02_01_01_07.wav` is an angry second sentence
by the woman 07. The list, `manifest.csv`, also tells language, consent and how the take came out.
A folder without a list is read by its names. No audio is opened here.
"""

import csv
import errno
import io
import math
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from tonewatch.core.errors import CorpusError
from tonewatch.core.labels import EMOTIONS, Sex, canonical
from tonewatch.corpora.files import audio_files, read_named, unlike
from tonewatch.corpora.table import Problem, Table, Utterance

Source: TypeAlias = Literal["natural", "synthetic"]

MANIFEST = "manifest.csv"
"""The list's name in its folder."""

_FIRST = ("angry", "drunk", "painful", "stressful")
EMOTION_CODES: Mapping[str, int] = {
    word: code
    for code, word in enumerate((*_FIRST, *(w for w in EMOTIONS if w not in _FIRST)), start=1)
}
"""Emotion word -> its number in a name; the four states of helpline calls come first."""

_EMOTIONS = {code: word for word, code in EMOTION_CODES.items()}
_SEX_CODES: Mapping[Sex | None, int] = {"female": 1, "male": 2, None: 0}
_SEXES = {code: sex for sex, code in _SEX_CODES.items()}
_SOURCES: tuple[Source, ...] = get_args(Source)
_EXPECTED = "01_02_01_01_07.wav"
_NAME = re.compile(r"(\d\d)_(\d\d)_(\d\d)_(0[12])_(\d{2,6})(?:-([1-9]\d{0,3}))?")
_SPEAKER = re.compile(r"\d{2,6}")
_TAKE = re.compile(r"[1-9][0-9]{0,3}")


@dataclass(frozen=True, slots=True)
class Name:
    """What a file's name tells.

    Attributes:
        emotion: a word of `EMOTION_CODES`.
        sentence: which one, 1 to 99.
        sex: None where it is not told.
        source: a voice as it was recorded, or a copy that was made of it.
        speaker: two or more digits.
        take: counted from 1.
    """

    emotion: str
    sentence: int
    sex: Sex | None
    source: Source
    speaker: str
    take: int = 1

    def __post_init__(self) -> None:
        if self.emotion not in EMOTION_CODES:
            raise CorpusError(
                f"expected an emotion with a number ({', '.join(EMOTION_CODES)}), "
                f"got {self.emotion!r}"
            )
        if not 1 <= self.sentence <= 99:
            raise CorpusError(f"expected a sentence from 1 to 99, got {self.sentence}")
        if not is_speaker(self.speaker):
            raise CorpusError(
                f"expected a speaker of two to six digits, as 07, got {self.speaker!r}"
            )
        if not 1 <= self.take <= 9999:
            raise CorpusError(f"expected a take from 1 to 9999, got {self.take}")

    @property
    def stem(self) -> str:
        """The name without the file's ending."""
        source = _SOURCES.index(self.source) + 1
        first = (EMOTION_CODES[self.emotion], self.sentence, _SEX_CODES[self.sex], source)
        plain = "_".join([*(f"{number:02}" for number in first), self.speaker])
        return plain if self.take == 1 else f"{plain}-{self.take}"


def is_speaker(text: str) -> bool:
    """Whether it is a speaker's number as names carry it."""
    return text.isascii() and _SPEAKER.fullmatch(text) is not None


def parse_name(stem: str) -> Name | None:
    """What a name without its ending tells; None where it is none of these."""
    if (match := _NAME.fullmatch(stem)) is None or not stem.isascii():
        return None
    emotion, sentence, sex, source = (int(part) for part in match.groups()[:4])
    if emotion not in _EMOTIONS or sex not in _SEXES or sentence == 0:
        return None
    return Name(
        _EMOTIONS[emotion],
        sentence,
        _SEXES[sex],
        _SOURCES[source - 1],
        match[5],
        int(match[6] or 1),
    )


@dataclass(frozen=True, slots=True)
class Row:
    """One recording in the list.

    Attributes:
        path: below the list's folder, with `/`; a list of a split may lead out of it.
        label: emotion word; empty if unlabelled.
        speaker: number or name, without the corpus.
        sex: None where it is not told.
        language: ISO 639-1 code, or empty.
        sentence: what was said, or which sentence.
        source: as it was recorded, or a copy that was made of it.
        consent: when the speaker agreed, or who asked them; without it a row is left aside.
        take: counted from 1.
        level_dbfs: active speech level under full scale; None where it was not measured.
        snr_db: signal-to-noise ratio; None likewise.
        clipping: share of the samples at full scale; None likewise.
        original: path of the recording that a copy was made of.
    """

    path: str
    label: str
    speaker: str
    sex: Sex | None
    language: str
    sentence: str
    source: Source
    consent: str
    take: int = 1
    level_dbfs: float | None = None
    snr_db: float | None = None
    clipping: float | None = None
    original: str = ""


COLUMNS = tuple(field.name for field in fields(Row))
"""Of the list, in order."""

_NEEDED = ("path", "label", "speaker", "source", "consent")


def read(root: Path) -> Table:
    """Read a folder with a list, the list itself (a CSV file), or a folder by its names.

    Raises:
        CorpusError: neither, or nothing usable in it.
    """
    if os.path.isdir(root) and not os.path.isfile(root / MANIFEST):
        return read_named(root, _by_name, expected=_EXPECTED)
    path = root / MANIFEST if os.path.isdir(root) else root
    rows, problems = read_manifest(path)
    utterances: dict[Path, Utterance] = {}
    for row in rows:
        audio = _plain(path.parent / row.path)
        if not row.consent:
            problems.append(Problem(audio, "listed without the speaker's consent"))
        elif not os.path.isfile(audio):
            problems.append(Problem(audio, "listed, but there is no such file"))
        elif audio in utterances:
            problems.append(Problem(audio, "listed twice"))
        else:
            utterances[audio] = _utterance(audio, row)
    if os.path.isdir(root):
        strays = (file for file in audio_files(root) if _plain(file) not in utterances)
        known = {problem.path for problem in problems}
        problems += [Problem(f, "not in the list") for f in strays if _plain(f) not in known]
    if not utterances:
        raise CorpusError(
            f"{path}: expected rows that name audio files, got {len(rows)} rows, none usable"
            + (f"; the first: {problems[0].reason}" if problems else "; record something first")
        )
    return Table(tuple(utterances.values()), tuple(problems))


def read_manifest(path: Path) -> tuple[list[Row], list[Problem]]:
    """All rows of a list; a row with a wrong value is a problem.

    Raises:
        CorpusError: no such list, not UTF-8 CSV, or columns missing.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True, restval="", restkey="")
            columns = list(reader.fieldnames or ())
            listed = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(
            f"cannot read the list {path}: {error}; expected a UTF-8 CSV file"
        ) from error
    if missing := [name for name in _NEEDED if name not in columns]:
        raise CorpusError(
            f"{path}: expected the columns {', '.join(COLUMNS)}, got {columns}; add {missing}"
        )
    rows: list[Row] = []
    problems: list[Problem] = []
    for cells in listed:
        row = _row({key: value.strip() for key, value in cells.items() if key and value})
        if isinstance(row, str):
            problems.append(Problem(path.parent / cells["path"], row))
        else:
            rows.append(row)
    return rows, problems


def write_whole(path: Path, text: str, *, new: bool = False) -> None:
    """Write a file, all of it or nothing: a reader never sees half of one.

    Args:
        path: of the file; its folder is made when missing.
        text: its content.
        new: leave a file that is there as it is, another process's too.

    Raises:
        OSError: it cannot be written; FileExistsError if it was to be `new` and is not.
    """
    beside = path.with_name(path.name + ".new")
    path.parent.mkdir(parents=True, exist_ok=True)
    file = beside.open("x" if new else "w", encoding="utf-8", newline="")
    try:
        with file:
            file.write(text)
        if new and path.exists():  # whoever made it held `beside` until it was there
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def write_manifest(path: Path, rows: Sequence[Row]) -> None:
    """Write a list, all of it or nothing.

    Raises:
        CorpusError: it cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_cells(row) for row in rows)
    try:
        write_whole(path, text.getvalue())
    except OSError as error:
        raise CorpusError(
            f"cannot write the list {path}: {error.strerror}; choose another folder"
        ) from error


def rows_of(table: Table, root: Path) -> list[Row]:
    """Any corpus as rows, with paths from `root`; for corpora that others recorded.

    What another list calls `source`, `take` or like a measurement and is none is not taken over.
    """
    return [_row_of(utterance, root) for utterance in table.utterances]


def is_copy(utterance: Utterance) -> bool:
    """Whether it was made of another recording: to be trained on, never to be tested on."""
    return utterance.extra.get("source") == "synthetic"


def _by_name(path: Path) -> Utterance | str:
    if (name := parse_name(path.stem)) is None:
        return unlike(_EXPECTED)
    return Utterance(
        path=path,
        emotion=name.emotion,
        speaker=f"recorded:{name.speaker}",
        sex=name.sex,
        language="",
        corpus="recorded",
        extra={
            "sentence": f"{name.sentence:02}",
            "source": name.source,
            "take": str(name.take),
        },
    )


def _row(cells: Mapping[str, str]) -> Row | str:
    """A row, or what is wrong with it."""
    sex, source = cells.get("sex", ""), cells.get("source", "")
    if not cells.get("path") or not cells.get("speaker"):
        return "listed without a path or a speaker"
    if sex not in ("", "male", "female"):
        return f"sex is {sex!r}, not male, female or empty"
    if source not in _SOURCES:
        return f"source is {source!r}, not {' or '.join(_SOURCES)}"
    measured: dict[str, float | None] = {}
    for name in ("take", "level_dbfs", "snr_db", "clipping"):
        try:
            measured[name] = float(cells[name]) if cells.get(name) else None
        except ValueError:
            return f"{name} is {cells[name]!r}, not a number"
        if measured[name] is not None and not math.isfinite(measured[name] or 0.0):
            return f"{name} is {cells[name]!r}, not a finite number"
    return Row(
        path=cells["path"],
        label=canonical(cells["label"]) if cells.get("label") else "",
        speaker=cells["speaker"],
        sex=sex or None,  # type: ignore[arg-type]  # one of the three, as checked above
        language=cells.get("language", ""),
        sentence=cells.get("sentence", ""),
        source=source,
        consent=cells.get("consent", ""),
        take=int(measured["take"] or 1),
        level_dbfs=measured["level_dbfs"],
        snr_db=measured["snr_db"],
        clipping=measured["clipping"],
        original=cells.get("original", ""),
    )


def _cells(row: Row) -> dict[str, str]:
    return {key: "" if value is None else str(value) for key, value in asdict(row).items()}


def _utterance(audio: Path, row: Row) -> Utterance:
    kept = ("sentence", "source", "consent", "take", "level_dbfs", "snr_db", "clipping", "original")
    cells = _cells(row)
    return Utterance(
        path=audio,
        emotion=row.label or None,
        speaker=f"recorded:{row.speaker}",
        sex=row.sex,
        language=row.language,
        corpus="recorded",
        extra={key: cells[key] for key in kept if cells[key]},
    )


def _row_of(utterance: Utterance, root: Path) -> Row:
    extra = utterance.extra
    cells = {key: extra[key] for key in COLUMNS if key in extra and _fits(key, extra[key])}
    cells |= {
        "path": Path(os.path.relpath(utterance.path, root)).as_posix(),
        "label": utterance.emotion or "",
        "speaker": utterance.speaker.partition(":")[2],
        "sex": utterance.sex or "",
        "language": utterance.language,
        "source": cells.get("source", "natural"),
        "consent": extra.get("consent", f"asked by the makers of {utterance.corpus}"),
    }
    row = _row(cells)
    assert isinstance(row, Row), row
    return row


def _fits(column: str, text: str) -> bool:
    """Whether a cell of another list means what the column means here."""
    if column == "source":
        return text in _SOURCES
    if column == "take":
        return _TAKE.fullmatch(text) is not None
    if column in ("level_dbfs", "snr_db", "clipping"):
        try:
            return math.isfinite(float(text))
        except ValueError:
            return False
    return True


def _plain(path: Path) -> Path:
    """The same file by one spelling: lists of splits lead out of their folder with `..`."""
    return Path(os.path.normpath(path))
