"""Which recogniser the settings ask for, as something that a process can make one of.

It loads no model: that is done in the processes, which tell when it fails.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tonewatch.service.settings import Settings
from tonewatch.transcript.backend import Recogniser

OFF = "off"


def chosen(settings: Settings) -> str:
    """The recogniser's name, or `off`."""
    if settings.transcribe != "auto":
        return settings.transcribe
    return "pocketsphinx" if find_spec("pocketsphinx") is not None else OFF


def maker(settings: Settings) -> Callable[[], Recogniser]:
    """What makes the recogniser in a process; not to be asked where it is off."""
    name = chosen(settings)
    make: Any = getattr(import_module(f"tonewatch.transcript.{name}"), name.capitalize())
    model = settings.transcribe_model
    options: dict[str, Any] = {}
    if name in ("whisper", "http") and settings.transcribe_language:
        options["language"] = settings.transcribe_language
    if name == "http":
        options |= {"url": settings.transcribe_url, "key": settings.transcribe_key or None}
        options |= {"model": model} if model else {}
    elif model:
        options["model"] = Path(model).expanduser()
    return partial(make, **options)
