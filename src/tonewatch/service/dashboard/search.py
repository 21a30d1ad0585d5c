"""What the search of the top bar finds: calls and recordings."""

from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard import call_table, recording_table
from tonewatch.service.dashboard.frame import frame
from tonewatch.service.dashboard.parts import Loaded, empty, panel
from tonewatch.service.dashboard.visit import Visit
from tonewatch.store.calls import CallRecord
from tonewatch.store.page import Page
from tonewatch.store.recordings import Recording

_MOST = 20


async def build(visit: Visit) -> None:
    """The page."""
    texts = visit.texts
    words = visit.request.query_params.get("q", "").replace("\0", "").strip()[:200]
    with frame(visit, "", texts("search.title", words=words) if words else texts("frame.search")):
        if not words:
            empty(texts("search.nothing"), texts("search.nothing_note"), "search")
            return
        if visit.may(Permission.CALLS_READ):
            with panel(texts("search.calls"), "plain"):
                _calls(visit, words)
        if visit.may(Permission.RECORDINGS_READ):
            with panel(texts("search.recordings"), "plain"):
                _recordings(visit, words)


def _calls(visit: Visit, words: str) -> None:
    async def get() -> Page[CallRecord]:
        work = call_table.fetch(visit, words, "", 1, _MOST)
        return await visit.run(Permission.CALLS_READ, work)

    def show(found: Page[CallRecord]) -> None:
        if found.total:
            call_table.CallTable(visit).show(found)
        else:
            empty(visit.texts("calls.none_found"), visit.texts("search.none_note"), "search_off")

    Loaded(visit, get, show)


def _recordings(visit: Visit, words: str) -> None:
    async def get() -> Page[Recording]:
        work = recording_table.fetch(visit, words, "", 1, _MOST)
        return await visit.run(Permission.RECORDINGS_READ, work)

    async def changed() -> None:
        await loaded.refresh()

    rows = recording_table.RecordingTable(visit, changed)

    def show(found: Page[Recording]) -> None:
        if found.total:
            rows.show(found)
        else:
            note = visit.texts("search.none_note")
            empty(visit.texts("recordings.none_found"), note, "search_off")

    loaded = Loaded(visit, get, show)
