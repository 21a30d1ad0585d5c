"""How grave a text is, by its words alone."""

from functools import cache

from fastapi import APIRouter
from pydantic import Field

from tonewatch.service.auth.guard import Here
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.problems import Refusal
from tonewatch.service.rest.answers import TEXT, Answer, Asked
from tonewatch.service.rest.describe import needs
from tonewatch.triage.gravity import Gravity, Judge

router = APIRouter(prefix="/gravity", tags=["triage"])


class Text(Asked):
    """What somebody said or wrote."""

    text: str = Field(
        min_length=1,
        max_length=20_000,
        pattern=TEXT,
        description="A sentence or a transcript, in English or German.",
        examples=["there is a fire in the kitchen"],
    )


class MatchAnswer(Answer):
    """A phrase that stands in the text."""

    text: str = Field(examples=["fire"])
    start: int = Field(description="Index of its first character.", examples=[11])
    end: int = Field(description="Index after its last.", examples=[15])
    kind: str = Field(examples=["emergency"])
    about: str = Field(examples=["fire"])
    negated: bool = Field(description="Whether a word of negation stands before it.")


class GravityAnswer(Answer):
    """How grave a text is."""

    gravity: Gravity
    probabilities: dict[str, float] = Field(examples=[{"High": 0.8, "Medium": 0.15, "Low": 0.05}])
    matched: list[MatchAnswer]
    emotion: str | None = Field(description="In the words; null where few are known.")


@router.post(
    "",
    summary="Judge how grave a text is",
    description="Nothing of it is kept.",
    **needs(Permission.CALLS_READ, 400, 409, 413),
)
def judge(asked: Text, state: Here) -> GravityAnswer:
    if not state.triage_on:
        raise Refusal(
            409, "expected scoring to be on, it is switched off; switch it on", kind="model_off"
        )
    found = _judge().judge(asked.text)
    if found is None:
        raise Refusal(422, "expected a text with a word in it, came none", kind="invalid")
    return GravityAnswer.model_validate(found.to_dict())


@cache
def _judge() -> Judge:
    return Judge()
