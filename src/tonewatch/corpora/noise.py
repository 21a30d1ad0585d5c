"""A plain folder of sounds that are not one person's speech: doors, traffic, babble, hiss.

The kind is the name of the folder that a file lies in. Copies are not looked for.
"""

from pathlib import Path

from tonewatch.core.errors import CorpusError
from tonewatch.corpora.files import audio_files
from tonewatch.corpora.table import Table, Utterance


def read(root: Path) -> Table:
    """Read a folder of sounds; each is its own "speaker", so that folds may divide them.

    Raises:
        CorpusError: Not a folder, or no audio file in it.
    """
    utterances = tuple(
        Utterance(
            path=path,
            emotion=None,
            speaker=f"noise:{path.relative_to(root).with_suffix('').as_posix()}",
            sex=None,
            language="",
            corpus="noise",
            extra={"kind": path.parent.name},
        )
        for path in audio_files(root)
    )
    if not utterances:
        raise CorpusError(f"expected audio files under {root}, got none; check the path")
    return Table(utterances)
