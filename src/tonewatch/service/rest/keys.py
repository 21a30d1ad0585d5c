"""API keys: how other programs come in."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import Field

from tonewatch.service.auth.guard import Here, Who
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.problems import Refusal
from tonewatch.service.rest.answers import TEXT, Answer, Asked, Id, Moment
from tonewatch.service.rest.describe import needs

router = APIRouter(prefix="/keys", tags=["keys"])


class KeyAnswer(Answer):
    """A key, without its secret."""

    id: str = Field(examples=["k_91ac"])
    name: str = Field(examples=["telephone exchange"])
    prefix: str = Field(description="How its secret begins, after `tw_`.", examples=["5f2a"])
    scopes: list[str] = Field(examples=[["calls:live"]])
    user_id: str | None = Field(description="Its owner: it may no more than they may.")
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class Keys(Answer):
    """All keys, revoked ones too."""

    items: list[KeyAnswer]


class NewKey(Asked):
    """A key that is to be made; it will be its maker's."""

    name: str = Field(min_length=1, max_length=100, pattern=TEXT, examples=["telephone exchange"])
    scopes: list[Permission] = Field(min_length=1, max_length=50, examples=[["calls:live"]])
    expires_at: Moment | None = Field(default=None, description="When it ends; null is never.")


class Made(Answer):
    """A new key, with its secret."""

    key: KeyAnswer
    secret: str = Field(
        description="For `Authorization: Bearer`; it is not shown again.", examples=["tw_5f2a_…"]
    )


@router.get("", summary="All keys", **needs(Permission.KEYS_MANAGE))
def list_keys(state: Here) -> Keys:
    return Keys(items=[KeyAnswer.model_validate(key) for key in state.keys.list()])


@router.post("", summary="Make a key", status_code=201, **needs(Permission.KEYS_MANAGE, 400, 413))
def create_key(asked: NewKey, who: Who, state: Here) -> Made:
    scopes = sorted(set(asked.scopes))
    if beyond := [scope for scope in scopes if not who.may(scope)]:
        raise Refusal(403, f"expected scopes that you have yourself, came {', '.join(beyond)}")
    with state.database.begin():
        key, secret = state.keys.create(asked.name, scopes, who.user.id, asked.expires_at)
        state.audit.append(
            who.actor, "key.created", f"key:{key.id}", {"name": key.name, "scopes": scopes}
        )
    return Made(key=KeyAnswer.model_validate(key), secret=secret)


@router.delete(
    "/{key_id}",
    summary="Revoke a key",
    description="At once and for good.",
    status_code=204,
    **needs(Permission.KEYS_MANAGE, 404),
)
def revoke_key(key_id: Id, who: Who, state: Here) -> None:
    with state.database.begin():
        state.keys.revoke(key_id)
        state.audit.append(who.actor, "key.revoked", f"key:{key_id}", {})
