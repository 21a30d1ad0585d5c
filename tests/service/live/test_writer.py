"""A writer whose disk is full for a while, or whose items are no JSON; a test makes its turns."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tonewatch.call.events import CallEnded, CallStarted, EndReason
from tonewatch.call.roles import Role
from tonewatch.call.sinks import Hub
from tonewatch.core.errors import StoreError
from tonewatch.service.live import writer as live_writer
from tonewatch.service.live.writer import Writer
from tonewatch.store.spool import Spool

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STARTED = CallStarted("c", NOW, (Role.CALLER,), {}, "voice", "0" * 64, 0.6)
ENDED = CallEnded("c", NOW, EndReason.FINISHED, 9.0, 0.0, None)


class FullSpool(Spool):
    """One that has room only after so many tries."""

    def __init__(self, folder: Path, full_for: int) -> None:
        self.kept: list[str] = []
        self.tries_left = full_for
        super().__init__(folder, lambda events: self.kept.extend(each["type"] for each in events))

    def put(self, events: list[dict[str, Any]]) -> None:
        if events and self.tries_left > 0:
            self.tries_left -= 1
            raise StoreError("no room")
        super().put(events)


def wrote(spool: FullSpool, act: Callable[[Writer, Hub], None]) -> list[str]:
    """What is kept of a call that starts, of `act` while the disk may be full, and of its end."""
    hub = Hub()
    writer = Writer(hub.subscribe("store", capacity=100), spool, lambda: None, lambda _: {})
    writer.sent_by("c", "ada")
    hub.publish([STARTED])
    writer.start()
    act(writer, hub)
    until = time.monotonic() + 60
    while spool.tries_left and time.monotonic() < until:
        time.sleep(0.01)
    hub.publish([ENDED])
    writer.stop()
    return spool.kept


def test_what_a_full_disk_could_not_take_is_written_first_later(tmp_path: Path) -> None:
    spool, safe = FullSpool(tmp_path, 3), []

    def act(writer: Writer, _: Hub) -> None:
        writer.put({"type": "recorded"}, lambda: safe.append(spool.tries_left))

    kept = wrote(spool, act)
    assert kept[0] == "call_started"
    assert [kind for kind in kept if kind != "shown"] == ["call_started", "recorded", "call_ended"]
    assert safe == [0]


def test_what_waits_for_the_disk_is_bounded_and_the_newest_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_writer, "_MOST_UNKEPT", 3)
    monkeypatch.setattr(live_writer, "_PUT_EACH", 2)

    def act(writer: Writer, _: Hub) -> None:
        for _number in range(9):
            writer.put({"type": "recorded"})

    kept = wrote(FullSpool(tmp_path, 2), act)
    assert kept[0] == "call_started"
    assert kept.count("recorded") < 9
    assert "call_ended" in kept


def test_what_is_no_json_is_lost_alone(tmp_path: Path) -> None:
    safe: list[str] = []

    def act(writer: Writer, _: Hub) -> None:
        writer.put({"type": "bad", "x": {1}}, lambda: safe.append("bad"))
        writer.put({"type": "recorded"}, lambda: safe.append("recorded"))

    kept = wrote(FullSpool(tmp_path, 1), act)
    assert [kind for kind in kept if kind != "shown"] == ["call_started", "recorded", "call_ended"]
    assert safe == ["recorded"]
