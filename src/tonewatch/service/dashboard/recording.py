"""One recording: heard over its time axis, with its player and what is known of it."""

from typing import Any

from nicegui import ui

from tonewatch.core.errors import TonewatchError
from tonewatch.service import shelf
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard.components import Heard
from tonewatch.service.dashboard.emotions import chip, labels_of, palette
from tonewatch.service.dashboard.frame import frame
from tonewatch.service.dashboard.hearing import Hearing
from tonewatch.service.dashboard.mount import PATH
from tonewatch.service.dashboard.outline import outline_of
from tonewatch.service.dashboard.parts import (
    Loaded,
    button,
    empty,
    fact,
    link,
    moment,
    panel,
    tag,
)
from tonewatch.service.dashboard.recording_table import length, offer_undo, put_away, title_of
from tonewatch.service.dashboard.visit import Visit
from tonewatch.service.problems import Refusal
from tonewatch.store.recordings import Recording


async def build(visit: Visit, recording_id: str) -> None:
    """The page."""
    texts = visit.texts
    with frame(visit, "recordings", texts("recording.title"), heading=""):

        def get_now() -> tuple[Recording, bool]:
            recording = visit.state.recordings.get(recording_id)
            shelf.tell_shown(visit.state, visit.actor, recording)
            return recording, visit.state.blobs.exists(recording.sha256)

        async def get() -> tuple[Recording, bool]:
            return await visit.run(Permission.RECORDINGS_READ, get_now)

        def show(found: tuple[Recording, bool]) -> None:
            recording, has_audio = found
            _head(visit, recording, has_audio, loaded)
            with tag("div", classes="columns"):
                with tag("div", classes="column-main"):
                    _heard(visit, recording, has_audio)
                with tag("aside", classes="column-side", aria_label=texts("recording.about")):
                    _about(visit, recording)

        loaded = Loaded(visit, get, show, is_page=True)


def _head(visit: Visit, recording: Recording, has_audio: bool, loaded: Loaded) -> None:
    texts = visit.texts

    @visit.safely
    async def detect() -> None:
        await visit.ask(Permission.RECORDINGS_WRITE)
        hearing = Hearing(visit, recording, title_of(recording, texts))
        place.clear()
        with place:
            hearing.draw()
        try:
            await hearing.run()
        finally:
            await loaded.refresh()

    @visit.safely
    async def delete() -> None:
        await visit.run(Permission.RECORDINGS_DELETE, put_away, visit, recording.id)
        head.clear()
        with head:
            offer_undo(visit, recording, loaded.refresh)

    with tag("div", classes="page-head") as head:
        with tag("div"):
            link(texts("recording.back"), f"{PATH}/recordings", "back")
            tag("h1", title_of(recording, texts), "breakable")
        with tag("div", classes="actions") as place:
            if has_audio:
                address = f"/api/v1/recordings/{recording.id}/audio"
                link(texts("recording.download"), address, "button", download=recording.name)
            if has_audio and visit.may(Permission.RECORDINGS_WRITE):
                again = recording.result is not None
                text = texts("recordings.detect_again" if again else "recordings.detect")
                button(text, detect, "" if again else "primary")
            if visit.may(Permission.RECORDINGS_DELETE):
                button(texts("recordings.delete"), delete, "quiet")


def _heard(visit: Visit, recording: Recording, has_audio: bool) -> None:
    texts, result = visit.texts, recording.result
    if result is None:
        empty(texts("recording.not_heard"), texts("recording.not_heard_note"), "hearing")
    own = visit.state.predictor.bundle.info.labels
    timeline = [] if result is None else result["timeline"]
    labels = labels_of(timeline[0]["probabilities"] if timeline else None, own)
    content: dict[str, Any] = {
        "duration": recording.duration_s,
        "windows": [] if result is None else rows_of_result(result, labels),
        "audio": f"/api/v1/recordings/{recording.id}/audio" if has_audio else "",
        "live": False,
        "explains": explains_of(recording) if has_audio else "",
    }
    if result is None and not has_audio:
        return
    heard = Heard(palette(labels, texts), texts("recording.subject"), content)
    if has_audio:
        draw_later(visit, heard, recording)


def explains_of(recording: Recording) -> str:
    """Where REST explains a window of it."""
    return f"/recordings/{recording.id}/explanation"


def draw_later(visit: Visit, heard: Heard, recording: Recording) -> None:
    """Draw the waveform as soon as it is known."""

    async def draw() -> None:
        try:
            heard.outline(await outline_of(visit.state, recording))
        except (TonewatchError, Refusal):
            return  # without it all else can be seen

    ui.timer(0.0, draw, once=True)


def rows_of_result(result: Any, labels: list[str]) -> list[list[Any]]:
    """The windows of a kept result, those without speech among them, in order."""
    rows: list[list[Any]] = [
        [
            0,
            window["start_s"],
            window["end_s"],
            window["label"],
            round(window["confidence"], 4),
            window["certain"],
            *(round(window["probabilities"][label], 4) for label in labels),
        ]
        for window in result["timeline"]
    ]
    rows += [[0, gap["start_s"], gap["end_s"], None, 0, False] for gap in result.get("gaps", ())]
    return sorted(rows, key=lambda row: float(row[1]))


def _about(visit: Visit, recording: Recording) -> None:
    texts, result = visit.texts, recording.result
    if result is not None:
        with panel(texts("recording.whole")):
            chip(result["emotion"], texts, texts("emotion.no_speech"))
            tag("p", texts("recording.whole_note"), "note")
    with panel(texts("recording.about")), tag("dl", classes="facts"):
        fact(texts("recording.length"), length(recording.duration_s))
        if result is not None:
            fact(texts("recording.speech"), length(result["speech_s"]))
        sound = texts(
            "recording.sound_is",
            rate=f"{recording.rate_hz / 1000:g}",
            channels=texts.count("recording.channels", recording.channels),
            codec=recording.codec,
        )
        fact(texts("recording.sound"), sound)
        fact(texts("recording.size"), f"{recording.size_bytes / 1e6:.1f} MB")
        tag("dt", texts("recordings.added"))
        with tag("dd"):
            moment(recording.created_at)
        fact(texts("recording.by"), recording.created_by or "–")
        if recording.call_id is not None:
            tag("dt", texts("recording.call"))
            with tag("dd"):
                link(texts("recording.to_call"), f"{PATH}/calls/{recording.call_id}")
        fact(texts("recording.hold"), texts("yes" if recording.legal_hold else "no"))
    if result is not None:
        model_facts(visit, **result["bundle"])


def model_facts(visit: Visit, name: str, sha256: str, threshold: float, version: str = "") -> None:
    """By which model it was heard, and from when it counts as certain."""
    texts = visit.texts
    with panel(texts("recording.model")), tag("dl", classes="facts"):
        fact(texts("recording.bundle"), f"{name} {version}".strip())
        own = visit.state.predictor.bundle
        if own.sha256 == sha256 and own.info.experimental:
            fact(texts("recording.standing"), texts("models.experimental"))
        fact(texts("recording.hash"), sha256[:16], "hash")
        fact(texts("recording.threshold"), f"{threshold:.0%}")
