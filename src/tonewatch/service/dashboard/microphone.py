"""The microphone: notice and consent first, then one's own voice as a live call."""

from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard.components import Heard, Microphone
from tonewatch.service.dashboard.emotions import palette
from tonewatch.service.dashboard.frame import frame
from tonewatch.service.dashboard.parts import panel, tag
from tonewatch.service.dashboard.visit import Visit


async def build(visit: Visit) -> None:
    """The page."""
    texts, info = visit.texts, visit.state.predictor.bundle.info
    await visit.ask(Permission.CALLS_LIVE)
    with frame(visit, "microphone", texts("microphone.title")):
        if not visit.model_on:
            tag("p", texts("microphone.model_off"), "notice")
        with tag("div", classes="halves"):
            with panel(texts("microphone.notice"), "notice-panel"):
                tag("p", texts("microphone.notice_1", bundle=f"{info.name} {info.version}"))
                tag("p", texts("microphone.notice_2"))
                kept = visit.state.settings.keep_audio != "none"
                tag("p", texts("microphone.kept" if kept else "microphone.not_kept"))
            metadata = {"caller": visit.name, "source": "browser", "notice": "given"}
            Microphone(metadata, can_keep=kept)
        Heard(
            palette(info.labels, texts),
            texts("microphone.subject"),
            {
                "duration": 0,
                "windows": [],
                "audio": "",
                "live": True,
                "follows": True,
                "window_s": info.window_s,
            },
        )
