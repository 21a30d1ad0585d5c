"""All corpus readers by name, and the `NAME=PATH` of the command line."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from tonewatch.core.errors import CorpusError
from tonewatch.corpora import (
    ased,
    cremad,
    emodb,
    emovo,
    folders,
    librispeech,
    manifest,
    nemo,
    noise,
    ravdess,
    recorded,
    savee,
    tess,
    urdu,
)
from tonewatch.corpora.table import Table

READERS: Mapping[str, Callable[[Path], Table]] = {
    "ravdess": ravdess.read,
    "tess": tess.read,
    "emodb": emodb.read,
    "nemo": nemo.read,
    "ased": ased.read,
    "cremad": cremad.read,
    "savee": savee.read,
    "emovo": emovo.read,
    "urdu": urdu.read,
    "librispeech": librispeech.read,
    "noise": noise.read,
    "manifest": manifest.read,
    "folders": folders.read,
    "recorded": recorded.read,
}
"""Corpus name -> reader."""

OWN = ("manifest", "folders", "recorded")
"""Readers of one's own data, whose corpora may bear any name but another corpus's."""


class CorpusArgument(NamedTuple):
    """`NAME=PATH` taken apart: `read_corpus(reader, root)` gives the corpus called `name`."""

    name: str
    reader: str
    root: Path


def read_corpus(name: str, root: Path) -> Table:
    """Read a corpus.

    Args:
        name: A key of `READERS`; for data of one's own also `mine:folders`, `mine:manifest` or
            `mine:recorded`, which calls the corpus `mine`.
        root: Its folder (for `manifest` and `recorded` also the CSV file in it).

    Raises:
        CorpusError: Unknown corpus, no such folder, or nothing of that corpus in it; a name that
            is another corpus's.
    """
    called, _, kind = name.rpartition(":")
    _check_called(called)
    reader = READERS.get(kind)
    if reader is None:
        raise CorpusError(
            f"expected a corpus ({', '.join(READERS)}), got {name!r}; "
            "for recordings of your own use folders, manifest or recorded"
        )
    if called and kind not in OWN:
        # Renamed speakers would no longer be recognised as those of the same corpus elsewhere.
        raise CorpusError(
            f"expected a name of one's own only before {' or '.join(OWN)}, got {name!r}; "
            f"write {kind}=PATH"
        )
    table = reader(root)
    return table.renamed(called) if called else table


def corpus_argument(argument: str) -> CorpusArgument:
    """Take apart `NAME=PATH`, for example `ravdess=data/ravdess` or `mine:folders=calls`.

    Raises:
        CorpusError: No `=`, or nothing on one of its sides; a name that is another corpus's.
    """
    name, _, path = argument.partition("=")
    called, _, reader = name.strip().rpartition(":")
    if not reader or not path.strip():
        raise CorpusError(
            f"expected NAME=PATH, as in ravdess=data/ravdess, got {argument!r}; "
            f"NAME is one of {', '.join(READERS)}"
        )
    _check_called(called)
    return CorpusArgument(called or reader, name.strip(), Path(path.strip()).expanduser())


def _check_called(called: str) -> None:
    """Refuse a name that would make one's own speakers those of another corpus, or unlike them."""
    if ":" in called or (called in READERS and called not in OWN):
        raise CorpusError(
            f"expected a name of one's own for recordings of one's own, got {called!r}, which is "
            "another corpus's or has a colon; choose another, as in mine:folders=PATH"
        )
