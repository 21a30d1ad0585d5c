"""The Studio: record a corpus of one's own, consent first; what is kept of it, and what it is for.

What is kept lies in `studio` below the data folder; recording goes through REST, from the browser.
"""

import shlex
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nicegui.element import Element

from tonewatch.core.errors import TonewatchError
from tonewatch.core.labels import SCHEMES
from tonewatch.corpora.collection import Collection
from tonewatch.corpora.quality import LIMITS
from tonewatch.corpora.recorded import Row
from tonewatch.corpora.studio import CONSENT, Prompts, Speaker
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard.components import Studio
from tonewatch.service.dashboard.frame import frame
from tonewatch.service.dashboard.parts import (
    Loaded,
    button,
    confirm,
    empty,
    moment,
    panel,
    problem,
    table,
    tag,
)
from tonewatch.service.dashboard.visit import Visit
from tonewatch.service.studio import collection_of, folder_of, forget, prompts_of

_AGES = ("18-29", "30-39", "40-49", "50-59", "60-69", "70+")
_SHOWN = 200
_SCHEME = "helpline4"


@dataclass(frozen=True)
class _Found:
    speakers: tuple[Speaker, ...]
    takes: tuple[Row, ...]


async def build(visit: Visit) -> None:
    """The page."""
    texts = visit.texts
    await visit.ask(Permission.STUDIO_USE)
    collection = collection_of(visit.state)
    with frame(visit, "studio", texts("studio.title")):
        tag("p", texts("studio.note"), "note")
        if visit.state.settings.keep_audio == "none":
            empty(texts("studio.no_audio"), texts("studio.no_audio_note"), "mic_off")
            return
        try:
            prompts = await visit.run(Permission.STUDIO_USE, prompts_of, visit.state)
        except TonewatchError as error:
            problem(visit, error)
            return
        studio = Studio(_content(visit, prompts))

        def look() -> _Found:
            return _Found(collection.speakers(), tuple(collection.takes()))

        async def get() -> _Found:
            return await visit.run(Permission.STUDIO_USE, look)

        def show(found: _Found) -> None:
            rows = [(row.speaker, row.label, row.sentence) for row in found.takes]
            numbers = [speaker for speaker, _, _ in rows]
            listed = [(who.number, numbers.count(who.number)) for who in found.speakers]
            studio.take(listed, rows)
            shown = _Lists(visit, collection, loaded)
            shown.takes(found.takes)
            shown.speakers(found)
            _use(visit, prompts)

        loaded = Loaded(visit, get, show)
        studio.on("changed", loaded.refresh, args=[])


class _Lists:
    """What is kept, and how it goes again."""

    def __init__(self, visit: Visit, collection: Collection, loaded: Loaded) -> None:
        self._visit = visit
        self._collection = collection
        self._loaded = loaded

    def takes(self, takes: tuple[Row, ...]) -> None:
        """The takes, the newest first."""
        texts = self._visit.texts
        with panel(texts("studio.takes"), "plain"):
            if not takes:
                empty(texts("studio.no_takes"), texts("studio.no_takes_note"), "mic")
                return
            heads = ("take", "speaker", "state", "sentence", "level", "snr")
            titles = [texts(f"studio.{head}") for head in heads]
            player = tag("div", classes="player-place")
            _, row = table(texts("studio.takes"), [*titles, ""], "takes")
            for take in reversed(takes[-_SHOWN:]):
                with row():
                    self._take(take, player)
            if len(takes) > _SHOWN:
                tag("p", texts("studio.older", n=len(takes) - _SHOWN), "note")

    def _take(self, take: Row, player: Element) -> None:
        visit, texts, stem = self._visit, self._visit.texts, Path(take.path).stem
        tag("th", stem, "hash", scope="row")
        tag("td", take.speaker, "number")
        tag("td", texts.emotion(take.label))
        tag("td", take.sentence)
        tag("td", "–" if take.level_dbfs is None else f"{take.level_dbfs:.0f} dBFS", "number")
        tag("td", "–" if take.snr_db is None else f"{take.snr_db:.0f} dB", "number")

        async def listen() -> None:
            player.clear()
            with player, tag("div", classes="player", role="group", aria_label=stem):
                tag("span", stem, "player-name")
                tag(
                    "audio",
                    controls=True,
                    autoplay=True,
                    src=f"/api/v1/studio/takes/{stem}/audio",
                    aria_label=texts("recordings.player_of", name=stem),
                )
                button("×", close, "quiet", name=texts("frame.close"))

        async def close() -> None:
            player.clear()

        def work() -> None:
            self._collection.delete(stem)
            visit.state.audit.append(visit.actor, "studio.deleted", f"take:{stem}", {})

        with tag("td", classes="cell-actions"), tag("div", classes="actions"):
            name = texts("recordings.listen_to", name=stem)
            button(texts("recordings.listen"), listen, name=name)
            title, note = texts("studio.delete_title", take=stem), texts("studio.delete_note")
            name = texts("recordings.delete_it", name=stem)
            self._end(texts("recordings.delete"), name, title, note, work)

    def speakers(self, found: _Found) -> None:
        """Who agreed; they may ask to be forgotten."""
        texts = self._visit.texts
        if not found.speakers:
            return
        with panel(texts("studio.speakers"), "plain", note=texts("studio.speakers_note")):
            heads = ("speaker", "sex", "age", "language", "agreed", "kept")
            titles = [texts(f"studio.{head}") for head in heads]
            _, row = table(texts("studio.speakers"), [*titles, ""], "speakers")
            for who in found.speakers:
                with row():
                    n = sum(take.speaker == who.number for take in found.takes)
                    self._speaker(who, n)

    def _speaker(self, who: Speaker, n: int) -> None:
        visit, texts = self._visit, self._visit.texts
        tag("th", who.number, "number", scope="row")
        tag("td", texts(f"sex.{who.sex}") if who.sex else "–")
        tag("td", who.age or "–", "number")
        tag("td", who.language or "–")
        with tag("td"):
            moment(who.consent.given_at)
        tag("td", str(n), "number")

        def work() -> None:
            forget(visit.state, who.number, visit.actor)

        with tag("td", classes="cell-actions"):
            title = texts("studio.forget_title", number=who.number)
            name = texts("studio.forget_it", number=who.number)
            note = texts.count("studio.forget_note", n)
            self._end(texts("studio.forget"), name, title, note, work)

    def _end(self, text: str, name: str, title: str, note: str, work: Callable[[], None]) -> None:
        """A button for what cannot be undone."""
        visit = self._visit

        @visit.safely
        async def end() -> None:
            await visit.run(Permission.STUDIO_USE, work)
            await self._loaded.refresh()

        async def ask() -> None:
            confirm(visit, title, note, text, end)

        button(text, ask, "quiet", name=name)


def _use(visit: Visit, prompts: Prompts) -> None:
    """Where the corpus lies, and how one trains on it."""
    texts = visit.texts
    folder = folder_of(visit.state).resolve()
    corpus = f"mine:recorded={shlex.quote(str(folder))}"
    fits = set(prompts.states) <= set(SCHEMES[_SCHEME].labels)
    scheme = _SCHEME if fits else "mine.toml"
    commands = (
        f"tonewatch corpora {corpus}",
        f"tonewatch train --corpus {corpus} --scheme {scheme} --folds speaker:4 --out runs/mine",
    )
    with panel(texts("studio.use"), note=texts("studio.use_note")):
        tag("p", str(folder), "hash breakable")
        tag("pre", "\n".join(commands), "commands", tabindex=0, aria_label=texts("studio.commands"))
        tag("p", texts("studio.use_then"), "note")
        if not fits:
            tag("p", texts("studio.own_scheme"), "note")


def _content(visit: Visit, prompts: Prompts) -> dict[str, Any]:
    texts = visit.texts
    language = "en" if prompts.consent == CONSENT else prompts.language
    return {
        "sentences": prompts.sentences,
        "states": [{"state": each, "word": texts.emotion(each)} for each in prompts.states],
        "language": prompts.language,
        "consent": {"text": prompts.consent, "language": language},
        "limits": asdict(LIMITS),
        "ages": _AGES,
    }
