"""Finding a corpus's audio files, and reading them by their names.

Files are matched by name: the same corpus may come as wav, flac or opus, in any depth of folders.
Nothing is opened.
"""

import csv
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tonewatch.core.errors import CorpusError
from tonewatch.corpora.table import Problem, Table, Utterance

_LOSSLESS = (".wav", ".w64", ".flac", ".aiff", ".aif", ".au", ".caf")
_CODED = (".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".amr", ".mka", ".wma")
_TELEPHONE = (".ulaw", ".ul", ".pcmu", ".alaw", ".al", ".pcma")  # raw G.711
_VIDEO = (".mp4", ".webm", ".mov", ".mkv", ".3gp")
AUDIO_SUFFIXES = frozenset(_LOSSLESS + _CODED + _TELEPHONE + _VIDEO)
"""Endings of names by which files in folders are taken for audio."""


def _refuse(folder: Path, why: str) -> None:
    raise CorpusError(
        f"expected to read the folder {folder}, came {why}; allow it, or take the folder out"
    )


def audio_files(root: Path, *, on_shut: Callable[[Path, str], None] = _refuse) -> Iterator[Path]:
    """Every audio file under a folder, sorted in each folder; hidden files are passed over.

    Linked folders are followed, each real folder once.

    Args:
        root: the folder.
        on_shut: called with each folder that cannot be read, and why.

    Raises:
        CorpusError: `root` is not a folder, or one cannot be read and `on_shut` was not given.
    """

    def shut(error: OSError) -> None:
        on_shut(Path(error.filename), error.strerror or str(error))

    if not os.path.isdir(root):
        raise CorpusError(f"expected a folder of recordings, got {root}; check the path")
    seen: set[str] = set()
    for folder, folders, names in os.walk(root, onerror=shut, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        # Archives packed on a Mac carry "__MACOSX" and "._name.wav" shadows that are not audio.
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in AUDIO_SUFFIXES:
                yield Path(folder, name)


def read_rows(path: Path, **form: Any) -> list[dict[str, str]]:
    """The rows of a list that lies beside a corpus; `form` as of `csv.DictReader`.

    Raises:
        CorpusError: It cannot be read, or is no UTF-8 text in columns.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file, **form))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(
            f"cannot read the list {path}: {error}; expected a UTF-8 file, fetch it again"
        ) from error


def same_name(utterance: Utterance) -> str:
    """Two files with this key in common are copies of one recording."""
    return f"{utterance.speaker}/{utterance.path.stem.casefold()}"


def read_named(
    root: Path,
    parse: Callable[[Path], Utterance | str],
    *,
    expected: str,
    identity: Callable[[Utterance], str] = same_name,
) -> Table:
    """Read a corpus whose file names tell everything.

    Args:
        root: The corpus's folder.
        parse: File -> utterance, or the reason why it is left aside.
        expected: An example of the names, for messages.
        identity: Key that copies of one recording share; the first is kept (sound files before
            videos), since a copy in training and in test would give the answer away.

    Raises:
        CorpusError: Not a folder, or no file in it bears such a name.
    """
    kept: dict[str, Utterance] = {}
    problems: list[Problem] = []
    files = sorted(audio_files(root), key=lambda path: path.suffix.lower() in _VIDEO)
    for path in files:
        parsed = parse(path)
        if isinstance(parsed, str):
            problems.append(Problem(path, parsed))
        elif (first := kept.setdefault(identity(parsed), parsed)) is not parsed:
            problems.append(Problem(path, f"a copy of {first.path}"))
    if not kept:
        why = f"; the first was left aside: {problems[0].reason}" if problems else ""
        raise CorpusError(
            f"expected files named like {expected} under {root}, "
            f"got {len(files)} audio files, none of them usable{why}"
        )
    return Table(tuple(sorted(kept.values(), key=lambda u: u.path)), tuple(problems))


def unlike(expected: str) -> str:
    """The reason to give for a name that does not fit the corpus's pattern."""
    return f"its name is not like {expected}"
