from collections.abc import Iterator
from pathlib import Path

import pytest

from service.running import Clock
from tonewatch.call.events import CallEnded, CallStarted, CallWarned, EndReason, Heard, to_dict
from tonewatch.call.roles import Role
from tonewatch.core.errors import UnavailableError
from tonewatch.core.events import EmotionEstimated, NoSpeech, Word, WordsRecognised
from tonewatch.inference.smoothing import Emotion
from tonewatch.service.live.keeper import Item, Keeper, recorded, shown
from tonewatch.store.assessments import Assessments
from tonewatch.store.audit import Audit
from tonewatch.store.blobs import FolderBlobs
from tonewatch.store.calls import Calls, CallState
from tonewatch.store.database import Database
from tonewatch.store.recordings import Recordings
from tonewatch.store.retention import Retention
from tonewatch.store.spool import Spool
from tonewatch.store.transcripts import Transcripts
from tonewatch.store.windows import Window

CLOCK = Clock()


class Store:
    def __init__(self, folder: Path) -> None:
        self.database = Database(f"sqlite:///{folder / 'test.db'}")
        self.database.upgrade()
        self.calls = Calls(self.database, CLOCK)
        self.blobs = FolderBlobs(folder)
        self.recordings = Recordings(self.database, CLOCK, self.blobs)
        self.audit = Audit(self.database, CLOCK)
        self.transcripts = Transcripts(self.database)
        self.assessments = Assessments(self.database)
        self.keep = Keeper(
            self.database,
            self.calls,
            self.recordings,
            self.transcripts,
            self.assessments,
            self.audit,
        )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.database.close()


def started(call_id: str) -> Item:
    return to_dict(
        CallStarted(call_id, CLOCK(), (Role.CALLER,), {"a": "b"}, "voice", "0" * 64, 0.6)
    )


def heard(call_id: str, start_s: float) -> Item:
    estimate = EmotionEstimated(start_s, start_s + 3, "calm", 0.7, True, {"calm": 1.0}, 2.0)
    return to_dict(Heard(call_id, 0, Role.CALLER, estimate))


def whole_call(store: Store, call_id: str, path: Path) -> list[Item]:
    path.write_bytes(call_id.encode())
    with path.open("rb") as file:
        sha256, size_bytes = store.blobs.put(file)
    emotion = Emotion("calm", 0.7, True, {"calm": 1.0})
    audio = {"name": "c.flac", "duration_s": 4.0, "rate_hz": 16_000, "channels": 1, "codec": "flac"}
    return [
        started(call_id),
        heard(call_id, 0.0),
        to_dict(Heard(call_id, 0, Role.CALLER, NoSpeech(1.0, 4.0))),
        to_dict(CallWarned(call_id, "clipped", "too loud")),
        to_dict(CallEnded(call_id, CLOCK(), EndReason.HUNG_UP, 4.0, 0.5, emotion)),
        shown(call_id, "ada", "result.shown", {"windows": []}),
        recorded(call_id, sha256=sha256, size_bytes=size_bytes, **audio),
    ]


def test_call_may_be_kept_twice(store: Store, tmp_path: Path) -> None:
    items = whole_call(store, "c", tmp_path / "c")
    for _ in range(2):
        store.keep(items)
        call = store.calls.get("c")
        assert (call.state, call.reason) == (CallState.ENDED, "hung_up")
        assert (call.duration_s, call.dropped_s) == (4.0, 0.5)
        assert call.metadata == {"a": "b"}
        assert call.emotion == items[4]["emotion"]
        assert call.warnings == ({"code": "clipped", "message": "too loud"},)
        assert store.calls.windows("c") == (
            Window(0, 0.0, 3.0, "calm", 0.7, True, {"calm": 1.0}, 2.0),
            Window(0, 1.0, 4.0),
        )
        assert store.recordings.get("c").call_id == "c"
        assert store.audit.list(subject="call:c").items[0].actor == "ada"


def test_item_that_cannot_be_kept_is_left_out_alone(store: Store, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", store.keep)
    spool.put([started("a"), heard("unknown", 0.0), started("b"), heard("a", 0.0), heard("b", 0.0)])
    assert spool.flush(120)
    spool.close()
    assert spool.rejected == 1
    assert store.calls.list().total == 2
    assert [len(store.calls.windows(call_id)) for call_id in "ab"] == [1, 1]


def test_of_late_items_of_an_erased_call_no_content_stays(store: Store, tmp_path: Path) -> None:
    store.keep(whole_call(store, "c", tmp_path / "c"))
    Retention(store.database, CLOCK, store.recordings, store.audit).erase_call("c", actor="ada")
    spool = Spool(tmp_path / "spool", store.keep)
    said = WordsRecognised(0.0, 1.0, (Word("mother", 0.0, 1.0, 0.9),), final=True)
    spool.put([to_dict(Heard("c", 0, Role.CALLER, said))])
    assert spool.flush(120)
    spool.close()
    kept = (tmp_path / "spool" / "rejected.jsonl").read_text()
    assert ("erased" in kept, "heard" in kept, "mother" in kept) == (True, True, False)


def test_all_or_nothing_where_the_database_is_away(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise UnavailableError("away")

    with monkeypatch.context() as patched:
        patched.setattr(store.audit, "append_all", away)
        with pytest.raises(UnavailableError):
            store.keep([started("a"), heard("a", 0.0)])
    assert store.calls.list().total == 0
