"""What people decide and note about a call; Tonewatch itself decides nothing."""

from dataclasses import dataclass

from nicegui import ui

from tonewatch.service import decisions as service
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard.parts import Action, Field, Loaded, button, moment, panel, tag
from tonewatch.service.dashboard.visit import Visit
from tonewatch.store.decisions import Decision
from tonewatch.store.notes import Note

_NOTE_MOST = 10_000


@dataclass(frozen=True, slots=True)
class _Choice:
    """A decision that can be taken: its kind and value, and the key that takes it."""

    kind: str
    value: str
    key: str


_CHOICES = (
    _Choice(service.OUTCOME, "genuine", "g"),
    _Choice(service.OUTCOME, "prank", "p"),
    _Choice(service.OUTCOME, "accidental", "a"),
    _Choice(service.OUTCOME, "abusive", "b"),
    _Choice(service.OUTCOME, "test", "t"),
    _Choice(service.URGENCY, "high", "h"),
    _Choice(service.URGENCY, "medium", "m"),
    _Choice(service.URGENCY, "low", "l"),
)


def decisions_and_notes(visit: Visit, call_id: str) -> None:
    """Both, with the fields to add to them for those who may."""
    _decisions(visit, call_id)
    _notes(visit, call_id)


def _decisions(visit: Visit, call_id: str) -> None:
    texts = visit.texts

    async def get() -> tuple[Decision, ...]:
        return await visit.run(Permission.CALLS_READ, visit.state.decided.of, call_id)

    def show(found: tuple[Decision, ...]) -> None:
        if not found:
            tag("p", texts("decisions.none"), "note")
        with tag("ol", classes="entries"):
            for each in found:
                with tag("li"):
                    name = f"decision.{each.kind}.{each.value}"
                    tag("strong", texts.known(name, f"{each.kind}: {each.value}"))
                    if each.reason:
                        tag("p", each.reason, "breakable")
                    with tag("p", classes="note"):
                        tag("span", f"{each.user}, ")
                        moment(each.created_at)

    async def decided() -> None:
        await loaded.refresh()

    if visit.may(Permission.CALLS_NOTE):
        with panel(texts("decisions.title"), "decide", note=texts("decisions.note")):
            tag("p", texts("decisions.keys"), "note keys")
            reason = Field(texts("decisions.reason"), maxlength=2000)
            for kind in (service.OUTCOME, service.URGENCY):
                name = texts(f"decisions.{kind}")
                with tag("div", classes="decision-buttons", role="group", aria_label=name):
                    tag("p", name, "field-label")
                    for choice in _CHOICES:
                        if choice.kind == kind:
                            _choice(visit, call_id, choice, reason, decided)
    with panel(texts("decisions.taken")):
        loaded = Loaded(visit, get, show)


def _choice(visit: Visit, call_id: str, choice: _Choice, reason: Field, decided: Action) -> None:
    texts = visit.texts

    def work(why: str) -> bool:
        """Take it; whether it was taken, which an override without a reason is not."""
        decisions = visit.state.decisions
        shown = decisions.shown(call_id)
        if service.overrides(choice.kind, choice.value, shown) and not why:
            return False
        decisions.decide(call_id, visit.name, visit.actor, choice.kind, choice.value, why)
        return True

    @visit.safely
    async def decide() -> None:
        if not await visit.run(Permission.CALLS_NOTE, work, reason.value.strip()):
            visit.say(texts("decisions.reason_needed"), True)
            ui.run_javascript(f"getHtmlElement({reason.element.id}).focus()")
            return
        reason.clear()
        await decided()

    keys = f"Alt+Shift+{choice.key.upper()}"
    text = texts(f"decision.{choice.kind}.{choice.value}")
    with button(text, decide, data_key=choice.key, aria_keyshortcuts=keys):
        tag("kbd", choice.key.upper(), aria_hidden="true", title=keys)


def _notes(visit: Visit, call_id: str) -> None:
    texts = visit.texts

    async def get() -> tuple[Note, ...]:
        return await visit.run(Permission.CALLS_READ, visit.state.notes.of, call_id)

    def show(found: tuple[Note, ...]) -> None:
        with tag("ol", classes="entries"):
            for each in found:
                with tag("li"):
                    tag("p", each.text, "breakable note-text")
                    with tag("p", classes="note"):
                        tag("span", f"{each.author}, ")
                        moment(each.created_at)
        if not found:
            tag("p", texts("notes.none"), "note")

    def work(text: str) -> None:
        with visit.state.database.begin():
            note = visit.state.notes.add(call_id, visit.name, text)
            visit.state.audit.append(
                visit.actor, "call.noted", f"call:{call_id}", {"note": note.id}
            )

    with panel(texts("notes.title")):
        if visit.may(Permission.CALLS_NOTE):
            field = Field(texts("notes.new"), kind="area", maxlength=_NOTE_MOST)

            @visit.safely
            async def add() -> None:
                if not field.value.strip():
                    visit.say(texts("notes.empty"), True)
                    return
                await visit.run(Permission.CALLS_NOTE, work, field.value.strip())
                field.clear()
                await loaded.refresh()

            button(texts("notes.add"), add)
        loaded = Loaded(visit, get, show)
