"""What was heard in a recording, second by second, as a value.

It does not know how it was heard, nor how it is drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tonewatch.core.events import EmotionEstimated, NoSpeech
from tonewatch.inference.smoothing import Emotion


@dataclass(frozen=True, slots=True)
class Timeline:
    """What was heard in one recording.

    Attributes:
        file: the recording, as it was named.
        duration_s: its length.
        speech_s: how much of it is speech.
        emotion: over the whole recording; None where there is too little speech.
        windows: each window with an emotion, in order; windows overlap when the hop is shorter.
        gaps: each window without enough speech.
        speech: start and end of each segment of speech, in seconds.
    """

    file: str
    duration_s: float
    speech_s: float
    emotion: Emotion | None
    windows: tuple[EmotionEstimated, ...]
    gaps: tuple[NoSpeech, ...] = ()
    speech: tuple[tuple[float, float], ...] = ()

    def spans(self) -> list[EmotionEstimated | NoSpeech]:
        """Windows and gaps together, in order."""
        both: list[EmotionEstimated | NoSpeech] = [*self.windows, *self.gaps]
        return sorted(both, key=lambda span: span.start_s)

    def to_dict(self) -> dict[str, Any]:
        """As in the JSON output: plain numbers, strings, lists and dictionaries.

        Windows without speech are not in `timeline`: a gap is not an emotion.
        """
        emotion = self.emotion
        return {
            "file": self.file,
            "duration_s": self.duration_s,
            "speech_s": self.speech_s,
            "emotion": None if emotion is None else _judgement(emotion),
            "timeline": [
                {"start_s": w.start_s, "end_s": w.end_s} | _judgement(w) for w in self.windows
            ],
        }

    def to_frame(self) -> Any:
        """A pandas DataFrame, one row a window, probabilities in columns `p_LABEL`.

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError(
                "expected pandas for Timeline.to_frame(), it is not installed; "
                "`pip install pandas`, or use Timeline.to_dict()"
            ) from error
        return pandas.DataFrame(
            [row(self.file, w) for w in self.windows],
            columns=columns(list(self.windows[0].probabilities) if self.windows else ()),
        )


_COLUMNS = ("file", "start_s", "end_s", "label", "confidence", "certain", "speech_s")


def columns(labels: Sequence[str]) -> list[str]:
    """The names of a row's values, for a bundle of these labels."""
    return [*_COLUMNS, *(f"p_{label}" for label in labels)]


def row(file: str, window: EmotionEstimated) -> dict[str, Any]:
    """One window as the row of a table, as in the CSV output."""
    plain = {name: getattr(window, name) for name in _COLUMNS[1:]}
    return {"file": file} | plain | {f"p_{k}": v for k, v in window.probabilities.items()}


def _judgement(what: Emotion | EmotionEstimated) -> dict[str, Any]:
    return {
        "label": what.label,
        "confidence": what.confidence,
        "certain": what.certain,
        "probabilities": dict(what.probabilities),
    }
