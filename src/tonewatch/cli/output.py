"""Results for other programs: into a file, or with `-` to standard output."""

import os
import shutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import typer

from tonewatch.core.errors import SettingsError

STDOUT = Path("-")


def check_target(
    target: Path | None, option: str | None = None, *, others: Iterable[Path] = ()
) -> None:
    """Refuse what cannot be a file before the work, not after it.

    Args:
        target: where results are to go.
        option: that named it.
        others: files that are read, or written too: the target must be none of them.

    Raises:
        BadParameter: it is a folder, or its folder is not there, or it is one of the others, or
            cannot be looked for, or its name is a recording's.
    """
    if target in (None, STDOUT):
        return
    from tonewatch.corpora.files import AUDIO_SUFFIXES

    if target.suffix.lower() in AUDIO_SUFFIXES:  # `--json call.wav` without the file for results
        raise typer.BadParameter(
            f"expected a file for results, came {str(target)!r}, by its name a recording; choose "
            "another name",
            param_hint=option,
        )
    if os.path.isdir(target) or not os.path.isdir(target.parent):
        raise typer.BadParameter(
            f"expected a file in a folder that exists, came {str(target)!r}; make the folder",
            param_hint=option,
        )
    try:
        target.stat()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise typer.BadParameter(
            f"expected a file that can be written, came {str(target)!r}: {error.strerror}; choose "
            "another",
            param_hint=option,
        ) from error
    for other in others:
        if _same(target, other):
            raise typer.BadParameter(
                f"expected a file of its own, {str(target)!r} is {str(other)!r}, which is read or "
                "written too; choose another",
                param_hint=option,
            )


def _same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:  # one of them is not there yet
        return os.path.realpath(one) == os.path.realpath(other)
    except ValueError:  # a list may name a file that can be none
        return False


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
    """Write a file, all of it or nothing; a device or FIFO takes what it can.

    Raises:
        SettingsError: it cannot be written; what was in the file is still there.
    """
    try:
        in_dev = target.is_relative_to("/dev")  # /dev/stdout may be a file that others write to
        if in_dev or (target.exists() and not target.is_file()):
            target.write_bytes(content)
        else:
            _replace(Path(os.path.realpath(target)), content)  # a link stays one
    except OSError as error:
        raise SettingsError(
            f"expected to write {target}, came {error.strerror}; choose another file"
        ) from error


def _replace(target: Path, content: bytes) -> None:
    part = target.with_name(target.name + ".part")
    there = target.exists()
    if there:
        target.open("ab").close()  # one that may not be written is not replaced either
    try:
        part.write_bytes(content)
        if there:
            shutil.copymode(target, part)
        os.replace(part, target)
    except BaseException:  # Ctrl+C too
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
