"""The secret that signs sessions: given, or made once and kept in the data folder, for us alone."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from tonewatch.core.errors import SettingsError


def load_secret(given: str, data_dir: Path) -> str:
    """The secret that is given, or that of the folder, which is made at first.

    Raises:
        SettingsError: the folder's cannot be read or made.
    """
    if given:
        return given
    path = data_dir / "secret"
    try:
        if not path.exists():
            _make(path)
        kept = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"expected to keep a secret in {path}, came: {error}; "
            "set TONEWATCH_SECRET, or another TONEWATCH_DATA_DIR"
        ) from error
    if len(kept) < 16:
        raise SettingsError(
            f"expected at least 16 characters in {path}, came {len(kept)}; remove the file and "
            "start again (everybody signs in anew)"
        )
    return kept


def _make(path: Path) -> None:
    """Make it whole: of two processes that start at once none meets an empty file."""
    beside, secret = path.with_name(f"{path.name}.{secrets.token_hex(8)}"), secrets.token_hex(32)
    _write(beside, secret)
    try:
        os.link(beside, path)
    except FileExistsError:
        pass  # the other's, which holds for both
    except OSError:  # a file system without links, such as FAT
        with suppress(FileExistsError):
            _write(path, secret)
    finally:
        beside.unlink()


def _write(path: Path, secret: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secret)
