"""What was heard, in the shape that recordings and calls share."""

from datetime import datetime

from pydantic import Field

from tonewatch.service.rest.answers import Answer

_PROBABILITIES = [{"calm": 0.1, "fearful": 0.78, "sad": 0.12}]


class EmotionAnswer(Answer):
    """An emotion, and how sure it is."""

    label: str = Field(examples=["fearful"])
    confidence: float = Field(description="Calibrated probability.", examples=[0.78])
    certain: bool = Field(description="Whether it reaches the threshold; if not, say unsure.")
    probabilities: dict[str, float] = Field(
        description="One for each label; their sum is 1.", examples=_PROBABILITIES
    )


class SpanAnswer(Answer):
    """From here to there, in seconds."""

    start_s: float = Field(examples=[4.0])
    end_s: float = Field(examples=[7.0])


class WindowAnswer(SpanAnswer, EmotionAnswer):
    """An emotion in one window."""


class BundleName(Answer):
    """The model that heard."""

    name: str = Field(examples=["voice"])
    version: str = Field(examples=["0.1"])
    sha256: str = Field(description="Names its weights and settings.")
    threshold: float = Field(description="The confidence from which an estimate is certain.")


class ResultAnswer(Answer):
    """What was heard in a recording."""

    bundle: BundleName
    detected_at: datetime
    duration_s: float = Field(examples=[30.5])
    speech_s: float = Field(examples=[21.8])
    emotion: EmotionAnswer | None = Field(description="Over all of it; null without speech.")
    timeline: list[WindowAnswer] = Field(description="Each window with an emotion, in order.")
    gaps: list[SpanAnswer] = Field(description="Each window without enough speech.")
    speech: list[SpanAnswer] = Field(description="Where there is speech.")
