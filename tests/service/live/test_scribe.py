"""Speech to recognisers and words back, with a recogniser that ships with the tests."""

import pickle
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.live.parrot import PHRASE, TEXT, Parrot
from service.live.talk import Talk, key, sample_call
from service.live.test_live import ended, wait_for
from service.running import Service, running
from tonewatch.call.events import Assessed, CallEnded, EndReason, Heard
from tonewatch.call.roles import Role
from tonewatch.call.sinks import Hub
from tonewatch.core.errors import SettingsError, TranscriptError
from tonewatch.core.events import (
    Event,
    NoSpeech,
    NotTranscribed,
    PhraseSpotted,
    SpeechEnded,
    SpeechStarted,
    WordsRecognised,
)
from tonewatch.core.signal import Samples
from tonewatch.service.live import live
from tonewatch.service.live.recogniser import chosen, maker
from tonewatch.service.live.scribe import Scribe
from tonewatch.service.settings import Settings
from tonewatch.store.transcripts import Transcribed
from tonewatch.store.users import UserRole
from tonewatch.transcript.pocketsphinx import Pocketsphinx
from tonewatch.transcript.pool import Pool
from tonewatch.transcript.schedule import PoolSettings


class Ledger:
    """A pool that writes down what it is told."""

    def __init__(self, on_event: Callable[[str, int, Event], None]) -> None:
        self.on_event = on_event
        self.told: list[tuple[object, ...]] = []
        self.samples: dict[int, int] = {}

    def ready(self, timeout_s: float) -> bool:
        raise TranscriptError("no model")

    def open(self, call_id: str, channel: int) -> None:
        self.told.append(("open", call_id, channel))

    def push(self, call_id: str, channel: int, samples: Samples) -> None:
        assert samples.ndim == 1 and samples.dtype == np.float32 and len(samples) <= 16_000
        self.samples[channel] = self.samples.get(channel, 0) + len(samples)

    def speech(self, call_id: str, channel: int, start_s: float, end_s: float | None) -> None:
        self.told.append(("speech", channel, start_s, end_s))

    def judged(self, call_id: str, channel: int, until_s: float) -> None:
        self.told.append(("judged", channel, until_s))

    def set_priority(self, call_id: str, value: float) -> None:
        if value == 0.5:
            raise TranscriptError("made up")
        self.told.append(("priority", value))

    def close(self, call_id: str) -> None:
        self.told.append(("close", call_id))

    def stop(self) -> None:
        self.told.append(("stop",))


def test_what_a_pool_is_told_and_what_it_tells() -> None:
    hub, pools, told, late, broken = (
        Hub(),
        list[Ledger](),
        list[Heard](),
        list[Heard](),
        list[str](),
    )
    closers: list[Callable[[str], None]] = []
    live_calls = {"c"}

    def make(take: Callable[[str, int, Event], None], done: Callable[[str], None]) -> Ledger:
        closers.append(done)
        pools.append(Ledger(take))
        return pools[0]

    def tell(call_id: str, events: object) -> bool:
        if call_id in live_calls:
            told.extend(events)  # type: ignore[arg-type]
        return call_id in live_calls

    scribe = Scribe(
        hub.subscribe("scribe", capacity=100),
        make,
        tell=tell,
        late=late.append,
        broken=broken.append,
    )
    scribe.start()
    pool = pools[0]
    assert scribe.listeners("t", [Role.CALL_TAKER]) == ()
    (take,) = scribe.listeners("c", [Role.CALL_TAKER, Role.CALLER])
    take(np.zeros((8_000, 2), np.float32))
    take(40_000)
    assert pool.samples == {1: 48_000}
    hub.publish(
        [
            Heard("c", 1, Role.CALLER, SpeechStarted(0.5)),
            Assessed("c", 1.0, {"value": 0.5}, {}, "1"),  # breaks the pool, not the scribe
            Assessed("c", 1.0, {"value": 0.7}, {}, "1"),
            Heard("c", 1, Role.CALLER, SpeechEnded(0.5, 2.0)),
            Heard("c", 1, Role.CALLER, NoSpeech(0.0, 3.0)),
            Heard("unknown", 0, Role.CALLER, SpeechStarted(0.0)),
            CallEnded("c", datetime(2026, 1, 2, tzinfo=UTC), EndReason.FINISHED, 3.0, 0.0, None),
        ]
    )
    wait_for(lambda: True if ("close", "c") in pool.told else None)
    assert pool.told == [
        ("open", "c", 1),
        ("speech", 1, 0.5, None),
        ("priority", 0.7),
        ("speech", 1, 0.5, 2.0),
        ("judged", 1, 3.0),
        ("close", "c"),
    ]
    partial_words, whole = WordsRecognised(0.5, 1.0, (), False), WordsRecognised(0.5, 2.0, (), True)
    pool.on_event("c", 1, partial_words)
    live_calls.clear()
    stay: list[Event] = [whole, NotTranscribed(2.0, 3.0), PhraseSpotted(0.5, 1.5, "plane crash")]
    for event in (partial_words, *stay):
        pool.on_event("c", 1, event)
    assert [heard.event for heard in told] == [partial_words]
    assert [heard.event for heard in late] == stay
    assert {heard.role for heard in [*told, *late]} == {Role.CALLER}
    assert scribe.has_late_words("c")
    closers[0]("c")
    assert not scribe.has_late_words("c")
    scribe.stop()
    assert pool.told[-1] == ("stop",)
    assert broken == ["no model"]


@pytest.fixture(scope="module")
def parroting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose recogniser is the parrot."""
    pools: list[Pool] = []

    def pool(*arguments: Any, **more: Any) -> Pool:
        waits = PoolSettings(longest_wait_s=120.0, nice=0)  # for no busy machine
        pools.append(Pool(*arguments, settings=waits, **more))
        return pools[0]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(live, "maker", lambda _settings: Parrot)
        patched.setattr(live, "Pool", pool)
        settings = Settings(data_dir=tmp_path_factory.mktemp("data"), transcribe="pocketsphinx")
        with running(settings) as service:
            assert pools[0].ready(300)
            yield service


SPOTTED = ("start_s", "end_s", "phrase")


def cues_of(assessed: dict[str, Any]) -> set[str]:
    return {part["cue"] for part in assessed["urgency"]["contributions"]}


def test_words_are_told_judged_kept_and_shown(parroting: Service) -> None:
    client = parroting.keyed(UserRole.ADMINISTRATOR)
    with Talk(parroting.url, key(parroting)) as talk:
        call_id = talk.open(channels=["caller", "call_taker"])
        talk.send(sample_call()[: 2 * 5 * 16_000].reshape(2, -1).T)
        talk.send(np.zeros((3 * 16_000, 2), np.int16))
        talk.until("speech_ended")
        for _ in range(5):  # an utterance ends with what comes after the end of speech was told
            talk.send(np.zeros((3_200, 2), np.int16))
            time.sleep(0.2)
        while not (words := talk.until("words_recognised"))["event"]["final"]:
            pass
        spotted = talk.until("phrase_spotted")["event"]
        while "spotted_phrases" not in cues_of(assessed := talk.until("assessed")):
            pass
        assert assessed["urgency"]["band"] == "high"
        live_call = parroting.state.bus.call(call_id)
        assert live_call is not None and live_call.words
        assert client.get("/api/v1/queue").json()["items"][0]["urgency"]["band"] == "high"
        talk.hang_up()
    assert (words["channel"], words["role"]) == (0, "caller")
    assert {m["channel"] for m in talk.heard if m["type"] == "heard"} == {0}
    assert talk.heard[-1]["type"] == "call_ended"
    ended(parroting, call_id)
    wait_for(lambda: parroting.state.transcripts.of(call_id) or None)
    answer = client.get(f"/api/v1/calls/{call_id}/transcript").json()
    assert answer["transcript"] == Transcribed.ALL
    assert answer["utterances"][0]["text"] == TEXT
    assert answer["spotted"][0] == {"channel": 0} | {k: spotted[k] for k in SPOTTED}
    assert spotted["phrase"] == PHRASE
    assert client.get(f"/api/v1/calls/{call_id}").json()["transcript"] == Transcribed.ALL


def test_which_recogniser(tmp_path: Path) -> None:
    assert chosen(Settings(transcribe="off")) == "off"
    assert chosen(Settings()) == "pocketsphinx"
    made = maker(Settings(transcribe_model=str(tmp_path)))
    assert isinstance(made, partial)
    assert (made.func, made.keywords) == (Pocketsphinx, {"model": tmp_path})
    http = maker(
        Settings(
            transcribe="http", transcribe_url="http://127.0.0.1:1/v1", transcribe_language="de"
        )
    )
    assert http is not None and http().name == "http"
    assert maker(Settings(transcribe="off")) is None
    with pytest.raises(SettingsError, match="TRANSCRIBE_MODEL"):
        Settings(transcribe="whisper")
    with pytest.raises(SettingsError, match="TRANSCRIBE_URL"):
        Settings(transcribe="http")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (Settings(), "pocketsphinx and phrases"),
        (Settings(spot="off"), "pocketsphinx"),
        (Settings(transcribe="off", spot="on"), "phrases"),
        (Settings(transcribe="http", transcribe_url="http://127.0.0.1:1/v1"), "http"),
        (
            Settings(transcribe="http", transcribe_url="http://127.0.0.1:1/v1", spot="on"),
            "http and phrases",
        ),
    ],
)
def test_whether_phrases_are_spotted(settings: Settings, named: str) -> None:
    made = maker(settings)
    assert made is not None
    assert made().name == named
    assert pickle.loads(pickle.dumps(made)).func == getattr(made, "func", None)
