"""The recordings: upload them, find them, listen, detect, delete."""

import math
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard.components import Upload
from tonewatch.service.dashboard.frame import frame
from tonewatch.service.dashboard.parts import Field, Loaded, button, empty, tag
from tonewatch.service.dashboard.recording_table import RecordingTable, fetch
from tonewatch.service.dashboard.visit import Visit
from tonewatch.store.page import Page
from tonewatch.store.recordings import Recording

T = TypeVar("T")

_PER_PAGE = 25


async def build(visit: Visit) -> None:
    """The page."""
    texts, state = visit.texts, visit.state
    asked: dict[str, Any] = {"search": "", "label": "", "page": 1}

    with frame(visit, "recordings", texts("recordings.title")):
        if visit.may(Permission.RECORDINGS_WRITE):
            upload = Upload(state.settings.max_upload_mb, state.settings.max_duration_s)
        labels = state.predictor.bundle.info.labels
        choices = {"": texts("recordings.any_emotion")} | {
            label: texts.emotion(label) for label in labels
        }

        def look_for(key: str) -> Any:
            async def take(value: str) -> None:
                asked[key] = value
                asked["page"] = 1
                await loaded.refresh()

            return take

        with tag("div", classes="filters", role="search", aria_label=texts("recordings.filter")):
            Field(
                texts("recordings.search"),
                kind="search",
                on_change=look_for("search"),
                maxlength=200,
                placeholder=texts("recordings.search_hint"),
            )
            Field(texts("recordings.emotion"), choices=choices, on_change=look_for("label"))

        async def changed() -> None:
            await loaded.refresh()

        recordings = RecordingTable(visit, changed)

        def show(found: Page[Recording]) -> None:
            if not found.total:
                _nothing(visit, bool(asked["search"] or asked["label"]))
                return
            recordings.show(found)
            pager(visit, found, turn)

        async def turn(page: int) -> None:
            asked["page"] = page
            await loaded.refresh()

        async def get() -> Page[Recording]:
            work = fetch(visit, asked["search"], asked["label"], asked["page"], _PER_PAGE)
            return await visit.run(Permission.RECORDINGS_READ, work)

        loaded = Loaded(visit, lambda: within(asked, get), show)
        if visit.may(Permission.RECORDINGS_WRITE):
            upload.on("kept", changed, args=[])


def _nothing(visit: Visit, is_filtered: bool) -> None:
    texts = visit.texts
    if is_filtered:
        empty(texts("recordings.none_found"), texts("recordings.none_found_note"), "search_off")
    elif visit.may(Permission.RECORDINGS_WRITE):
        empty(texts("recordings.none"), texts("recordings.none_note"), "graphic_eq")
    else:
        empty(texts("recordings.none"), texts("recordings.none_read_note"), "graphic_eq")


async def within(asked: dict[str, Any], get: Callable[[], Awaitable[Page[T]]]) -> Page[T]:
    """The page of a list that is asked for, or its last one where there are no longer so many."""
    found = await get()
    if asked["page"] > _last(found):
        asked["page"] = _last(found)
        found = await get()
    return found


def _last(found: Page[Any]) -> int:
    return max(1, math.ceil(found.total / found.per_page))


def pager(visit: Visit, found: Page[Any], turn: Any) -> None:
    """How many there are, and the way to the pages before and after."""
    texts = visit.texts
    last = _last(found)
    with tag("div", classes="pager"):
        tag("span", texts.count("pager.total", found.total), "note number")
        if last > 1:
            with tag("nav", classes="actions", aria_label=texts("pager.name")):

                async def back() -> None:
                    await turn(found.page - 1)

                async def on() -> None:
                    await turn(found.page + 1)

                button(texts("pager.back"), back, repeats=True, disabled=found.page <= 1)
                tag("span", texts("pager.page", page=found.page, last=last), "number")
                button(texts("pager.on"), on, repeats=True, disabled=found.page >= last)
