"""Who sends a request, and whether they may: what routes depend on.

A session's cookie or an API key (`Authorization: Bearer tw_…`) makes a `Principal`. A route says
what it needs with `Needs(permission)`; the tests walk the routes and find it there. What changes
something under a cookie must carry the session's token, and no page of another site may send it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection

from tonewatch.core.errors import NotFoundError
from tonewatch.service.auth.permissions import PERMISSIONS, Permission
from tonewatch.service.auth.sessions import (
    CSRF_COOKIE,
    CSRF_HEADER,
    SESSION_COOKIE,
    Session,
    stamp,
)
from tonewatch.service.problems import Refusal
from tonewatch.service.state import State
from tonewatch.store.keys import ApiKey
from tonewatch.store.users import User

_BEARER = HTTPBearer(
    scheme_name="key",
    description="An API key, `tw_…`; its scopes are permissions.",
    auto_error=False,
)
_COOKIE = APIKeyCookie(
    name=SESSION_COOKIE,
    scheme_name="session",
    description=f"The cookie of POST /api/v1/session; what changes something also sends the cookie "
    f"`{CSRF_COOKIE}` back as the header `{CSRF_HEADER}`.",
    auto_error=False,
)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="tonewatch"'}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is here.

    Attributes:
        user: the person; of a key, its owner.
        key: the API key, None for a session.
        session: the session, None for a key.
        permissions: what they may: of a key, its scopes as far as its owner's role goes.
    """

    user: User
    key: ApiKey | None
    session: Session | None
    permissions: frozenset[Permission]

    @property
    def actor(self) -> str:
        """How the audit names them."""
        return self.user.name if self.key is None else f"{self.user.name} (key {self.key.prefix})"

    def may(self, permission: Permission) -> bool:
        """Whether it is among their permissions."""
        return permission in self.permissions

    def may_any(self, permissions: Collection[Permission]) -> bool:
        """Whether one of these is among them, or none is asked for."""
        return not permissions or not self.permissions.isdisjoint(permissions)


def principal_of(connection: HTTPConnection, state: State) -> Principal | None:
    """Who sends this request or WebSocket; None where nobody is signed in. It reads the store.

    Raises:
        Refusal: an API key that does not hold.
    """
    scheme, _, secret = connection.headers.get("authorization", "").partition(" ")
    if scheme.casefold() == "bearer":
        return _of_key(secret.strip(), state)
    cookie = connection.cookies.get(SESSION_COOKIE)
    return None if cookie is None else _of_cookie(cookie, state)


def again(who: Principal, state: State) -> Principal | None:
    """Who somebody is now who came in before; None where they may no longer be here.

    A revoked key, signing out, a new password and a user switched off end it. That a key or session
    has become too old does not: nobody is to be cut off in the middle of a call.
    """
    if who.session is not None:
        return _of_session(who.session, state)
    assert who.key is not None
    try:
        key, user = state.keys.get(who.key.id), state.users.get(who.user.id)
    except NotFoundError:
        return None
    return _keyed(user, key) if user.active and key.revoked_at is None else None


def is_same_origin(connection: HTTPConnection, state: State) -> bool:
    """Whether no page of another site sent it, as far as the browser says (Fetch Metadata, Origin).

    A WebSocket that is authenticated by cookie must ask this, as no token protects it.
    """
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = connection.headers.get("origin")
    if origin is None:
        return True
    host = connection.headers.get("host", "")
    return origin.rstrip("/") in {f"http://{host}", f"https://{host}", state.settings.url}


def _of_key(secret: str, state: State) -> Principal:
    key = state.keys.check(secret)
    user = None if key is None or key.user_id is None else state.users.get(key.user_id)
    if key is None or user is None or not user.active:
        raise Refusal(
            401,
            "expected an API key that holds, came one that is unknown, expired or revoked; "
            "ask an administrator for a new one",
            kind="bad_key",
            headers=_CHALLENGE,
        )
    return _keyed(user, key)


def _keyed(user: User, key: ApiKey) -> Principal:
    scopes = frozenset(scope for scope in Permission if scope in key.scopes)
    return Principal(user, key, None, scopes & PERMISSIONS[user.role])


def _of_cookie(cookie: str, state: State) -> Principal | None:
    session = state.sessions.read(cookie)
    return None if session is None else _of_session(session, state)


def _of_session(session: Session, state: State) -> Principal | None:
    if state.signed_out.holds(session.word):
        return None
    try:
        user = state.users.get(session.user_id)
    except NotFoundError:
        return None
    hashed = state.users.password_hash_of(user.name)
    if not user.active or hashed is None or stamp(hashed) != session.stamp:
        return None
    return Principal(user, None, session, PERMISSIONS[user.role])


class Needs:
    """A dependency: lets in who has the permission (or, with None, who is signed in at all)."""

    def __init__(self, permission: Permission | None) -> None:
        self.permission = permission

    def __call__(
        self,
        request: Request,
        _bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
        _cookie: Annotated[str | None, Security(_COOKIE)],
    ) -> Principal:
        state = State.of(request)
        principal = principal_of(request, state)
        if principal is None:
            raise Refusal(
                401,
                "expected a session or an API key, came none that holds; sign in at "
                "POST /api/v1/session, or send Authorization: Bearer tw_…",
                headers=_CHALLENGE,
            )
        request.state.actor = principal.actor
        if principal.session is not None and request.method not in _SAFE:
            _check_token(request, principal.session, state)
        if self.permission is not None and not principal.may(self.permission):
            raise Refusal(
                403,
                f"expected the permission {self.permission.value}, which {principal.actor} "
                "does not have; ask an administrator",
            )
        request.state.principal = principal
        return principal


def _check_token(request: Request, session: Session, state: State) -> None:
    token = request.headers.get(CSRF_HEADER, "")
    if not state.sessions.is_csrf_token(session, token) or not is_same_origin(request, state):
        raise Refusal(
            403,
            f"expected the header {CSRF_HEADER} with the value of the cookie tonewatch_csrf, "
            f"came {'another' if token else 'none'}; send it with every request that changes "
            "something",
            kind="csrf",
        )


def _principal(request: Request) -> Principal:
    principal = request.state.principal
    assert isinstance(principal, Principal), "a route with Needs only"
    return principal


Who = Annotated[Principal, Depends(_principal)]
Here = Annotated[State, Depends(State.of)]
