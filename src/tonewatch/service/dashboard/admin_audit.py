"""The audit: who did and saw what, and whether the chain holds."""

import json
from typing import Any

from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard.parts import (
    Field,
    Loaded,
    button,
    empty,
    moment,
    panel,
    problem,
    skeleton,
    table,
    tag,
)
from tonewatch.service.dashboard.recordings import pager
from tonewatch.service.dashboard.visit import Visit
from tonewatch.store.audit import Entry
from tonewatch.store.page import Page

_PER_PAGE = 30
_SHORT = 160
_MOST = 4000


def audit(visit: Visit) -> None:
    """The part."""
    texts, state = visit.texts, visit.state
    asked: dict[str, Any] = {"actor": "", "action": "", "subject": "", "page": 1}

    with panel(texts("audit.verify_title"), note=texts("audit.verify_note")):
        verified = tag("div", classes="once-place", role="status")

        async def verify() -> None:
            verified.clear()
            with verified:
                skeleton(texts("audit.verifying"), 1)
            error: Exception | None = None
            try:
                found = await visit.run(Permission.AUDIT_READ, state.audit.verify)
            except Exception as failure:
                error = failure
            verified.clear()
            with verified:
                if error is not None:
                    problem(visit, error, verify)
                elif found.ok:
                    text = texts("audit.whole", n=found.n, number=found.head.number)
                    tag("p", text, "verified")
                    tag("p", found.head.hash, "hash breakable")
                else:
                    text = texts("audit.broken", number=found.first_bad)
                    tag("p", text, "problem-title", role="alert")
                    tag("p", found.problem)

        button(texts("audit.verify"), verify)

    def look_for(key: str) -> Any:
        async def take(value: str) -> None:
            asked[key] = value.strip()
            asked["page"] = 1
            await loaded.refresh()

        return take

    async def turn(page: int) -> None:
        asked["page"] = page
        await loaded.refresh()

    async def get() -> Page[Entry]:
        return await visit.run(
            Permission.AUDIT_READ,
            state.audit.list,
            actor=asked["actor"] or None,
            action=asked["action"] or None,
            subject=asked["subject"] or None,
            page=asked["page"],
            per_page=_PER_PAGE,
        )

    def show(found: Page[Entry]) -> None:
        if not found.total:
            empty(texts("audit.none"), texts("recordings.none_found_note"), "search_off")
            return
        heads = ("number", "at", "actor", "action", "subject", "details")
        _, row = table(texts("admin.audit"), [texts(f"audit.{head}") for head in heads], "audit")
        for entry in found.items:
            with row():
                tag("td", str(entry.number), "number")
                with tag("td"):
                    moment(entry.at, seconds=True)
                tag("td", entry.actor)
                tag("td", entry.action, "code")
                tag("td", entry.subject, "code breakable", title=entry.subject)
                with tag("td", classes="cell-details"):
                    _details(visit, entry)
        pager(visit, found, turn)

    with panel(texts("admin.audit"), "plain"):
        with tag("div", classes="filters", role="search", aria_label=texts("audit.filter")):
            for key in ("actor", "action", "subject"):
                hint = texts(f"audit.{key}_hint")
                Field(
                    texts(f"audit.{key}"), placeholder=hint, on_change=look_for(key), maxlength=200
                )
        loaded = Loaded(visit, get, show)


def _details(visit: Visit, entry: Entry) -> None:
    text = json.dumps(entry.details, ensure_ascii=False)
    if len(text) <= _SHORT:
        tag("span", text if entry.details else "–", "code breakable")
        return
    with tag("details"):
        tag("summary", visit.texts("audit.show", n=len(text)))
        shown = text if len(text) <= _MOST else f"{text[:_MOST]} …"
        tag("p", shown, "code breakable")
