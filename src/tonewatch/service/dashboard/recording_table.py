"""Recordings in a table, with what can be done to each: listen, detect, delete and undo that."""

from collections.abc import Callable

from nicegui.element import Element
from starlette.concurrency import run_in_threadpool

from tonewatch.service import shelf
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard.emotions import chip
from tonewatch.service.dashboard.hearing import Hearing
from tonewatch.service.dashboard.mount import PATH
from tonewatch.service.dashboard.parts import Action, button, link, moment, table, tag
from tonewatch.service.dashboard.scores import clock
from tonewatch.service.dashboard.texts import Texts
from tonewatch.service.dashboard.visit import Visit
from tonewatch.store.page import Page
from tonewatch.store.recordings import Recording


class RecordingTable:
    """The table, its player, and the offer to undo.

    Args:
        visit: the page's.
        changed: fetches and shows the recordings anew.
    """

    def __init__(self, visit: Visit, changed: Action) -> None:
        self._visit = visit
        self._changed = changed
        self._hearing: dict[str, Hearing] = {}
        self._undo = tag("div", classes="undo-place", role="status")
        self._player = tag("div", classes="player-place")

    def show(self, found: Page[Recording]) -> None:
        """Make the rows."""
        texts = self._visit.texts
        heads = ["name", "emotion", "length", "added"]
        titles = [texts(f"recordings.{head}") for head in heads]
        _, row = table(texts("recordings.title"), [*titles, ""], "recordings")
        for recording in found.items:
            with row():
                self._row(recording)

    def _row(self, recording: Recording) -> None:
        visit, texts = self._visit, self._visit.texts
        with tag("td", classes="cell-name"):
            link(title_of(recording, texts), f"{PATH}/recordings/{recording.id}", "name")
            if recording.call_id is not None:
                link(texts("recording.to_call"), f"{PATH}/calls/{recording.call_id}", "note")
        with tag("td", classes="cell-emotion"):
            if recording.id in self._hearing:
                self._hearing[recording.id].draw()
            elif recording.result is None:
                tag("span", texts("recordings.not_heard"), "chip none")
            else:
                chip(recording.result["emotion"], texts, texts("emotion.no_speech"))
        tag("td", length(recording.duration_s), "cell-length number")
        with tag("td", classes="cell-added"):
            moment(recording.created_at)
            tag("span", recording.created_by or "", "note")
        with tag("td", classes="cell-actions"), tag("div", classes="actions"):
            name = title_of(recording, texts)
            button(
                texts("recordings.listen"),
                lambda: self._listen(recording),
                name=texts("recordings.listen_to", name=name),
            )
            if visit.may(Permission.RECORDINGS_WRITE):
                again = recording.result is not None
                button(
                    texts("recordings.detect_again" if again else "recordings.detect"),
                    lambda: self.detect(recording),
                    "" if again else "primary",
                    name=texts("recordings.detect_in", name=name),
                    disabled=recording.id in self._hearing,
                )
            if visit.may(Permission.RECORDINGS_DELETE):
                button(
                    texts("recordings.delete"),
                    lambda: self.delete(recording),
                    "quiet",
                    name=texts("recordings.delete_it", name=name),
                )

    async def _listen(self, recording: Recording) -> None:
        texts = self._visit.texts
        name = title_of(recording, texts)
        self._player.clear()
        with self._player, tag("div", classes="player", role="group", aria_label=name):
            tag("span", name, "player-name")
            tag(
                "audio",
                controls=True,
                autoplay=True,
                preload="metadata",
                src=f"/api/v1/recordings/{recording.id}/audio",
                aria_label=texts("recordings.player_of", name=name),
            )

            async def close() -> None:
                self._player.clear()

            button("×", close, "quiet", name=texts("frame.close"))

    async def detect(self, recording: Recording) -> None:
        """Hear it, and show that while it lasts."""
        await self._visit.safely(self._detect)(recording)

    async def _detect(self, recording: Recording) -> None:
        visit = self._visit
        name = title_of(recording, visit.texts)
        self._hearing[recording.id] = hearing = Hearing(visit, recording, name)
        await self._changed()
        try:
            await visit.ask(Permission.RECORDINGS_WRITE)
            heard = await hearing.run()
            if heard is not None:
                await run_in_threadpool(shelf.tell_shown, visit.state, visit.actor, heard)
        finally:
            self._hearing.pop(recording.id)
            await self._changed()
        # Said last: whoever reads it may use the table, which is made anew by then.
        said = "recordings.hearing_cancelled" if heard is None else "recordings.heard"
        visit.say(visit.texts(said, name=name), False)

    async def delete(self, recording: Recording) -> None:
        """Put it away, and offer to undo that."""
        await self._visit.safely(self._delete)(recording)

    async def _delete(self, recording: Recording) -> None:
        visit = self._visit
        await visit.run(Permission.RECORDINGS_DELETE, put_away, visit, recording.id)
        self._player.clear()

        async def restored() -> None:
            bar.delete()
            await self._changed()

        with self._undo:
            bar = offer_undo(visit, recording, restored)
        await self._changed()


def offer_undo(visit: Visit, recording: Recording, restored: Action) -> Element:
    """A line that says that a recording is deleted, with the way back."""

    @visit.safely
    async def undo() -> None:
        await visit.run(Permission.RECORDINGS_DELETE, bring_back, visit, recording.id)
        await restored()

    bar = tag("div", classes="undo")
    with bar:
        days = visit.state.policy().deleted_days
        text = visit.texts("recordings.deleted", name=title_of(recording, visit.texts))
        if days is not None:
            text += f" {visit.texts.count('recordings.deleted_days', days)}"
        tag("span", text)
        button(visit.texts("recordings.undo"), undo)
    return bar


def put_away(visit: Visit, recording_id: str) -> None:
    """Delete a recording, with its entry in the audit."""
    with visit.state.database.begin():
        visit.state.recordings.delete(recording_id)
        subject = f"recording:{recording_id}"
        visit.state.audit.append(visit.actor, "recording.deleted", subject, {})


def bring_back(visit: Visit, recording_id: str) -> None:
    """Restore a recording, with its entry in the audit."""
    with visit.state.database.begin():
        visit.state.recordings.restore(recording_id)
        subject = f"recording:{recording_id}"
        visit.state.audit.append(visit.actor, "recording.restored", subject, {})


def fetch(
    visit: Visit, search: str, label: str, page: int, per_page: int
) -> Callable[[], Page[Recording]]:
    """What lists the recordings, and writes into the audit which results were listed."""

    def work() -> Page[Recording]:
        found = visit.state.recordings.list(
            search=search or None, label=label or None, page=page, per_page=per_page
        )
        results = [
            (item.id, item.result["bundle"], item.result["emotion"])
            for item in found.items
            if item.result is not None
        ]
        visit.state.shown.tell_list(visit.actor, "recordings", results)
        return found

    return work


def title_of(recording: Recording, texts: Texts) -> str:
    """What a recording is called: its name, or the call whose audio it is, which has none."""
    if recording.call_id is None:
        return recording.name
    return texts("recordings.of_call", id=recording.call_id[:8])


def length(seconds: float) -> str:
    """A length: `0:31`, `1:02:03`; under ten seconds with a decimal, `4.2 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    return clock(round(seconds))
