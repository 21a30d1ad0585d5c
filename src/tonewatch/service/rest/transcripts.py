"""What was said in calls."""

from fastapi import APIRouter
from pydantic import Field

from tonewatch.service.auth.guard import Here
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.rest.answers import Answer, Id
from tonewatch.service.rest.describe import needs
from tonewatch.store.transcripts import Transcribed

router = APIRouter(prefix="/calls", tags=["calls"])


class WordAnswer(Answer):
    """A recognised word."""

    text: str = Field(examples=["breathing"])
    start_s: float = Field(examples=[4.1])
    end_s: float = Field(examples=[4.6])
    confidence: float = Field(description="The recogniser's own, from 0 to 1.", examples=[0.83])


class UtteranceAnswer(Answer):
    """What was said in one go."""

    channel: int = Field(examples=[0])
    start_s: float = Field(examples=[3.2])
    end_s: float = Field(examples=[5.0])
    text: str = Field(examples=["he is not breathing"])
    words: list[WordAnswer]
    recognised: bool = Field(description="False where no recogniser was free for this speech.")


class SpottedAnswer(Answer):
    """A phrase of an emergency that was spotted in the sound; some are false alarms."""

    channel: int = Field(examples=[0])
    start_s: float = Field(examples=[3.9])
    end_s: float = Field(examples=[4.8])
    phrase: str = Field(examples=["not breathing"])


class TranscriptAnswer(Answer):
    """What was said in a call, in order."""

    transcript: Transcribed = Field(description="How much of its speech was written down.")
    utterances: list[UtteranceAnswer]
    spotted: list[SpottedAnswer] = Field(description="Beside what was written down of them.")


@router.get(
    "/{call_id}/transcript",
    summary="What was said in a call",
    description="As a recogniser wrote it down; of a live call, until now.",
    **needs(Permission.CALLS_READ, 404),
)
def get_transcript(call_id: Id, state: Here) -> TranscriptAnswer:
    said = state.transcripts.of(call_id)
    return TranscriptAnswer(
        transcript=state.transcripts.how_much([call_id])[call_id],
        utterances=[UtteranceAnswer.model_validate(each) for each in said],
        spotted=[SpottedAnswer.model_validate(each) for each in state.transcripts.spotted(call_id)],
    )
