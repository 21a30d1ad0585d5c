"""The models: their cards, scores and licences."""

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from tonewatch.inference.bundle import Bundle, installed_bundles, load_bundle
from tonewatch.service.auth.guard import Here
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.problems import Refusal
from tonewatch.service.rest.answers import Answer, Id
from tonewatch.service.rest.describe import needs

router = APIRouter(prefix="/bundles", tags=["bundles"])


class BundleAnswer(Answer):
    """A model as it says of itself."""

    name: str = Field(examples=["voice"])
    version: str = Field(examples=["0.1"])
    sha256: str = Field(description="Names its weights and settings.")
    active: bool = Field(description="Whether this service hears with it.")
    labels: list[str] = Field(examples=[["neutral", "calm", "happy", "sad"]])
    languages: list[str] = Field(examples=[["en"]])
    licence: str = Field(examples=["CC-BY-NC-SA-4.0"])
    window_s: float = Field(examples=[3.0])
    hop_s: float = Field(examples=[1.0])
    threshold: float = Field(description="The confidence from which an estimate is certain.")
    experimental: bool = Field(description="Whether nobody may act on what it says.")
    training: dict[str, Any] = Field(description="What it learnt from, and how.")
    metrics: dict[str, Any] = Field(description="Its scores, with the protocol of each.")
    card: str = Field(description="The model card, Markdown.")


class Bundles(Answer):
    """All models that are installed, and the one that hears."""

    items: list[BundleAnswer]


@router.get("", summary="All models", **needs(Permission.BUNDLES_READ))
def list_bundles(state: Here) -> Bundles:
    active = state.predictor.bundle
    loaded = [load_bundle(name) for name in installed_bundles()]
    others = [bundle for bundle in loaded if bundle.sha256 != active.sha256]
    answers = [_answer(active, True), *(_answer(bundle, False) for bundle in others)]
    return Bundles(items=answers)


@router.get("/{name}", summary="One model", **needs(Permission.BUNDLES_READ, 404))
def get_bundle(name: Id, state: Here) -> BundleAnswer:
    active = state.predictor.bundle
    if name == active.info.name:
        return _answer(active, True)
    # Only by the names of what is installed: a path would read any file of the machine.
    if name not in installed_bundles():
        raise Refusal(404, f"no bundle {name}; GET /api/v1/bundles lists them")
    return _answer(load_bundle(name), False)


def _answer(bundle: Bundle, active: bool) -> BundleAnswer:
    info = bundle.info
    return BundleAnswer(
        name=info.name,
        version=info.version,
        sha256=bundle.sha256,
        active=active,
        labels=list(info.labels),
        languages=list(info.languages),
        licence=info.licence,
        window_s=info.window_s,
        hop_s=info.hop_s,
        threshold=info.calibration.certain_threshold,
        experimental=info.experimental,
        training=dict(info.training),
        metrics=dict(info.metrics),
        card=bundle.card,
    )
