"""Results for other programs: into a file, or with `-` to standard output."""

import sys
from pathlib import Path

import typer

from tonewatch.core.errors import SettingsError

STDOUT = Path("-")


def check_target(target: Path | None, option: str | None = None) -> None:
    """Refuse what cannot be a file before the work, not after it.

    Raises:
        BadParameter: it is a folder, or its folder is not there.
    """
    if target not in (None, STDOUT) and (target.is_dir() or not target.parent.is_dir()):
        raise typer.BadParameter(
            f"expected a file in a folder that exists, came {str(target)!r}; make the folder",
            param_hint=option,
        )


def write(target: Path, text: str) -> None:
    """Write it; what is not UTF-8 in the name of a file that is told becomes `?`.

    Raises:
        SettingsError: the file cannot be written.
    """
    content = text.encode("utf-8", "replace")
    if target == STDOUT:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
    else:
        write_bytes(target, content)


def write_bytes(target: Path, content: bytes) -> None:
    """Write a file.

    Raises:
        SettingsError: it cannot be written.
    """
    try:
        target.write_bytes(content)
    except OSError as error:
        raise SettingsError(
            f"expected to write {target}, came {error.strerror}; choose another file"
        ) from error
