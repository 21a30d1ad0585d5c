"""Small pieces that pages are made of: buttons, fields, tables, and a section's states.

Native elements, named for screen readers. They know texts and a visit, no store.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from tonewatch.service.dashboard.visit import SignedOutError, Visit

T = TypeVar("T")
Action = Callable[[], Awaitable[None]]


class _Tag(TextElement):
    """Any element of HTML, with a text."""


def tag(kind: str, /, text: str = "", classes: str = "", **attributes: Any) -> Element:
    """An HTML element with a text; attributes that are None or False are left out."""
    element = _Tag(tag=kind, text=text)
    if classes:
        element.classes(classes)
    for key, value in attributes.items():
        if value is not None and value is not False:
            element.props[key.rstrip("_").replace("_", "-")] = value
    return element


def button(
    text: str,
    action: Action | None = None,
    kind: str = "",
    *,
    name: str | None = None,
    repeats: bool = False,
    **more: Any,
) -> Element:
    """A button; `name` says more to a screen reader than its text does.

    The second click of a double click is no second wish, unless each click `repeats` the action.
    """
    element = tag("button", text, f"button {kind}", type="button", aria_label=name, **more)
    if action is not None:
        first = "true" if repeats else "event.detail < 2"
        element.on(
            "click", _one_at_a_time(action), js_handler=f"(event) => {{ {first} && emit() }}"
        )
    return element


def _one_at_a_time(action: Action) -> Action:
    """The action; nothing while it is under way."""
    busy = False

    async def act() -> None:
        nonlocal busy
        if busy:
            return
        busy = True
        try:
            await action()
        finally:
            busy = False

    return act


def link(text: str, address: str, classes: str = "", **more: Any) -> Element:
    """A link to another page."""
    return tag("a", text, classes, href=address, **more)


def icon(name: str) -> Element:
    """A picture that says nothing of its own."""
    return ui.icon(name).props("aria-hidden=true").classes("icon")


def moment(at: datetime | None, none: str = "–", seconds: bool = False) -> Element:
    """A point in time, in the zone of whoever looks."""
    if at is None:
        return tag("span", none)
    text = f"{at:%Y-%m-%d %H:%M:%S} UTC" if seconds else f"{at:%Y-%m-%d %H:%M} UTC"
    return tag("tw-time", text, "number", at=at.isoformat(), seconds=seconds or None)


class Field:
    """A labelled input or choice, whose value is known here.

    Args:
        label: what is asked.
        value: at first.
        choices: value and text of each, for a choice.
        kind: of the input, as HTML names it.
        on_change: called with each new value.
        hidden_label: whether only a screen reader hears the label.
    """

    def __init__(
        self,
        label: str,
        value: str = "",
        *,
        choices: Mapping[str, str] | None = None,
        kind: str = "text",
        on_change: Callable[[str], Awaitable[None]] | None = None,
        hidden_label: bool = False,
        **more: Any,
    ) -> None:
        self.value = value
        self._on_change = on_change
        with tag("div", classes="field"):
            name = tag("label", label, "sr-only" if hidden_label else "field-label")
            if choices is not None:
                self.element = tag("select", **more)
                with self.element:
                    for key, text in choices.items():
                        tag("option", text, value=key, selected=key == value)
            elif kind == "area":
                self.element = tag("textarea", rows=3, **more)
            else:
                # Vue sets `value` again whenever anything is drawn: what was typed would be lost.
                more |= {"autocomplete": "off", "defaultValue": value}
                self.element = tag("input", type=kind, **more)
        name.props["for"] = self.element.html_id
        self.element.on(
            "change" if choices is not None else "input",
            self._take,
            # What is typed into a number and is none is empty to the browser: it must not seem so.
            js_handler="(event) => emit(event.target.validity.badInput ? '?' : event.target.value)",
            throttle=0.2 if on_change is not None else 0.0,
        )

    async def _take(self, event: Any) -> None:
        self.value = str(event.args)
        if self._on_change is not None:
            await self._on_change(self.value)

    def clear(self) -> None:
        """Empty it, here and in the browser."""
        self.value = ""
        ui.run_javascript(f"getHtmlElement({self.element.id}).value = ''")


class Check:
    """A box to tick, whose state is known here."""

    def __init__(self, label: str, *, title: str = "") -> None:
        self.value = False
        with tag("label", classes="check"):
            box = tag("input", type="checkbox")
            tag("span", label)
            if title:
                tag("span", title, "note")
        box.on("change", self._take, js_handler="(event) => emit(event.target.checked)")

    def _take(self, event: Any) -> None:
        self.value = bool(event.args)


def once(visit: Visit, title: str, secret: str) -> None:
    """A secret that is shown this one time, to be copied."""
    box = tag("div", classes="notice once", role="status")
    with box:
        tag("p", title, "once-title")
        tag("input", value=secret, readonly=True, classes="hash", aria_label=title, type="text")
        tag("p", visit.texts("once.note"), "note")

        async def away() -> None:
            box.delete()

        with tag("div", classes="actions"):
            tag("button", visit.texts("once.copy"), "button", type="button", data_copy=secret)
            button(visit.texts("once.done"), away, "quiet")


def table(
    caption: str, heads: Iterable[str], classes: str = ""
) -> tuple[Element, Callable[..., Element]]:
    """A table; gives it and what begins a row in it. The last head may be empty, for actions."""
    with tag("div", classes="table-scroll", tabindex=0, role="group", aria_label=caption):
        whole = tag("table", classes=f"table {classes}")
        with whole:
            with tag("caption", classes="sr-only"):
                tag("span", caption)
            with tag("thead"), tag("tr"):
                for head in heads:
                    tag("th" if head else "td", head, scope="col" if head else None)
            body = tag("tbody")

    def row(classes: str = "") -> Element:
        with body:
            return tag("tr", classes=classes)

    return whole, row


def panel(title: str, classes: str = "", *, level: int = 2, note: str = "") -> Element:
    """A part of a page under its own heading."""
    section = tag("section", classes=f"panel {classes}")
    with section:
        tag(f"h{level}", title)
        if note:
            tag("p", note, "note")
    return section


def empty(title: str, text: str, symbol: str = "inbox") -> Element:
    """What a page shows where there is nothing yet; the one action to start goes inside."""
    box = tag("div", classes="empty")
    with box:
        icon(symbol)
        tag("p", title, "empty-title")
        tag("p", text, "note")
    return box


def problem(
    visit: Visit, error: Exception, again: Action | None = None, kind: str = "p"
) -> Element:
    """What happened, what is safe, and what to do; `kind` is the element of its first line."""
    box = tag("div", classes="problem", role="alert")
    with box:
        tag(kind, visit.texts("error.title"), "problem-title")
        tag("p", visit.explain(error))
        tag("p", visit.texts("error.safe"), "note")
        if again is not None:
            button(visit.texts("error.again"), again)
    return box


def fact(name: str, value: str, classes: str = "") -> None:
    """A name and its value in a list of facts."""
    tag("dt", name)
    tag("dd", value, classes)


def confirm(visit: Visit, title: str, text: str, yes: str, action: Action) -> None:
    """Ask before what cannot be undone."""
    with ui.dialog(value=True) as dialog, tag("div", classes="dialog"):
        tag("h2", title, id=f"dialog-{dialog.id}")
        tag("p", text)

        async def go() -> None:
            dialog.close()
            await action()

        async def stay() -> None:
            dialog.close()

        with tag("div", classes="actions"):
            button(yes, go, "danger")
            button(visit.texts("dialog.cancel"), stay)
    dialog.props["aria-labelledby"] = f"dialog-{dialog.id}"
    dialog.on("hide", dialog.delete, args=[])


def skeleton(text: str, lines: int = 4) -> Element:
    """What stands where something is still to come."""
    box = tag("div", classes="skeleton", role="status", aria_label=text)
    with box:
        for _ in range(lines):
            tag("div", classes="skeleton-line", aria_hidden="true")
    return box


class Loaded:
    """A section that fetches what it shows: a skeleton at first, an error with a retry.

    Of several fetches at once only what the last asked for is shown, whichever answers last.

    Args:
        visit: the page's.
        fetch: gets the values, in its own thread.
        show: makes the elements from them.
        is_page: whether it is all of the page, so that an error is the page's heading.
    """

    def __init__(
        self,
        visit: Visit,
        fetch: Callable[[], Awaitable[T]],
        show: Callable[[T], None],
        is_page: bool = False,
    ) -> None:
        self._title = "h1" if is_page else "p"
        self._visit = visit
        self._fetch: Callable[[], Awaitable[Any]] = fetch
        self._show: Callable[[Any], None] = show
        self._n_asked = 0
        self._place = tag("div", classes="loaded")
        with self._place:
            skeleton(visit.texts("state.loading"))
            ui.timer(0.0, self.refresh, once=True)

    async def refresh(self) -> None:
        """Fetch and show it anew."""
        self._n_asked += 1
        number = self._n_asked
        try:
            value = await self._fetch()
            if number == self._n_asked:
                self._draw(lambda: self._show(value))
        except SignedOutError:
            with self._place:
                self._visit.sign_in_again()
        except Exception as failure:
            error = failure
            if number == self._n_asked:
                self._draw(lambda: problem(self._visit, error, self.refresh, self._title))

    async def has_focus(self) -> bool:
        """Whether somebody is in it with the keyboard; also where the browser does not answer."""
        inside = f"getHtmlElement({self._place.id})?.contains(document.activeElement)"
        try:
            return bool(await ui.run_javascript(f"return {inside}"))
        except TimeoutError:
            return True

    def _draw(self, show: Callable[[], object]) -> None:
        self._place.clear()
        with self._place:
            show()
