"""A recording that is being heard: how far that is, and the way to stop it."""

import asyncio

from nicegui.element import Element

from tonewatch.service import shelf
from tonewatch.service.dashboard.parts import button, tag
from tonewatch.service.dashboard.visit import Visit
from tonewatch.store.recordings import Recording


class Hearing:
    """Hears one recording, once; what it draws can be made anew meanwhile.

    Args:
        visit: of whoever asked.
        recording: to be heard.
        name: what it is called on the page.
    """

    def __init__(self, visit: Visit, recording: Recording, name: str) -> None:
        self._visit = visit
        self._recording = recording
        self._name = name
        self._share = 0.0
        self._bar: Element | None = None
        self._told: Element | None = None
        self._task: asyncio.Task[Recording] | None = None
        self._is_cancelled = False

    def draw(self) -> None:
        """The bar, with the button that cancels."""
        texts = self._visit.texts
        with tag("span", classes="busy", role="status"):
            tag("span", texts("recordings.hearing"))
            name = texts("recordings.hearing_it", name=self._name)
            self._bar = tag("progress", max=1, value=self._share, aria_label=name)
            self._told = tag("span", _percent(self._share), "number note", aria_hidden="true")
        cancel = texts("recordings.cancel_hearing", name=self._name)
        button(texts("dialog.cancel"), self._cancel, "quiet", name=cancel)

    async def run(self) -> Recording | None:
        """What was heard; None if somebody cancelled it. Errors as `shelf.hear`."""
        work = shelf.hear(self._visit.state, self._visit.actor, self._recording.id, self._tell)
        self._task = asyncio.ensure_future(work)
        try:
            return await self._task
        except asyncio.CancelledError:
            if not self._is_cancelled:
                raise
            return None

    async def _cancel(self) -> None:
        self._is_cancelled = True
        if self._task is not None:
            self._task.cancel()

    def _tell(self, heard_s: float) -> None:
        self._share = min(1.0, heard_s / max(self._recording.duration_s, 0.1))
        if self._bar is None or self._told is None or self._bar.is_deleted:
            return
        self._bar.props["value"] = round(self._share, 3)
        self._bar.update()
        self._told.text = _percent(self._share)  # type: ignore[attr-defined]


def _percent(share: float) -> str:
    return f"{share:.0%}"
