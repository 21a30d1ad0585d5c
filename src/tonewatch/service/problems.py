"""Problem details for HTTP (RFC 9457): the one shape of every error that leaves the service.

`type` is a URN with the machine word of the error, `status` repeats the HTTP status, `detail` says
what was expected, what came and what to do. `errors` lists what is wrong in the input, `request_id`
finds the request in the log. It knows which of our errors is whose fault; it logs nothing but the
errors that are ours.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from tonewatch.core.errors import (
    AudioError,
    BundleError,
    ConflictError,
    NotFoundError,
    SettingsError,
    StoppingError,
    StoreError,
    TonewatchError,
    UnavailableError,
    UnfitError,
)

MEDIA_TYPE = "application/problem+json"
_URN = "urn:tonewatch:problem:"

# The first class that fits counts, so the narrower stand above.
_STATUS: tuple[tuple[type[TonewatchError], int], ...] = (
    (NotFoundError, 404),
    (ConflictError, 409),
    (UnavailableError, 503),
    (UnfitError, 422),
    (StoppingError, 503),
    (AudioError, 422),
    (SettingsError, 422),
    (BundleError, 503),
    (TonewatchError, 500),
)

_KINDS = {
    400: "bad_request",
    401: "not_signed_in",
    403: "not_allowed",
    404: "no_such",
    405: "method",
    409: "conflict",
    413: "too_large",
    416: "range",
    422: "invalid",
    429: "too_often",
    500: "internal",
    503: "unavailable",
}


_DETAILS = {
    404: "expected an address of this service, came {request.url.path}; "
    "/api/v1/openapi.json lists them all",
    405: "expected another method, came {request.method}; the header Allow lists them",
    400: "expected a body that can be read, came one that cannot; "
    "send JSON, or for an upload a form",
}


AWAY = "expected an answer of the database, came none; try again later, the log tells why"
"""Instead of the database's own words: they name its host, and whoever asks may be a stranger."""


class Refusal(HTTPException):
    """A request that is refused, with the machine word of why.

    Args:
        status: the HTTP status.
        detail: what was expected, what came, what to do.
        kind: the machine word; the status's own by default.
        headers: further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, headers)
        self.kind = kind


class InputError(BaseModel):
    """One thing that is wrong in the input."""

    where: str = Field(description="Where it stands, as `body.name` or `query.page`.")
    message: str = Field(description="What is wrong with it.")


class Problem(BaseModel):
    """An error, as RFC 9457 shapes it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": f"{_URN}no_such",
                    "title": "Not Found",
                    "status": 404,
                    "detail": "no recording 17",
                    "request_id": "2f1c0d6e",
                }
            ]
        }
    )

    type: str = Field(description="A URN that ends with the machine word of the error.")
    title: str = Field(description="The name of the status.")
    status: int = Field(description="The HTTP status.", ge=400, le=599)
    detail: str = Field(description="What was expected, what came, and what to do.")
    request_id: str = Field(description="Finds this request in the log.")
    errors: list[InputError] | None = Field(
        default=None, description="What is wrong in the input, one by one."
    )


def respond(
    request: Request,
    status: int,
    detail: str,
    *,
    kind: str = "",
    errors: list[InputError] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The answer that tells a problem."""
    problem = Problem(
        type=_URN + (kind or _KINDS.get(status, "other")),
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        request_id=getattr(request.state, "request_id", ""),
        errors=errors,
    )
    return JSONResponse(
        problem.model_dump(exclude_none=True), status, dict(headers or {}), MEDIA_TYPE
    )


def install(app: FastAPI) -> None:
    """Answer every error of the application with problem details."""
    log = structlog.get_logger("tonewatch.service")

    async def http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        kind = getattr(error, "kind", "")
        detail = str(error.detail)
        if not isinstance(error, Refusal):  # the framework's own say no more than the status
            detail = _DETAILS.get(error.status_code, detail).format(request=request)
        return respond(request, error.status_code, detail, kind=kind, headers=error.headers)

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        errors = [_input_error(each) for each in error.errors()]
        detail = "; ".join(f"{each.where}: {each.message}" for each in errors)
        return respond(request, 422, detail or "the input does not fit", errors=errors)

    async def ours(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, TonewatchError)
        status = next(status for kind, status in _STATUS if isinstance(error, kind))
        if status >= 500:
            log.error("failed", kind=error.kind, error=str(error), path=request.url.path)
        away = isinstance(error, UnavailableError) or type(error) is StoreError
        detail = AWAY if away else str(error)
        return respond(request, status, detail, kind=error.kind)

    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(TonewatchError, ours)


def _input_error(error: Mapping[str, Any]) -> InputError:
    where = ".".join(str(part) for part in error.get("loc", ()))
    return InputError(where=where, message=str(error.get("msg", "")))
