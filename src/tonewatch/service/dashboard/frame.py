"""What stands around every page: the rail, the top bar, messages, and the bar of a lost connection.

It knows the places there are and who may go there, nothing of what they show.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nicegui import ui
from nicegui.element import Element
from starlette.concurrency import run_in_threadpool

from tonewatch import __version__
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard.mount import PATH, STATIC
from tonewatch.service.dashboard.parts import button, icon, link, tag
from tonewatch.service.dashboard.texts import LANGUAGES
from tonewatch.service.dashboard.visit import Visit

_SHOWN_S = 10.0
_MODEL_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the rail.

    Attributes:
        key: of its texts, `place.KEY`.
        path: under the dashboard.
        icon: Material's name.
        needs: any of these permissions.
    """

    key: str
    path: str
    icon: str
    needs: tuple[Permission, ...]


PLACES = (
    Place("queue", "/queue", "low_priority", (Permission.CALLS_READ,)),
    Place("calls", "/", "call", (Permission.CALLS_READ,)),
    Place("recordings", "/recordings", "graphic_eq", (Permission.RECORDINGS_READ,)),
    Place("microphone", "/microphone", "mic", (Permission.CALLS_LIVE,)),
    Place("studio", "/studio", "record_voice_over", (Permission.STUDIO_USE,)),
    Place("triage", "/triage", "balance", (Permission.POLICY_READ,)),
    Place("models", "/models", "insights", (Permission.BUNDLES_READ,)),
    Place(
        "administration",
        "/administration",
        "settings",
        (
            Permission.USERS_MANAGE,
            Permission.KEYS_MANAGE,
            Permission.RETENTION_MANAGE,
            Permission.AUDIT_READ,
        ),
    ),
)


def head(visit: Visit, title: str) -> None:
    """Title, style and script of a page; theme and language before anything is drawn."""
    ui.page_title(f"{title} · Tonewatch")
    words = json.dumps(visit.texts.under("script.", "warning.", "error.")).replace("<", "\\u003c")
    ui.add_head_html(
        f'<meta name="robots" content="noindex">'
        f"<script>document.documentElement.lang = {visit.texts.language!r};"
        f"document.documentElement.dataset.theme = {visit.theme!r};"
        f"window.tonewatchWords = {words};</script>"
        f'<link rel="stylesheet" href="{STATIC}/tonewatch.css?v={__version__}">'
        f'<script type="module" src="{STATIC}/frame.js?v={__version__}"></script>'
    )


@contextmanager
def frame(visit: Visit, place: str, title: str, heading: str | None = None) -> Iterator[Element]:
    """The frame of a page; what is made inside goes into its content.

    Args:
        visit: who looks.
        place: the rail's entry that it belongs to.
        title: of the page.
        heading: shown above the content; the title by default, none where empty.
    """
    head(visit, title)
    layout = ui.context.client.layout
    with layout:
        with tag("nav", classes="rail", aria_label=visit.texts("frame.rail")) as rail:
            _rail(visit, place)
        with tag("header", classes="bar") as bar:
            _bar(visit)
    skip = _skip(visit, layout)
    for index, element in enumerate((skip, bar, rail)):
        element.move(layout, target_index=index)
    _offline(visit)
    messages = tag("div", classes="messages", role="status", aria_live="polite")

    errors: dict[str, Element] = {}

    def say(text: str, is_error: bool) -> None:
        if is_error and text in errors and not errors[text].is_deleted:
            return
        with messages:
            box = _message(visit, text, is_error)
        if is_error:
            errors[text] = box

    def unsay(text: str) -> None:
        box = errors.pop(text, None)
        if box is not None and not box.is_deleted:
            box.delete()

    visit.say, visit.unsay = say, unsay
    with tag("div", classes="content", id="content") as content:
        if heading != "":
            tag("h1", heading or title)
        yield content


def _skip(visit: Visit, layout: Element) -> Element:
    with layout:
        return link(visit.texts("frame.skip"), "#content", "skip")


def _rail(visit: Visit, current: str) -> None:
    with tag("a", classes="brand", href=f"{PATH}/", aria_label=visit.texts("frame.home")):
        tag("img", src=f"{STATIC}/favicon.svg", alt="", width=28, height=28)
    for number, place in enumerate(PLACES, start=1):
        if visit.who is None or not visit.who.may_any(place.needs):
            continue
        text = visit.texts(f"place.{place.key}")
        here = "page" if place.key == current else None
        with tag(
            "a",
            classes="rail-link",
            href=PATH + place.path,
            aria_current=here,
            data_key=number,
            title=visit.texts("frame.shortcut", place=text, key=number),
        ):
            icon(place.icon)
            tag("span", text)


def _bar(visit: Visit) -> None:
    texts = visit.texts
    with (
        tag("form", classes="search", role="search", action=f"{PATH}/search", method="get"),
        tag("label"),
    ):
        tag("span", texts("frame.search"), "sr-only")
        tag(
            "input",
            type="search",
            name="q",
            placeholder=texts("frame.search_hint"),
            defaultValue=visit.request.query_params.get("q", ""),
            maxlength=200,
            data_search="yes",
        )
    with tag("span", classes="connection", id="connection", role="status"):
        tag("span", classes="connection-dot", aria_hidden="true")
        tag("span", texts("script.connected"), "connection-text")
    _model(visit)
    for language, name in LANGUAGES.items():
        if language != texts.language:
            tag(
                "button",
                language.upper(),
                "button quiet",
                type="button",
                lang=language,
                aria_label=name,
                data_language=language,
            )
    other = "light" if visit.theme == "dark" else "dark"
    with tag(
        "button",
        classes="button quiet",
        type="button",
        data_theme_to=other,
        aria_label=texts(f"frame.theme_{other}"),
        title=texts(f"frame.theme_{other}"),
    ):
        icon("light_mode" if other == "light" else "dark_mode")
    if visit.who is not None:
        with tag("span", classes="who"):
            tag("span", visit.who.user.name, "who-name")
            tag("span", texts(f"role.{visit.who.user.role.value}"), "who-role")
        with tag(
            "button",
            classes="button quiet",
            type="button",
            data_sign_out="yes",
            aria_label=texts("frame.sign_out"),
            title=texts("frame.sign_out"),
        ):
            icon("logout")


def _model(visit: Visit) -> None:
    """Whether the model is on; a switch for those who may."""
    texts = visit.texts
    if visit.state.predictor.bundle.info.experimental:
        tag("span", texts("models.experimental"), "tag experimental")
    box = tag("span", classes="model-state")
    shown: list[bool | None] = [None]

    def draw(on: bool) -> None:
        if shown[0] == on:
            return
        shown[0] = on
        box.clear()
        with box:
            text = texts("frame.model_on" if on else "frame.model_off")
            kind = "model-on" if on else "model-off"
            if visit.may(Permission.MODEL_SWITCH):
                button(text, flip, f"switch {kind}", role="switch", aria_checked=str(on).lower())
            else:
                tag("span", text, f"switch {kind}")

    @visit.safely
    async def flip() -> None:
        on = not shown[0]
        await visit.run(Permission.MODEL_SWITCH, lambda: visit.state.switch_model(on, visit.actor))
        draw(on)
        visit.say(texts("frame.model_is_on" if on else "frame.model_is_off"), False)

    async def look() -> None:
        await visit.stay()
        draw(await run_in_threadpool(lambda: visit.state.model_on))

    draw(visit.model_on)
    ui.timer(_MODEL_EVERY_S, visit.safely(look), immediate=False)


def _offline(visit: Visit) -> None:
    texts = visit.texts
    with tag("div", classes="offline", id="offline", role="alert", hidden="hidden"):
        tag("span", texts("state.offline"))
        tag("span", classes="number", id="offline-since")
        tag("button", texts("state.retry"), "button", type="button", data_retry="yes")


def _message(visit: Visit, text: str, is_error: bool) -> Element:
    box = tag("div", classes="message message-error" if is_error else "message")
    with box:
        tag("span", text)

        async def away() -> None:
            box.delete()

        button("×", away, "quiet", name=visit.texts("frame.close"))
        if not is_error:
            ui.timer(_SHOWN_S, box.delete, once=True)
    return box
