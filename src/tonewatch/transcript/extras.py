"""Packages that a recogniser needs and Tonewatch itself does not."""

from importlib import import_module
from typing import Any

from tonewatch.core.errors import TranscriptError


def needed(module: str, extra: str) -> Any:
    """The module, which comes with the extra of that name.

    Raises:
        TranscriptError: It is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise TranscriptError(
            f"expected the package {module}, came: {error}; install it with "
            f"pip install 'tonewatch[{extra}]', or choose another recogniser"
        ) from error
