"""One call, live and afterwards: what was heard and said, how urgent it is, decisions, export."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nicegui import ui
from starlette.concurrency import run_in_threadpool

from tonewatch.call.events import Assessed
from tonewatch.call.events import Heard as HeardEvent
from tonewatch.call.roles import Role, scored
from tonewatch.service.assessed import for_audit
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard import said
from tonewatch.service.dashboard.call_head import head
from tonewatch.service.dashboard.call_table import bundle_of
from tonewatch.service.dashboard.components import Heard, Transcript
from tonewatch.service.dashboard.decisions import decisions_and_notes
from tonewatch.service.dashboard.emotions import chip, labels_of, palette
from tonewatch.service.dashboard.frame import frame
from tonewatch.service.dashboard.meters import Judged, Meters, judged_of, line_of
from tonewatch.service.dashboard.outline import outline_of
from tonewatch.service.dashboard.parts import Loaded, empty, fact, moment, panel, tag
from tonewatch.service.dashboard.recording import draw_later, explains_of, model_facts
from tonewatch.service.dashboard.recording_table import length
from tonewatch.service.dashboard.visit import Visit
from tonewatch.service.dashboard.watch import Row, as_mapping, row_of
from tonewatch.service.live_call import LiveCall
from tonewatch.store.calls import CallRecord, CallState
from tonewatch.store.recordings import Recording
from tonewatch.store.transcripts import Spotted, Utterance
from tonewatch.store.windows import Window

_EVERY_S = 0.5
_TELL_EVERY_S = 15.0
_LAST_S = 60


@dataclass(frozen=True, slots=True)
class _Found:
    call: CallRecord
    windows: tuple[Window, ...]
    recording: Recording | None
    judged: Judged | None
    line: list[list[float]]
    said: tuple[Utterance, ...]
    spotted: tuple[Spotted, ...]


async def build(visit: Visit, call_id: str) -> None:
    """The page."""
    texts = visit.texts
    with frame(visit, "calls", texts("call.title"), heading=""):

        async def get() -> _Found:
            return await visit.run(Permission.CALLS_READ, _find, visit, call_id)

        def show(found: _Found) -> None:
            _Page(visit, found, loaded)

        loaded = Loaded(visit, get, show, is_page=True)


def _find(visit: Visit, call_id: str) -> _Found:
    state = visit.state
    call = state.calls.get(call_id)
    windows = state.calls.windows(call_id)
    recordings = state.recordings.list(call_id=call_id, per_page=1).items
    recording = recordings[0] if recordings else None
    if recording is not None and not state.blobs.exists(recording.sha256):
        recording = None
    judged, line = judged_of(visit, call_id), line_of(visit, call_id)
    _tell(visit, call, windows, judged)
    said, spotted = state.transcripts.of(call_id), state.transcripts.spotted(call_id)
    return _Found(call, windows, recording, judged, line, said, spotted)


class _Page:
    """The parts of the page; those that tell of the call change when it ends, notes do not."""

    def __init__(self, visit: Visit, found: _Found, loaded: Loaded) -> None:
        self._visit = visit
        self._loaded = loaded
        self._call_id = found.call.id
        live = visit.watch.bus.call(found.call.id)
        self._head = tag("div", classes="loaded")
        if found.call.erased_at is not None:
            empty(visit.texts("call.erased"), visit.texts("call.erased_note"), "delete_forever")
            self._whole, self._about = tag("div", classes="whole"), tag("div", classes="whole")
            self.tell(found)
            return
        with tag("div", classes="columns wide-side"):
            with tag("div", classes="column-main"):
                heard = _heard(visit, found, live)
                with heard:
                    transcript = _transcript(visit, found, live)
            with tag("aside", classes="column-side", aria_label=visit.texts("call.about")):
                meters = Meters(visit, found.judged)
                decisions_and_notes(visit, found.call.id)
                self._whole = tag("div", classes="whole")
                self._about = tag("div", classes="whole")
        self.tell(found)
        if live is not None:
            _Feed(visit, found, _Parts(heard, transcript, meters, self.tell)).start()

    def tell(self, found: _Found) -> None:
        """Show what is known of the call now."""
        for place in (self._head, self._whole, self._about):
            place.clear()
        with self._head:
            head(self._visit, found.call, self._held, self._loaded.refresh)
        with self._whole:
            if found.call.erased_at is None:
                _whole(self._visit, found.call)
        with self._about:
            _about(self._visit, found.call)

    async def _held(self) -> None:
        """What is typed into the other parts, heard or opened there stays as it is."""
        self.tell(await self._visit.run(Permission.CALLS_READ, _find, self._visit, self._call_id))


@dataclass(frozen=True)
class _Parts:
    """What changes while a call lives."""

    heard: Heard
    transcript: Transcript
    meters: Meters
    ended: Callable[[_Found], None]


def _tell(
    visit: Visit, call: CallRecord, windows: tuple[Window, ...], judged: Judged | None
) -> None:
    """Write into the audit what is shown."""
    labels = list(visit.state.predictor.bundle.info.labels)
    rows = [as_mapping(row_of(each, labels)) for each in windows if each.label is not None]
    more = for_audit([] if judged is None else [judged.assessed], visit.state.policies.told)
    if rows or more or call.emotion is not None:
        visit.state.shown.tell(
            visit.actor,
            f"call:{call.id}",
            bundle=bundle_of(call),
            emotion=call.emotion,
            windows=rows,
            more=more,
        )


def _heard(visit: Visit, found: _Found, live: LiveCall | None) -> Heard:
    texts, call = visit.texts, found.call
    labels = _labels(visit, found)
    heard = Heard(
        palette(labels, texts),
        texts("call.subject"),
        {
            "duration": max([call.duration_s, *(window.end_s for window in found.windows)]),
            "windows": [row_of(window, labels) for window in found.windows],
            "audio": "" if live else _audio(found),
            "live": live is not None,
            "window_s": visit.state.predictor.bundle.info.window_s,
            "explains": "" if live else _explains(visit, found),
            "urgency": found.line,
            "ticks": [] if found.judged is None else found.judged.ticks,
        },
    )
    if found.recording is not None and live is None:
        draw_later(visit, heard, found.recording)
    return heard


def _labels(visit: Visit, found: _Found) -> list[str]:
    judged = next((each.probabilities for each in found.windows if each.label), None)
    return labels_of(judged, visit.state.predictor.bundle.info.labels)


def _transcript(visit: Visit, found: _Found, live: LiveCall | None) -> Transcript:
    texts = visit.texts
    utterances = said.of_kept(found.said, found.spotted)
    utterances += said.of_live(() if live is None else live.words)
    off = live is not None and visit.state.transcribing == "off"
    return Transcript(texts("said.title"), texts("said.off" if off else "said.none"), utterances)


def _audio(found: _Found) -> str:
    recording = found.recording
    return "" if recording is None else f"/api/v1/recordings/{recording.id}/audio"


def _explains(visit: Visit, found: _Found) -> str:
    recording = found.recording
    # One channel is explained, and on a page of several windows do not say whose they are.
    one = sum(scored(Role(role)) for role in found.call.channels) == 1
    if recording is None or not one or not visit.may(Permission.RECORDINGS_READ):
        return ""
    return explains_of(recording)


class _Feed:
    """Brings what is new in a live call to the browser, and into the audit that it was shown."""

    def __init__(self, visit: Visit, found: _Found, parts: _Parts) -> None:
        self._visit = visit
        self._call = found.call
        self._parts = parts
        self._labels = _labels(visit, found)
        self._there = {(window.channel, window.start_s) for window in found.windows}
        self._line_to_s = found.line[-1][0] if found.line else -1.0
        self._seen = 0
        self._words: tuple[HeardEvent, ...] = ()
        self._untold: list[Row] = []
        self._assessed: list[Assessed] = []
        self._timers: list[ui.timer] = []

    def start(self) -> None:
        """Look every half second from now on."""
        visit = self._visit
        self._timers = [
            ui.timer(_EVERY_S, visit.safely(self._look)),
            ui.timer(_TELL_EVERY_S, visit.safely(self._tell), immediate=False),
        ]
        ui.context.client.on_disconnect(self._tell_now)

    async def _look(self) -> None:
        watch = self._visit.watch
        windows, self._seen = watch.since(self._call.id, self._seen)
        new = [row for row in windows if (row[0], row[1]) not in self._there]
        if new:
            self._there.update((row[0], row[1]) for row in new)
            self._untold += new
            self._parts.heard.push(new, max(row[2] for row in new))
        live = watch.bus.call(self._call.id)
        if live is not None:
            judged = await run_in_threadpool(judged_of, self._visit, self._call.id)
            if self._parts.meters.follow(judged) and judged is not None:
                assessed = judged.assessed
                self._assessed.append(assessed)
                value = assessed.urgency["value"]
                self._parts.heard.push_urgency(assessed.at_s, value, judged.ticks)
                self._line_to_s = assessed.at_s
            words = [each for each in live.words if each not in self._words]
            if words:
                self._parts.transcript.push(said.of_live(words))
            self._words = live.words
        else:
            for timer in self._timers:
                timer.cancel()
            await self._tell()
            await self._await_end()

    async def _await_end(self) -> None:
        """The call is over; show it as it is kept, as soon as it is, with its last words and audio.

        Words and audio come a while after the end, so it looks for a minute.
        """
        left = _LAST_S
        has_ended = has_audio = False

        async def look() -> None:
            nonlocal left, has_ended, has_audio
            visit, parts, left = self._visit, self._parts, left - 1
            found = await visit.run(Permission.CALLS_READ, _find, visit, self._call.id)
            if left <= 0:
                timer.cancel()
            if found.call.state is CallState.LIVE:
                return
            self._catch_up(found)
            if not has_ended:
                has_ended = True
                parts.heard.end("", found.call.duration_s)
                parts.ended(found)
            parts.transcript.push(said.of_kept(found.said, found.spotted))
            parts.meters.follow(found.judged)
            if found.recording is not None and not has_audio:
                has_audio = True
                explains = _explains(visit, found)
                parts.heard.end(_audio(found), found.call.duration_s, explains)
                parts.heard.outline(await outline_of(visit.state, found.recording))

        timer = ui.timer(1.0, self._visit.safely(look))

    def _catch_up(self, found: _Found) -> None:
        """Bring what was kept after the last look: the watch forgets a call that ends.

        That it is shown stands in the audit since it was found.
        """
        heard, rows = self._parts.heard, [row_of(each, self._labels) for each in found.windows]
        new = [row for row in rows if (row[0], row[1]) not in self._there]
        if new:
            self._there.update((row[0], row[1]) for row in new)
            heard.push(new, max(row[2] for row in new))
        ticks = [] if found.judged is None else found.judged.ticks
        for at_s, value in found.line:
            if at_s > self._line_to_s:
                self._line_to_s = at_s
                heard.push_urgency(at_s, value, ticks)

    async def _tell(self) -> None:
        await self._visit.ask(Permission.CALLS_READ)
        await self._tell_now()

    async def _tell_now(self) -> None:
        windows, assessed = self._untold, self._assessed
        self._untold, self._assessed = [], []
        rows = [as_mapping(row) for row in windows if row[3] is not None]
        if rows or assessed:
            try:
                await run_in_threadpool(self._write_down, rows, assessed)
            except BaseException:  # to be written next time, with what was shown meanwhile
                self._untold = windows + self._untold
                self._assessed = assessed + self._assessed
                raise

    def _write_down(self, rows: list[dict[str, Any]], assessed: list[Assessed]) -> None:
        state = self._visit.state
        state.shown.tell(
            self._visit.actor,
            f"call:{self._call.id}",
            bundle=bundle_of(self._call),
            emotion=None,
            windows=rows,
            more=for_audit(assessed, state.policies.told),
        )


def _whole(visit: Visit, call: CallRecord) -> None:
    texts = visit.texts
    if call.state is not CallState.LIVE:
        with panel(texts("call.whole")):
            chip(call.emotion, texts, texts("emotion.no_speech"))
            tag("p", texts("call.whole_note"), "note")
    for warning in call.warnings:
        text = texts.known(f"warning.{warning['code']}", warning["message"])
        tag("p", text, "notice")


def _about(visit: Visit, call: CallRecord) -> None:
    texts = visit.texts
    with panel(texts("call.about")), tag("dl", classes="facts"):
        tag("dt", texts("calls.begun"))
        with tag("dd"):
            moment(call.started_at)
        if call.ended_at is not None:
            fact(texts("calls.length"), length(call.duration_s))
        fact(texts("call.dropped"), f"{call.dropped_s:.1f} s")
        fact(texts("recording.hold"), texts("yes" if call.legal_hold else "no"))
        for key, value in call.metadata.items():
            fact(texts.known(f"metadata.{key}", key), value)
        fact(texts("call.id"), call.id, "hash")
    model_facts(visit, **bundle_of(call))
