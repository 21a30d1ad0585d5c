"""LibriSpeech: English audiobooks, read without an emotion label.

Names are reader-chapter-utterance. For voice activity, load tests and speech without labels.
Source: Panayotov and others, "Librispeech: an ASR corpus based on public domain audio books",
ICASSP 2015.
"""

import re
from pathlib import Path

from tonewatch.corpora.files import read_named, unlike
from tonewatch.corpora.table import Table, Utterance

_EXPECTED = "1089-134686-0000.flac"
_NAME = re.compile(r"(\d+)-(\d+)-(\d+)")


def read(root: Path) -> Table:
    """Read a LibriSpeech folder; its part (`test-other`) is in `extra`."""
    return read_named(root, lambda path: _parse(path, root), expected=_EXPECTED)


def _parse(path: Path, root: Path) -> Utterance | str:
    if (match := _NAME.fullmatch(path.stem)) is None:
        return unlike(_EXPECTED)
    parts = path.relative_to(root.parent).parts[:-1]
    part = next((name for name in parts if name.startswith(("train-", "dev-", "test-"))), "")
    return Utterance(
        path=path,
        emotion=None,
        speaker=f"librispeech:{match[1]}",
        sex=None,
        language="en",
        corpus="librispeech",
        extra={"chapter": match[2]} | ({"part": part} if part else {}),
    )
