"""Signing in and out, who is here, and setting a password: by a one-time link, or one's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from tonewatch.core.errors import NotFoundError
from tonewatch.service.auth.guard import Here, Principal, Who, is_same_origin
from tonewatch.service.auth.passwords import (
    MAX_LENGTH,
    MIN_LENGTH,
    hash_password,
    is_password,
)
from tonewatch.service.auth.permissions import PERMISSIONS
from tonewatch.service.auth.sessions import CSRF_COOKIE, SESSION_COOKIE
from tonewatch.service.problems import Refusal
from tonewatch.service.rest.answers import TEXT, Answer, Asked
from tonewatch.service.rest.describe import needs, open_to_all
from tonewatch.service.state import SYSTEM, State
from tonewatch.store.users import User, UserRole

router = APIRouter(prefix="/session", tags=["session"])


class SignIn(Asked):
    """A name and its password."""

    name: str = Field(min_length=1, max_length=100, pattern=TEXT, examples=["admin"])
    password: str = Field(
        min_length=1, max_length=MAX_LENGTH, pattern=TEXT, examples=["correct horse battery"]
    )


class NewPassword(Asked):
    """A one-time token, and the password that it sets."""

    token: str = Field(
        min_length=1, max_length=200, pattern=TEXT, description="From the link.", examples=["Zk3…"]
    )
    password: str = Field(
        min_length=MIN_LENGTH,
        max_length=MAX_LENGTH,
        pattern=TEXT,
        examples=["correct horse battery"],
    )


class ChangedPassword(Asked):
    """One's own password, and the one that is to replace it."""

    old: str = Field(
        min_length=1, max_length=MAX_LENGTH, pattern=TEXT, examples=["correct horse battery"]
    )
    new: str = Field(
        min_length=MIN_LENGTH, max_length=MAX_LENGTH, pattern=TEXT, examples=["staple and paper"]
    )


class Me(Answer):
    """Who is signed in."""

    id: str = Field(description="The user.", examples=["u_4f1c"])
    name: str = Field(examples=["admin"])
    role: UserRole
    by: Literal["session", "key"] = Field(description="How they came in.")
    permissions: list[str] = Field(description="What they may.", examples=[["calls:read"]])
    csrf_token: str | None = Field(
        description="What goes into the header X-CSRF-Token; null for a key."
    )


@router.post(
    "",
    summary="Sign in",
    description="Sets the session's cookie and the token that goes with it.",
    **open_to_all(400, 401, 403, 413, 422, 429),
)
def sign_in(asked: SignIn, request: Request, response: Response, state: Here) -> Me:
    _refuse_other_sites(request, state)
    address = request.client.host if request.client else ""
    with _turn(state, asked.name, address):
        user = state.users.by_name(asked.name)
        known = user is not None and user.active
        hashed = state.users.password_hash_of(asked.name) if known else None
        fits = is_password(asked.password, hashed)
        _count(state, asked.name, address, fits)
    if not fits or user is None or hashed is None:
        state.metrics.refused.labels("password").inc()
        # A name that nobody has may be a password in the wrong field.
        whom = SYSTEM if user is None else user.name
        state.audit.append(whom, "session.refused", "session", {"address": address})
        raise Refusal(
            401,
            "expected a name and its password, came a pair that does not fit; "
            "ask an administrator for a link to set a new one",
            kind="bad_password",
        )
    return _begin(state, user, hashed, request, response)


@router.get("", summary="Who is signed in", **needs(None))
def who_is_here(who: Who, state: Here) -> Me:
    return _me(who, state)


@router.delete(
    "",
    summary="Sign out",
    description="Ends the session for good; a key has none to end.",
    status_code=204,
    **needs(None, 409),
)
def sign_out(who: Who, response: Response, state: Here) -> None:
    if who.session is None:
        raise Refusal(409, "expected a session to end, came an API key; revoke the key instead")
    state.signed_out.add(who.session.word)
    state.audit.append(who.actor, "session.ended", "session", {})
    for name in (SESSION_COOKIE, CSRF_COOKIE):
        response.delete_cookie(name, path="/")


@router.post(
    "/password",
    summary="Set a password by a one-time link",
    description="Ends all other sessions of that user, and signs in.",
    **open_to_all(400, 401, 403, 413, 422, 429),
)
def set_password(
    asked: NewPassword,
    request: Request,
    response: Response,
    state: Here,
) -> Me:
    _refuse_other_sites(request, state)
    address = request.client.host if request.client else ""
    try:
        with _turn(state, "", address):
            state.links.peek(asked.token, "password")  # which is cheap, and hashing is not
            hashed = hash_password(asked.password)
        with state.database.begin():
            user = state.links.use(asked.token, "password")
            state.users.set_password(user.id, hashed)
            state.audit.append(
                user.name, "user.password_set", f"user:{user.id}", {"address": address}
            )
    except NotFoundError as error:
        state.throttle.failed("", address)
        state.metrics.refused.labels("token").inc()
        raise Refusal(
            401,
            "expected a link that was not used yet, came one that was, is over, or never was; "
            "ask an administrator for a new one",
            kind="bad_token",
        ) from error
    state.setup_link = ""
    return _begin(state, user, hashed, request, response)


@router.put(
    "/password",
    summary="Change one's own password",
    description="Ends all other sessions of that user, and links that were not used yet; this "
    "session goes on with new cookies.",
    **needs(None, 400, 409, 413, 429),
)
def change_password(
    asked: ChangedPassword,
    who: Who,
    request: Request,
    response: Response,
    state: Here,
) -> Me:
    if who.session is None:
        raise Refusal(409, "expected a session, came an API key, which has no password")
    name, address = who.user.name, request.client.host if request.client else ""
    with _turn(state, name, address):
        fits = is_password(asked.old, state.users.password_hash_of(name))
        hashed = hash_password(asked.new) if fits else ""
        _count(state, name, address, fits)
    if not fits:
        state.metrics.refused.labels("password").inc()
        state.audit.append(who.actor, "session.refused", "session", {"address": address})
        raise Refusal(
            403,
            "expected your password of now, came another; without it, ask an administrator for a "
            "link to set a new one",
            kind="bad_password",
        )
    with state.database.begin():
        # Somebody else may hold one. Links come before their user, as where one is used.
        state.links.end(who.user.id, "password")
        state.users.set_password(who.user.id, hashed)
        state.audit.append(
            who.actor, "user.password_set", f"user:{who.user.id}", {"address": address}
        )
    return _begin(state, who.user, hashed, request, response)


def _refuse_other_sites(request: Request, state: State) -> None:
    """Nobody may be signed in by a page of another site, under a name that they do not know."""
    if not is_same_origin(request, state):
        raise Refusal(403, "expected a request of this site, came one of another", kind="csrf")


@contextmanager
def _turn(state: State, name: str, address: str) -> Iterator[None]:
    """One try at a password, of few at once."""
    _refuse_too_many(state, name, address)
    with state.throttle.few:
        _refuse_too_many(state, name, address)  # again, as those before this one are counted now
        yield


def _refuse_too_many(state: State, name: str, address: str) -> None:
    wait_s = state.throttle.wait_s(name, address)
    if wait_s > 0:
        state.metrics.refused.labels("throttled").inc()
        raise Refusal(
            429,
            f"expected fewer wrong tries, came too many; wait {wait_s:.0f} s",
            headers={"Retry-After": str(max(1, round(wait_s)))},
        )


def _count(state: State, name: str, address: str, fits: bool) -> None:
    (state.throttle.succeeded if fits else state.throttle.failed)(name, address)


def _begin(state: State, user: User, hashed: str, request: Request, response: Response) -> Me:
    """Start a session: its cookies on the answer, its beginning in the audit."""
    session, cookie = state.sessions.begin(user.id, hashed)
    secure = state.settings.url.startswith("https:") or request.url.scheme == "https"
    age_s = round(state.sessions.lasts.total_seconds())
    token = state.sessions.csrf_token(session)
    for name, value, hidden in ((SESSION_COOKIE, cookie, True), (CSRF_COOKIE, token, False)):
        response.set_cookie(
            name, value, max_age=age_s, path="/", secure=secure, httponly=hidden, samesite="lax"
        )
    address = request.client.host if request.client else ""
    state.audit.append(user.name, "session.begun", "session", {"address": address})
    return _me(Principal(user, None, session, PERMISSIONS[user.role]), state)


def _me(who: Principal, state: State) -> Me:
    return Me(
        id=who.user.id,
        name=who.user.name,
        role=who.user.role,
        by="key" if who.session is None else "session",
        permissions=sorted(who.permissions),
        csrf_token=None if who.session is None else state.sessions.csrf_token(who.session),
    )
