"""Retention: how many days each class of data is kept, and sweeping now."""

from dataclasses import fields
from functools import partial

from tonewatch.core.errors import SettingsError
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard.parts import Field, Loaded, button, confirm, panel, tag
from tonewatch.service.dashboard.visit import Visit
from tonewatch.store.retention import LEAST_AUDIT_DAYS, Policy


def retention(visit: Visit) -> None:
    """The part."""
    texts, state = visit.texts, visit.state

    async def get() -> Policy:
        return await visit.run(Permission.RETENTION_MANAGE, state.policy)

    def show(policy: Policy) -> None:
        asked: dict[str, Field] = {}
        with tag("div", classes="retention"):
            for each in fields(Policy):
                days = getattr(policy, each.name)
                with tag("div", classes="retention-row"):
                    asked[each.name] = Field(
                        texts(f"retention.{each.name}"),
                        "" if days is None else str(days),
                        kind="number",
                        min=LEAST_AUDIT_DAYS if each.name == "audit_days" else 0,
                        step=1,
                        placeholder=texts("retention.for_ever"),
                    )
                    tag("span", texts("retention.days"))
                    tag("p", texts(f"retention.{each.name}_note"), "note")

        def typed() -> Policy | None:
            """What the fields say; None, and that is said, where it is no policy."""
            try:
                days = {
                    name: int(field.value) if field.value.strip() else None
                    for name, field in asked.items()
                }
                return Policy(**days)
            except (ValueError, SettingsError):
                visit.say(texts("retention.wrong", least=LEAST_AUDIT_DAYS), True)
                return None

        @visit.safely
        async def save() -> None:
            new = typed()
            if new is not None:
                await visit.run(Permission.RETENTION_MANAGE, state.set_policy, new, visit.actor)
                visit.say(texts("retention.saved"), False)

        async def sweep(policy: Policy) -> None:
            swept = await visit.run(Permission.RETENTION_MANAGE, state.sweep, visit.actor, policy)
            text = texts(
                "retention.swept",
                recordings=swept.recordings,
                windows=swept.windows,
                calls=swept.calls,
                audit=swept.audit,
            )
            visit.say(text, False)

        @visit.safely
        async def ask() -> None:
            new, kept = typed(), await get()
            if new is None:
                return
            if new != kept:
                visit.say(texts("retention.save_first"), True)
                return
            days = ", ".join(
                f"{texts(f'retention.{each.name}')}: {texts.count('retention.so_many', value)}"
                for each in fields(kept)
                if (value := getattr(kept, each.name)) is not None
            )
            title = texts("retention.sweep_title")
            note = texts("retention.sweep_note", days=days or texts("retention.for_ever"))
            go = visit.safely(partial(sweep, kept))
            confirm(visit, title, note, texts("retention.sweep"), go)

        with tag("div", classes="actions"):
            button(texts("retention.save"), save, "primary")
            button(texts("retention.sweep"), ask)

    with panel(texts("admin.retention"), note=texts("retention.note")):
        Loaded(visit, get, show)
