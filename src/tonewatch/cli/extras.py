"""Tells which extra brings the packages that a command needs and finds missing."""

from collections.abc import Iterator
from contextlib import contextmanager

from tonewatch.core.errors import SettingsError


@contextmanager
def service_packages() -> Iterator[None]:
    """A block that imports what the service is made of.

    Raises:
        SettingsError: a package of it is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("tonewatch"):
            raise
        raise SettingsError(
            f"expected the packages of the service, {error.name} is not installed; "
            "`pip install 'tonewatch[service]'`"
        ) from error
