"""The Studio: record a corpus of one's own in the browser. What is spoken, and who agreed.

What is kept lies in `studio` below the data folder, as `tonewatch record` writes it; a
`prompts.toml` there takes the place of the usual sentences. The audit names speakers by their
numbers and takes by their names, which tell no person.
"""

from datetime import UTC
from typing import Annotated, Literal

from fastapi import APIRouter
from fastapi import Path as InPath
from pydantic import Field

from tonewatch.core.labels import Sex
from tonewatch.corpora.quality import LIMITS
from tonewatch.corpora.studio import Consent, Speaker
from tonewatch.service.auth.guard import Here, Who
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.problems import Refusal
from tonewatch.service.rest.answers import TEXT, Answer, Asked
from tonewatch.service.rest.describe import needs
from tonewatch.service.state import State
from tonewatch.service.studio import collection_of, forget, prompts_of

router = APIRouter(prefix="/studio", tags=["studio"])

NUMBER = r"^[0-9]{2,6}$"
SpeakerNumber = Annotated[str, InPath(pattern=NUMBER, description="Their number.")]


class LimitsAnswer(Answer):
    """From where on a take is worth another try."""

    quietest_dbfs: float = Field(examples=[-38.0])
    loudest_dbfs: float = Field(examples=[-6.0])
    least_snr_db: float = Field(examples=[15.0])
    most_clipping: float = Field(examples=[0.0005])
    shortest_s: float = Field(examples=[0.7])
    longest_s: float = Field(examples=[12.0])
    least_speech_s: float = Field(examples=[0.4])


class PromptsAnswer(Answer):
    """What is to be spoken and how, and what every speaker agrees to first."""

    sentences: list[str] = Field(examples=[["We need an ambulance as soon as possible."]])
    states: list[str] = Field(examples=[["angry", "drunk", "painful", "stressful"]])
    language: str = Field(description="ISO 639-1 code, or empty.", examples=["en"])
    consent: str = Field(description="The text to show.")
    limits: LimitsAnswer


class NewSpeaker(Asked):
    """Somebody who agrees; they get a number."""

    agreed: Literal[True] = Field(description="They have read the text, and agree.")
    consent: str = Field(
        max_length=5_000, pattern=TEXT, description="The text that was shown, as `prompts` has it."
    )
    sex: Sex | None = Field(default=None, description="If they tell.", examples=["female"])
    language: str = Field(
        default="", max_length=20, pattern=r"^[A-Za-z-]*$", description="What they speak."
    )
    age: str = Field(
        default="", max_length=20, pattern=r"^[0-9 +-]*$", description="If they tell, as 30-39."
    )


class SpeakerAnswer(Answer):
    """Somebody who agreed."""

    number: str = Field(examples=["07"])
    sex: Sex | None
    language: str = Field(examples=["en"])
    age: str = Field(examples=["30-39"])
    agreed_at: str = Field(description="When.", examples=["2026-01-02T03:04:05+00:00"])
    consent: str = Field(description="The text that they agreed to.")
    takes: int = Field(description="How many of theirs are kept.", examples=[16])


class Speakers(Answer):
    """All who agreed."""

    items: list[SpeakerAnswer]


@router.get("/prompts", summary="What is to be spoken", **needs(Permission.STUDIO_USE))
def get_prompts(state: Here) -> PromptsAnswer:
    prompts = prompts_of(state)
    return PromptsAnswer(
        sentences=list(prompts.sentences),
        states=list(prompts.states),
        language=prompts.language,
        consent=prompts.consent,
        limits=LimitsAnswer.model_validate(LIMITS),
    )


@router.get("/speakers", summary="All speakers who agreed", **needs(Permission.STUDIO_USE))
def list_speakers(state: Here) -> Speakers:
    collection = collection_of(state)
    takes = [row.speaker for row in collection.takes()]
    return Speakers(items=[_speaker(who, takes.count(who.number)) for who in collection.speakers()])


@router.post(
    "/speakers",
    summary="Keep a speaker's consent",
    description="Comes before any take: without it nothing is kept.",
    status_code=201,
    **needs(Permission.STUDIO_USE, 400, 409, 413),
)
def add_speaker(asked: NewSpeaker, who: Who, state: Here) -> SpeakerAnswer:
    refuse_without_audio(state)
    prompts = prompts_of(state)
    if asked.consent.strip() != prompts.consent.strip():
        raise Refusal(
            409, "expected the text of consent of now, came another; load it and ask anew"
        )
    consent = Consent(prompts.consent, state.clock().astimezone(UTC))
    details = {"sex": asked.sex, "language": asked.language or prompts.language, "age": asked.age}
    speaker = collection_of(state).admit(consent, details)
    state.audit.append(who.actor, "studio.agreed", f"speaker:{speaker.number}", {})
    return _speaker(speaker, 0)


@router.delete(
    "/speakers/{speaker}",
    summary="Forget a speaker",
    description="Their consent and all their takes, for good, as they may ask.",
    status_code=204,
    **needs(Permission.STUDIO_USE, 404),
)
def forget_speaker(speaker: SpeakerNumber, who: Who, state: Here) -> None:
    forget(state, speaker, who.actor)


def _speaker(who: Speaker, takes: int) -> SpeakerAnswer:
    return SpeakerAnswer(
        number=who.number,
        sex=who.sex,
        language=who.language,
        age=who.age,
        agreed_at=who.consent.given_at.isoformat(timespec="seconds"),
        consent=who.consent.text,
        takes=takes,
    )


def refuse_without_audio(state: State) -> None:
    """Stop here where the service is set to keep no audio.

    Raises:
        Refusal: it is.
    """
    if state.settings.keep_audio == "none":
        raise Refusal(
            409,
            "expected a service that keeps audio, this one is set not to "
            "(TONEWATCH_KEEP_AUDIO=none); record with `tonewatch record` instead",
            kind="no_audio",
        )
