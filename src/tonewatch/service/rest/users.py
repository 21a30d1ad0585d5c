"""People: who may come in, and in which role."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import Field

from tonewatch.service.auth.guard import Here, Principal, Who
from tonewatch.service.auth.permissions import PERMISSIONS, Permission
from tonewatch.service.problems import Refusal
from tonewatch.service.rest.answers import Answer, Asked, Id
from tonewatch.service.rest.describe import needs
from tonewatch.store.users import User, UserRole

router = APIRouter(prefix="/users", tags=["users"])


class UserAnswer(Answer):
    """A person."""

    id: str = Field(examples=["u_4f1c"])
    name: str = Field(examples=["ada"])
    role: UserRole
    active: bool = Field(description="Whether they may sign in.")
    created_at: datetime


class Users(Answer):
    """All people."""

    items: list[UserAnswer]


class NewUser(Asked):
    """A person who is to come in."""

    name: str = Field(
        min_length=1,
        max_length=100,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]*$",
        description="What they sign in with.",
        examples=["ada"],
    )
    role: UserRole = UserRole.CALL_TAKER


class UserChange(Asked):
    """What is to change; what is left out stays."""

    role: UserRole | None = None
    active: bool | None = None


class Link(Answer):
    """A link that sets a password, once."""

    user: UserAnswer
    link: str = Field(
        description="Hand it over by a safe way; it is not shown again.",
        examples=["http://127.0.0.1:8765/ui/password?token=Zk3…"],
    )


@router.get("", summary="All users", **needs(Permission.USERS_MANAGE))
def list_users(state: Here) -> Users:
    return Users(items=[UserAnswer.model_validate(user) for user in state.users.list()])


@router.post(
    "",
    summary="Make a user",
    description="They set their password by the link that comes back. Of a role that may no more "
    "than you.",
    status_code=201,
    **needs(Permission.USERS_MANAGE, 400, 409, 413),
)
def create_user(asked: NewUser, who: Who, state: Here) -> Link:
    _refuse_beyond(who, asked.role)
    return _link(*state.people.add(asked.name, asked.role, who.actor))


@router.get("/{user_id}", summary="One user", **needs(Permission.USERS_MANAGE, 404))
def get_user(user_id: Id, state: Here) -> UserAnswer:
    return UserAnswer.model_validate(state.users.get(user_id))


@router.patch(
    "/{user_id}",
    summary="Change a user",
    description="Their sessions and keys follow at once. One active administrator always stays. "
    "Neither the old role nor the new may more than you.",
    **needs(Permission.USERS_MANAGE, 400, 404, 409, 413),
)
def change_user(user_id: Id, asked: UserChange, who: Who, state: Here) -> UserAnswer:
    _refuse_beyond(who, state.users.get(user_id).role, asked.role)
    changed = state.people.change(user_id, asked.role, asked.active, who.actor)
    return UserAnswer.model_validate(changed)


@router.post(
    "/{user_id}/link",
    summary="A new link to set a password",
    description="The old password holds until the link is used. For who may no more than you.",
    status_code=201,
    **needs(Permission.USERS_MANAGE, 404),
)
def new_link(user_id: Id, who: Who, state: Here) -> Link:
    _refuse_beyond(who, state.users.get(user_id).role)
    return _link(*state.people.new_link(user_id, who.actor))


def _refuse_beyond(who: Principal, *roles: UserRole | None) -> None:
    """Nobody makes themselves or another into more than they are; a key may less than its owner."""
    for role in roles:
        if role is not None and not PERMISSIONS[role] <= who.permissions:
            raise Refusal(
                403,
                f"expected a role that may no more than {who.actor}, came {role.value}; sign in as "
                "an administrator, or use a key with all scopes of the role",
            )


def _link(user: User, address: str) -> Link:
    return Link(user=UserAnswer.model_validate(user), link=address)
