"""Recordings that a process left when it died."""

from pathlib import Path

import pytest

from service.live.talk import Talk, key, spoken
from service.running import running
from tonewatch.core.errors import StoreError
from tonewatch.service.settings import Settings
from tonewatch.store.spool import Event, Spool


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
            talk.send(spoken(2))
            talk.hang_up()
    with running(settings) as service:
        (kept,) = service.state.recordings.list(call_id=call_id).items
        assert kept.duration_s == 2.0
        service.state.blobs.open(kept.sha256).close()
