"""People: make them, give them a role, a link for their password, let them in or not."""

from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard.parts import (
    Field,
    Loaded,
    button,
    confirm,
    moment,
    once,
    panel,
    table,
    tag,
)
from tonewatch.service.dashboard.visit import Visit
from tonewatch.store.users import User, UserRole


def users(visit: Visit) -> None:
    """The part."""
    texts, people = visit.texts, visit.state.people
    roles = {role.value: texts(f"role.{role.value}") for role in UserRole}
    secret = tag("div", classes="once-place")

    def tell(user: User, address: str) -> None:
        secret.clear()
        with secret:
            once(visit, texts("users.link_for", name=user.name), address)

    with panel(texts("users.new"), note=texts("users.new_note")), tag("div", classes="form-line"):
        name = Field(texts("users.name"), maxlength=64, autocapitalize="none")
        role = Field(texts("users.role"), UserRole.CALL_TAKER.value, choices=roles)

        @visit.safely
        async def add() -> None:
            if not name.value.strip():
                visit.say(texts("users.name_missing"), True)
                return
            wanted = (name.value.strip(), UserRole(role.value))
            made = await visit.run(Permission.USERS_MANAGE, people.add, *wanted, visit.actor)
            name.clear()
            tell(*made)
            await loaded.refresh()

        button(texts("users.add"), add, "primary")

    async def get() -> tuple[User, ...]:
        return await visit.run(Permission.USERS_MANAGE, visit.state.users.list)

    def show(found: tuple[User, ...]) -> None:
        heads = [texts(f"users.{head}") for head in ("name", "role", "state", "since")]
        _, row = table(texts("admin.users"), [*heads, ""])
        for user in found:
            with row():
                _row(user)

    def _row(user: User) -> None:
        async def set_role(value: str) -> None:
            await apply(user, UserRole(value), None)

        async def flip() -> None:
            await apply(user, None, not user.active)

        async def ask() -> None:
            if user.active:
                title = texts("users.lock_title", name=user.name)
                confirm(visit, title, texts("users.lock_note"), texts("users.lock"), flip)
            else:
                await flip()

        @visit.safely
        async def new_link() -> None:
            tell(*await visit.run(Permission.USERS_MANAGE, people.new_link, user.id, visit.actor))

        tag("th", user.name, "breakable", scope="row")
        with tag("td"):
            Field(
                texts("users.role_of", name=user.name),
                user.role.value,
                choices=roles,
                on_change=set_role,
                hidden_label=True,
            )
        tag("td", texts("users.active" if user.active else "users.locked"))
        with tag("td"):
            moment(user.created_at)
        with tag("td", classes="cell-actions"), tag("div", classes="actions"):
            name = texts("users.link_name", name=user.name)
            button(texts("users.link"), new_link, name=name)
            text = texts("users.lock" if user.active else "users.unlock")
            button(text, ask, "quiet", name=f"{text}: {user.name}")

    @visit.safely
    async def apply(user: User, role: UserRole | None, active: bool | None) -> None:
        try:
            await visit.run(
                Permission.USERS_MANAGE, people.change, user.id, role, active, visit.actor
            )
            visit.say(texts("users.changed", name=user.name), False)
        finally:
            await loaded.refresh()

    loaded = Loaded(visit, get, show)
