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
from tonewatch.transcript.spotting import beside
from tonewatch.triage.phrases import to_spot

OFF = "off"

Make = Callable[[], Recogniser]


def chosen(settings: Settings) -> str:
    """The recogniser of words, by name, or `off`."""
    if settings.transcribe != "auto":
        return settings.transcribe
    return "pocketsphinx" if find_spec("pocketsphinx") is not None else OFF


def spots(settings: Settings) -> bool:
    """Whether phrases of emergencies are spotted.

    By default only where the words come of PocketSphinx's own model too: a better recogniser needs
    no help, and English phrases are found in any language, wrongly.
    """
    if settings.spot == "auto":
        return chosen(settings) == "pocketsphinx" and not settings.transcribe_model
    return settings.spot == "on"


def maker(settings: Settings) -> Make | None:
    """What makes the recogniser in a process; None where nothing is to be recognised."""
    words = None if chosen(settings) == OFF else _words(settings)
    return partial(beside, words, to_spot()) if spots(settings) else words


def _words(settings: Settings) -> Make:
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
