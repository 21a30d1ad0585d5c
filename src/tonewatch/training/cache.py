"""Folders of a cache that are there whole or not at all.

Trainings at once may want the same frames; each that finds none makes them beside, and the first
to be done gives its own the name. It knows no frames.
"""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

DONE = "done.json"
"""What a folder has that is whole; `make` writes it last."""


def kept(folder: Path, make: Callable[[Path], None]) -> Path:
    """The folder, made first where it is not whole; a `make` that fails or is killed leaves none.

    Args:
        folder: where the content is, or goes.
        make: writes it into the empty folder that it is given, `DONE` last.
    """
    if not (folder / DONE).exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f"{folder.name}-", dir=folder.parent, ignore_cleanup_errors=True
        ) as held:
            part = Path(held) / "part"
            part.mkdir()
            make(part)
            if not (folder / DONE).exists():
                shutil.rmtree(folder, ignore_errors=True)
                part.rename(folder)
    return folder
