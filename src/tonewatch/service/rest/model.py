"""The model's switch: off, nothing is heard, and what was heard before stays."""

from fastapi import APIRouter
from pydantic import Field

from tonewatch.service.auth.guard import Here, Who
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.rest.answers import Answer, Asked
from tonewatch.service.rest.describe import needs

router = APIRouter(prefix="/model", tags=["model"])


class Switch(Asked):
    """Which way to switch."""

    on: bool = Field(examples=[False])


class Model(Answer):
    """The model that hears, and whether it does."""

    on: bool
    name: str = Field(description="The bundle.", examples=["voice"])
    version: str = Field(examples=["0.1"])
    sha256: str = Field(description="Names its weights and settings.")
    threshold: float = Field(description="The confidence from which an estimate is certain.")


@router.get("", summary="The model, and whether it is on", **needs(Permission.BUNDLES_READ))
def get_model(state: Here) -> Model:
    return Model(on=state.model_on, **state.bundle)


@router.put("", summary="Switch the model on or off", **needs(Permission.MODEL_SWITCH, 400, 413))
def put_model(asked: Switch, who: Who, state: Here) -> Model:
    state.switch_model(asked.on, who.actor)
    return Model(on=asked.on, **state.bundle)
