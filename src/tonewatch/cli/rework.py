"""A corpus made from another, recording by recording, beside it: the original stays as it is.

It does not know options; `corpus` does.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tonewatch.audio.cut import clip, trim
from tonewatch.audio.decode import load
from tonewatch.audio.denoise import denoise
from tonewatch.audio.encode import wav
from tonewatch.audio.voice import change_pitch
from tonewatch.core.errors import AudioError, SettingsError
from tonewatch.core.signal import Samples
from tonewatch.corpora import CorpusArgument, read_corpus
from tonewatch.corpora.quality import Span, measure
from tonewatch.corpora.recorded import MANIFEST, Row, parse_name, rows_of, write_manifest
from tonewatch.inference.predictor import Predictor
from tonewatch.inference.speech import speech_spans

Spans = Callable[[Samples], list[Span]]
Made = tuple[Row, Samples | None]
"""A row and its samples; None where the file is to be taken over as it is."""
Work = Callable[[Row, Samples, Spans], Iterable[Made]]
"""What becomes of one recording."""


@dataclass(frozen=True)
class Corpus:
    """What is worked on: rows with their paths from `root`, and how many files were left aside."""

    root: Path
    rows: tuple[Row, ...]
    n_left_aside: int

    @classmethod
    def open(cls, argument: CorpusArgument) -> "Corpus":
        """Read a corpus; what its reader leaves aside is left aside here too.

        Raises:
            CorpusError: it cannot be read.
        """
        root = argument.root if os.path.isdir(argument.root) else argument.root.parent
        table = read_corpus(argument.reader, argument.root)
        return cls(root, tuple(rows_of(table, root)), len(table.problems))


@dataclass(frozen=True)
class Reworked:
    """What came of it: rows that were (or would be) written, and what failed, with the reason."""

    rows: tuple[Row, ...]
    failures: tuple[tuple[str, str], ...]


def cleaned(reduction_db: float) -> Work:
    """Turn steady noise down."""
    return lambda row, samples, _: [(row, denoise(samples, reduction_db))]


def trimmed(pad_s: float) -> Work:
    """Take the silence off both ends."""
    return lambda row, samples, spans: [(row, trim(samples, spans(samples), pad_s))]


def clipped(length_s: float) -> Work:
    """Give all the same length."""
    return lambda row, samples, _: [(row, clip(samples, length_s))]


def synthesized(copies: int, semitones: float) -> Work:
    """Each recording as it is, and copies of it at other pitches, up and down in turn."""
    steps = [
        (1 if i % 2 == 0 else -1) * semitones * (i // 2 + 1) / ((copies + 1) // 2)
        for i in range(copies)
    ]

    def work(row: Row, samples: Samples, _: Spans) -> Iterator[Made]:
        yield row, None
        if row.source == "natural":
            for number, step in enumerate(steps, start=1):
                path, take = _copy_path(row, number, copies)
                copy = replace(row, path=path, source="synthetic", take=take, original=row.path)
                yield copy, change_pitch(samples, step)

    return work


def rework(
    corpus: Corpus,
    out: Path,
    work: Work,
    predictor: Predictor,
    *,
    dry_run: bool,
    on_file: Callable[[], None],
) -> Reworked:
    """Do the work on every recording; write files, list and the speakers' consents to `out`.

    Raises:
        SettingsError: `out` is not an empty folder beside the corpus, or cannot be written.
    """
    check_out(corpus.root, out)
    rows: list[Row] = []
    failures: list[tuple[str, str]] = []
    taken: set[str] = set()
    renamed: dict[str, str] = {}

    def spans(samples: Samples) -> list[Span]:
        return speech_spans(samples, predictor)

    for row in corpus.rows:
        try:
            samples = load(corpus.root / row.path)
            for made, new in work(row, samples, spans):
                path = _free(made.path, taken, as_wav=new is not None)
                if (name := parse_name(Path(path).stem)) is not None:
                    made = replace(made, take=name.take)
                if new is not None:
                    made = _measured(made, new, spans(new))
                if not dry_run:
                    _write(out / path, corpus.root / row.path, new)
                rows.append(replace(made, path=path))
                renamed.setdefault(made.path, path)
        except AudioError as error:
            failures.append((row.path, str(error)))
        on_file()
    rows = [replace(row, original=renamed.get(row.original, row.original)) for row in rows]
    if not dry_run:
        _copy_speakers(corpus.root, out)
        write_manifest(out / MANIFEST, rows)
    return Reworked(tuple(rows), tuple(failures))


def check_out(root: Path, out: Path) -> None:
    """Refuse a folder in which something could be overwritten.

    Raises:
        SettingsError: it is the corpus, in it or around it, or not empty, or can be no folder.
    """
    inner, outer = out.resolve(), root.resolve()
    if inner == outer or outer in inner.parents or inner in outer.parents:
        raise SettingsError(
            f"expected a folder beside the corpus for --out, came {out}; name another"
        )
    try:
        empty = not any(out.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise SettingsError(
            f"expected a new or empty folder for --out, came {out}: {error.strerror}; name another"
        ) from error
    if not empty:
        raise SettingsError(
            f"expected a new or empty folder for --out, {out} holds something; name another, as "
            "nothing is ever overwritten"
        )


def _measured(row: Row, samples: Samples, speech: Sequence[Span]) -> Row:
    found = measure(samples, speech)
    return replace(
        row,
        level_dbfs=round(found.level_dbfs, 1),
        snr_db=None if found.snr_db is None else round(found.snr_db, 1),
        clipping=round(found.clipping, 6),
    )


def _copy_path(row: Row, number: int, copies: int) -> tuple[str, int]:
    """Path and take of a copy; by the scheme of names where its original has such a name."""
    path = Path(row.path)
    name = parse_name(path.stem)
    if name is None:
        return path.with_name(f"{path.stem}-copy{number}.wav").as_posix(), number
    take = (name.take - 1) * copies + number
    stem = replace(name, source="synthetic", take=take).stem
    return path.with_name(f"{stem}.wav").as_posix(), take


def _free(path: str, taken: set[str], *, as_wav: bool) -> str:
    """A path that no other recording has, within the new folder."""
    inside = Path(
        *(part for part in Path(path).parts if part != ".." and part != Path(path).anchor)
    )
    free = inside.with_suffix(".wav") if as_wav else inside
    number = 1
    while free.as_posix() in taken:  # a.wav and a.flac, or the same name from two folders
        number += 1
        name = parse_name(free.stem)
        stem = f"{inside.name}.{number}" if name is None else replace(name, take=name.take + 1).stem
        free = free.with_name(stem + free.suffix)
    taken.add(free.as_posix())
    return free.as_posix()


def _write(target: Path, source: Path, samples: Samples | None) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if samples is None:
            shutil.copyfile(source, target)
        else:
            target.write_bytes(wav(samples))
    except OSError as error:
        raise SettingsError(
            f"cannot write {target}: {error.strerror}; choose another folder"
        ) from error


def _copy_speakers(root: Path, out: Path) -> None:
    """What the speakers agreed to goes with their recordings."""
    if os.path.isdir(root / "speakers"):
        try:
            shutil.copytree(root / "speakers", out / "speakers")
        except OSError as error:
            raise SettingsError(f"cannot write {out}: {error}; choose another folder") from error
