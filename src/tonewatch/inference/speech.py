"""Where a bundle hears speech in samples that are held already."""

from tonewatch.core.events import SpeechEnded
from tonewatch.core.signal import Samples
from tonewatch.inference.analyser import Analyser
from tonewatch.inference.predictor import Predictor


def speech_spans(samples: Samples, predictor: Predictor) -> list[tuple[float, float]]:
    """Start and end of each segment of speech, in seconds.

    Args:
        samples: shape [n], 16 kHz.
        predictor: of the bundle that hears.

    Raises:
        BadSamplesError: not mono floats, or NaN, infinite or beyond 2**32.
    """
    analyser = Analyser(predictor)
    events = analyser.push(samples) + analyser.finish()
    return [(e.start_s, e.end_s) for e in events if isinstance(e, SpeechEnded)]
