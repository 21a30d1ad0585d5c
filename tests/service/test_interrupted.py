"""Calls whose process died so shortly before a start that Redis still tells of them."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from service.live.processes import redis_url
from service.live.test_left import started
from service.live.test_live import wait_for
from service.running import running
from service.test_bus import STARTED
from tonewatch.service import app, bus
from tonewatch.service.live_call import LiveCall
from tonewatch.service.settings import Settings
from tonewatch.service.state import State
from tonewatch.store.calls import CallState
from tonewatch.store.windows import Window


def test_calls_of_a_process_that_just_died(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus, "_LOOK_EVERY_S", 0.5)
    monkeypatch.setattr(app, "EXPIRED_AFTER_S", 5.0)
    settings = Settings(data_dir=tmp_path / "data", transcribe="off", redis_url=redis_url())
    client = redis.Redis.from_url(settings.redis_url)
    state = State.open(settings)
    for call_id in ("dead", "elsewhere"):
        started(state, call_id)
        snapshot = LiveCall(replace(STARTED, call_id=call_id), "another").to_json()
        client.set(f"tonewatch:call:{call_id}", snapshot, ex=600)
    state.calls.add_windows("dead", [Window(0, 0.0, 3.0)])
    state.close()
    with running(settings) as service:
        client.delete("tonewatch:call:dead")  # as it expires
        calls = service.state.calls
        assert calls.get("dead").state is CallState.LIVE
        started(service.state, "new")  # of a process that Redis did not tell of yet

        wait_for(lambda: calls.get("dead").ended_at)
        dead = calls.get("dead")
        assert (dead.state, dead.reason) == (CallState.INTERRUPTED, "interrupted")
        assert (dead.ended_at, dead.duration_s) == (dead.started_at + timedelta(seconds=3), 3.0)
        assert {calls.get(call_id).state for call_id in ("elsewhere", "new")} == {CallState.LIVE}
        wait_for(lambda: service.state.audit.about(["calls"]) or None)
    client.flushdb()
    client.close()
