"""Each route with each role and with none: walks what is there, and asks for real."""

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from service.running import Service
from tonewatch.service.auth.guard import Needs
from tonewatch.service.auth.permissions import MEANINGS, PERMISSIONS, Permission
from tonewatch.store.users import UserRole

OPEN = {
    ("GET", "/"),  # leads to the dashboard
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("POST", "/api/v1/session"),
    ("POST", "/api/v1/session/password"),
}
P = Permission
TAKES_CALLS = {
    P.CALLS_READ, P.CALLS_LIVE, P.CALLS_NOTE, P.RECORDINGS_READ, P.RECORDINGS_WRITE, P.BUNDLES_READ,
    P.POLICY_READ,
}  # fmt: skip
# Said a second time, so that nobody is given more by a slip.
ALLOWED = {
    UserRole.CALL_TAKER: TAKES_CALLS,
    UserRole.SUPERVISOR: TAKES_CALLS
    | {
        P.CALLS_EXPORT,
        P.CALLS_HOLD,
        P.RECORDINGS_DELETE,
        P.MODEL_SWITCH,
        P.POLICY_CHANGE,
        P.AUDIT_READ,
    },
    UserRole.RESEARCHER: {
        P.CALLS_READ,
        P.CALLS_EXPORT,
        P.RECORDINGS_READ,
        P.RECORDINGS_WRITE,
        P.RECORDINGS_DELETE,
        P.BUNDLES_READ,
        P.POLICY_READ,
        P.STUDIO_USE,
    },
    UserRole.ADMINISTRATOR: set(Permission),
}


def routes(service: Service) -> list[tuple[str, str, list[Needs]]]:
    """Method, path and what it needs, of every route of REST."""
    found = []
    for context in iter_route_contexts(service.app.routes):
        if isinstance(context.original_route, APIRoute):
            calls = [each.call for each in context.dependant.dependencies]
            needed = [call for call in calls if isinstance(call, Needs)]
            found += [(method, str(context.path), needed) for method in context.methods or ()]
    return found


def ask(client: object, method: str, path: str) -> int:
    for name in ("recording_id", "call_id", "user_id", "key_id", "name", "speaker", "take_id"):
        path = path.replace(f"{{{name}}}", "none")
    assert "{" not in path
    return int(client.request(method, path).status_code)  # type: ignore[attr-defined]


def test_every_route_is_open_on_purpose_or_needs_something(service: Service) -> None:
    found = routes(service)
    assert len(found) > 35
    assert {(method, path) for method, path, needed in found if not needed} == OPEN
    assert all(len(needed) <= 1 for _, _, needed in found)


def test_roles_may_what_they_are_meant_to() -> None:
    assert ALLOWED == PERMISSIONS
    assert set(MEANINGS) == set(Permission)


def test_every_permission_is_needed_by_a_route(service: Service) -> None:
    needed = {each.permission for _, _, needed in routes(service) for each in needed}
    assert set(Permission) - needed <= {Permission.CALLS_LIVE}, "of the WebSocket"


def test_with_nobody_signed_in(service: Service) -> None:
    client = service.client()
    for method, path, needed in routes(service):
        status = ask(client, method, path)
        assert (status == 401) == bool(needed), (method, path, status)


@pytest.mark.parametrize("role", UserRole)
def test_with_each_role(service: Service, role: UserRole) -> None:
    client = service.keyed(role)
    for method, path, needed in routes(service):
        if not needed:
            continue
        permission = needed[0].permission
        status = ask(client, method, path)
        assert status != 401, (method, path)
        may = permission is None or permission in PERMISSIONS[role]
        assert (status != 403) == may, (method, path, status)
        assert status < 500, (method, path, status)


def test_a_key_may_no_more_than_its_scopes(service: Service) -> None:
    client = service.keyed(UserRole.ADMINISTRATOR, Permission.CALLS_READ)
    assert client.get("/api/v1/calls").status_code == 200
    assert client.get("/api/v1/recordings").status_code == 403
    assert client.get("/api/v1/session").json()["permissions"] == ["calls:read"]
