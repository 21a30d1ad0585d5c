"""Recordings that a process left when it died: kept, or deleted where the store refuses them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import soundfile

from service.live.talk import RATE_HZ, Talk, key, spoken
from service.live.test_live import wait_for
from service.running import running
from tonewatch.core.errors import StoreError
from tonewatch.service.settings import Settings
from tonewatch.service.state import State
from tonewatch.store.spool import Event, Spool


def started(state: State, call_id: str) -> None:
    bundle: dict[str, Any] = {"bundle": "voice", "bundle_sha256": "0" * 64, "threshold": 0.6}
    state.calls.start(
        call_id, started_at=datetime.now(UTC), channels=["caller"], metadata={}, **bundle
    )


def test_recording_that_is_refused_is_deleted_and_holds_up_no_other(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", transcribe="off")
    state = State.open(settings)
    started(state, "a-erased")
    started(state, "c")
    state.calls.mark_interrupted()
    state.retention.erase_call("a-erased", actor="ada")
    state.close()
    folder = settings.data_dir / "live" / "dead"
    (folder / "recordings").mkdir(parents=True)
    for seconds, call_id in enumerate(("a-erased", "b-unknown", "c"), 1):
        soundfile.write(folder / "recordings" / f"{call_id}.flac", spoken(seconds), RATE_HZ)
    with running(settings) as service:
        (kept,) = service.state.recordings.list().items
        assert (kept.call_id, kept.duration_s) == ("c", 3.0)
        assert not folder.exists()
        files = (settings.data_dir / "blobs").glob("*/*/*")
        assert [path.name for path in files] == [kept.sha256]


def test_recording_is_not_deleted_before_it_is_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data_dir=tmp_path / "data", transcribe="off")
    put = Spool.put

    def full(spool: Spool, events: list[Event]) -> None:
        if any(event["type"] == "recorded" for event in events):
            raise StoreError("no room")
        put(spool, events)

    with monkeypatch.context() as patched:
        patched.setattr(Spool, "put", full)
        with running(settings) as service, Talk(service.url, key(service)) as talk:
            call_id = talk.open()
            # Else the call and its recording may be in one batch.
            wait_for(lambda: service.state.calls.list().total or None)
            talk.send(spoken(2))
            talk.hang_up()
    with running(settings) as service:
        (kept,) = service.state.recordings.list(call_id=call_id).items
        assert kept.duration_s == 2.0
        service.state.blobs.open(kept.sha256).close()
