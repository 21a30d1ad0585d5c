"""The secret that signs sessions: given, or made once and kept in the data folder, for us alone."""

import os
import secrets
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
        try:
            # Exclusive, so that of two processes that start at once one makes it.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            kept = path.read_text(encoding="ascii").strip()
        else:
            kept = secrets.token_hex(32)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(kept)
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
