"""Tonewatch hears emotion in recordings and calls, second by second, and says how sure it is.

    >>> import tonewatch
    >>> timeline = tonewatch.analyze("call.ogg")  # doctest: +SKIP

Names are imported when first used, so that `import tonewatch` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tonewatch.core.errors import TonewatchError as TonewatchError
    from tonewatch.core.events import EmotionEstimated as EmotionEstimated
    from tonewatch.core.events import NoSpeech as NoSpeech
    from tonewatch.core.events import SpeechEnded as SpeechEnded
    from tonewatch.core.events import SpeechStarted as SpeechStarted
    from tonewatch.inference.analyser import Analyser as Analyser
    from tonewatch.inference.predictor import Predictor as Predictor
    from tonewatch.inference.recording import analyze as analyze
    from tonewatch.inference.timeline import Timeline as Timeline

__version__ = "0.1.0"

_HOMES = {
    "Analyser": "tonewatch.inference.analyser",
    "EmotionEstimated": "tonewatch.core.events",
    "NoSpeech": "tonewatch.core.events",
    "Predictor": "tonewatch.inference.predictor",
    "SpeechEnded": "tonewatch.core.events",
    "SpeechStarted": "tonewatch.core.events",
    "Timeline": "tonewatch.inference.timeline",
    "TonewatchError": "tonewatch.core.errors",
    "analyze": "tonewatch.inference.recording",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tonewatch' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
