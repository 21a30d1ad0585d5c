"""Is it alive, is it ready, and what Prometheus reads. Nothing here tells of a person or a call."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import Field

from tonewatch.service.auth.guard import Here
from tonewatch.service.metrics import CONTENT_TYPE
from tonewatch.service.problems import Refusal
from tonewatch.service.rest.answers import Answer
from tonewatch.service.rest.describe import refusals

router = APIRouter(tags=["health"])


class Alive(Answer):
    """The process runs."""

    status: Literal["ok"] = "ok"


class Ready(Answer):
    """All that requests need is there."""

    status: Literal["ready"] = "ready"
    bundle: str = Field(description="The model that hears.", examples=["voice"])
    model_on: bool = Field(description="Whether it is switched on.")


@router.get("/healthz", summary="Whether the process runs")
async def alive() -> Alive:
    return Alive()


@router.get(
    "/readyz",
    summary="Whether requests can be answered",
    description="Asks the database, and that the service is not about to stop.",
    responses=refusals(503),
)
def ready(state: Here) -> Ready:
    if state.draining:
        raise Refusal(503, "expected a running service, it is stopping", kind="draining")
    state.database.ping()
    return Ready(bundle=state.bundle["name"], model_on=state.model_on)


@router.get(
    "/metrics",
    summary="What Prometheus reads",
    response_class=Response,
    responses={200: {"description": "Metrics.", "content": {"text/plain": {}}}},
)
def metrics(state: Here) -> Response:
    return Response(state.metrics.page(), headers={"Content-Type": CONTENT_TYPE})
