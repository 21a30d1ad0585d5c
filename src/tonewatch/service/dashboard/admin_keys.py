"""API keys: make one for another program, and revoke it."""

from datetime import timedelta

from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard.parts import (
    Check,
    Field,
    Loaded,
    button,
    confirm,
    empty,
    moment,
    once,
    panel,
    table,
    tag,
)
from tonewatch.service.dashboard.visit import Visit
from tonewatch.store.keys import ApiKey

_LASTS_DAYS = ("30", "90", "365", "")


def keys(visit: Visit) -> None:
    """The part."""
    texts, state = visit.texts, visit.state
    secret = tag("div", classes="once-place")

    def make(name: str, scopes: list[str], days: str) -> tuple[ApiKey, str]:
        assert visit.who is not None
        expires = state.clock() + timedelta(days=int(days)) if days else None
        with state.database.begin():
            key, secret = state.keys.create(name, scopes, visit.who.user.id, expires)
            details = {"name": key.name, "scopes": scopes}
            state.audit.append(visit.actor, "key.created", f"key:{key.id}", details)
        return key, secret

    def revoke(key: ApiKey) -> None:
        with state.database.begin():
            state.keys.revoke(key.id)
            state.audit.append(visit.actor, "key.revoked", f"key:{key.id}", {})

    with panel(texts("keys.new"), note=texts("keys.new_note")):
        with tag("div", classes="form-line"):
            name = Field(texts("keys.name"), maxlength=100)
            choices = {
                days: texts("keys.days", n=days) if days else texts("keys.for_ever")
                for days in _LASTS_DAYS
            }
            lasts = Field(texts("keys.lasts"), "90", choices=choices)
        with tag("fieldset", classes="scopes"):
            tag("legend", texts("keys.scopes"))
            mine = [permission for permission in Permission if visit.may(permission)]
            scopes = {
                each: Check(each.value, title=texts(f"permission.{each.value}")) for each in mine
            }

        @visit.safely
        async def add() -> None:
            wanted = sorted(each.value for each, check in scopes.items() if check.value)
            if not name.value.strip() or not wanted:
                visit.say(texts("keys.incomplete"), True)
                return
            key, word = await visit.run(
                Permission.KEYS_MANAGE, make, name.value.strip(), wanted, lasts.value
            )
            name.clear()
            secret.clear()
            with secret:
                once(visit, texts("keys.secret_of", name=key.name), word)
            await loaded.refresh()

        button(texts("keys.add"), add, "primary")

    async def get() -> tuple[ApiKey, ...]:
        return await visit.run(Permission.KEYS_MANAGE, state.keys.list)

    def show(found: tuple[ApiKey, ...]) -> None:
        if not found:
            empty(texts("keys.none"), texts("keys.none_note"), "key")
            return
        heads = ("name", "begins", "scopes", "used", "ends")
        _, row = table(texts("admin.keys"), [*(texts(f"keys.{head}") for head in heads), ""])
        for key in found:
            with row("revoked" if key.revoked_at else ""):
                _row(key)

    def _row(key: ApiKey) -> None:
        tag("th", key.name, "breakable", scope="row")
        tag("td", f"tw_{key.prefix}", "hash")
        tag("td", ", ".join(key.scopes), "note scope-list")
        with tag("td"):
            moment(key.last_used_at, texts("keys.never"))
        with tag("td"):
            if key.revoked_at is not None:
                tag("span", texts("keys.revoked"))
            else:
                moment(key.expires_at, texts("keys.for_ever"))
        with tag("td", classes="cell-actions"):
            if key.revoked_at is None:

                @visit.safely
                async def end() -> None:
                    await visit.run(Permission.KEYS_MANAGE, revoke, key)
                    await loaded.refresh()

                async def ask() -> None:
                    title = texts("keys.revoke_title", name=key.name)
                    confirm(visit, title, texts("keys.revoke_note"), texts("keys.revoke"), end)

                text = texts("keys.revoke")
                button(text, ask, "quiet", name=f"{text}: {key.name}")

    loaded = Loaded(visit, get, show)
