"""How routes describe themselves in OpenAPI: what they need, and every way they may refuse.

The text of an answer's description is here, once for each status, so that all routes tell the same.
"""

from typing import Any

from fastapi import Depends

from tonewatch.service.auth.guard import Needs
from tonewatch.service.auth.permissions import MEANINGS, Permission
from tonewatch.service.problems import MEDIA_TYPE

API = "/api/v1"

_REFUSALS = {
    400: "The body cannot be read.",
    401: "Nobody is signed in, or the key does not hold.",
    403: "The permission is missing, or the token against forged requests.",
    404: "There is no such thing.",
    409: "It contradicts what is there.",
    413: "The body is larger than the service takes.",
    416: "No byte of the range is there.",
    422: "The input does not fit; `errors` says where.",
    429: "Too many tries; `Retry-After` says how many seconds to wait.",
    503: "The database or the model is away; try again.",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may refuse with these."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": _REFUSALS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted(statuses)
    }


def open_to_all(*statuses: int, **more: Any) -> dict[str, Any]:
    """The arguments of a route that needs nobody to be signed in."""
    responses = refusals(*statuses, 503) | more.pop("responses", {})
    return {"responses": responses, **more}


def tell_permission(operation: dict[str, Any]) -> None:
    """Put what an operation of OpenAPI needs into its description."""
    if "x-permission" in operation:
        permission = Permission(operation["x-permission"])
        needed = f"Needs `{permission.value}`: {MEANINGS[permission]}."
        operation["description"] = " ".join([operation.get("description", ""), needed]).strip()


def needs(permission: Permission | None, *statuses: int, **more: Any) -> dict[str, Any]:
    """The arguments of a route that needs a permission, or (None) somebody signed in.

    Args:
        permission: what it needs.
        statuses: how it may refuse, beside 401, 403, 422 and 503.
        more: further arguments of the route.
    """
    responses = refusals(401, 403, 422, 503, *statuses) | more.pop("responses", {})
    extra = more.pop("openapi_extra", {})
    if permission is not None:
        extra = {"x-permission": permission.value} | extra
    return {
        "responses": responses,
        "dependencies": [Depends(Needs(permission))],
        "openapi_extra": extra or None,
        **more,
    }
