"""The head of a call's page: who calls, in which state, and what may be done with what is kept."""

from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard.call_table import name_of, state_of
from tonewatch.service.dashboard.mount import PATH
from tonewatch.service.dashboard.parts import Action, button, confirm, link, tag
from tonewatch.service.dashboard.visit import Visit
from tonewatch.store.calls import CallRecord, CallState


def head(visit: Visit, call: CallRecord, held: Action, erased: Action) -> None:
    """Make it.

    Args:
        visit: the page's.
        call: as it is kept now.
        held: shows the call anew after a legal hold, or the end of one.
        erased: shows it anew after its content was erased.
    """
    texts = visit.texts
    with tag("div", classes="page-head"):
        with tag("div"):
            link(texts("call.back"), f"{PATH}/", "back")
            tag("h1", name_of(call.id, call.metadata), "breakable")
            with tag("p", classes="head-facts"):
                state_of(visit, call)
                for role in call.channels:
                    tag("span", texts.known(f"channel.{role}", role), "tag")
                notice = call.metadata.get("notice", "")
                tag("span", texts(f"call.notice_{'given' if notice == 'given' else 'unknown'}"))
        with tag("div", classes="actions"):
            if visit.may(Permission.CALLS_EXPORT):
                address = f"/api/v1/calls/{call.id}/export"
                link(texts("call.export"), address, "button", download=f"call-{call.id}.zip")
            if visit.may(Permission.CALLS_HOLD) and call.erased_at is None:
                _hold(visit, call, held)
            ended = call.state is not CallState.LIVE and call.erased_at is None
            if visit.may(Permission.CALLS_ERASE) and ended:
                _erase(visit, call, erased)


def _hold(visit: Visit, call: CallRecord, held: Action) -> None:
    on = not call.legal_hold

    def work() -> None:
        with visit.state.database.begin():
            visit.state.calls.hold(call.id, on)
            visit.state.audit.append(visit.actor, "call.held", f"call:{call.id}", {"on": on})

    @visit.safely
    async def hold() -> None:
        await visit.run(Permission.CALLS_HOLD, work)
        await held()

    button(visit.texts("call.hold" if on else "call.unhold"), hold)


def _erase(visit: Visit, call: CallRecord, erased: Action) -> None:
    texts = visit.texts

    @visit.safely
    async def erase() -> None:
        await visit.run(
            Permission.CALLS_ERASE, visit.state.retention.erase_call, call.id, actor=visit.actor
        )
        await erased()

    async def ask() -> None:
        title, note = texts("call.erase_title"), texts("call.erase_note")
        confirm(visit, title, note, texts("call.erase"), erase)

    button(texts("call.erase"), ask, "quiet")
