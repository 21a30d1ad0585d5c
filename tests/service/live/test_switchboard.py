"""How fast a call may come, by a clock that the test turns; nobody hears the calls."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from call.streams import SILENT_START, silent_page
from tonewatch.call.events import EndReason
from tonewatch.call.formats import Encoding
from tonewatch.call.roles import Role
from tonewatch.service.auth.guard import Principal
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.live.engine import Engine
from tonewatch.service.live.line import Line
from tonewatch.service.live.messages import Close, HangUp, Open, Resume
from tonewatch.service.live.switchboard import Switchboard
from tonewatch.service.settings import Settings
from tonewatch.service.state import State
from tonewatch.store.users import UserRole


@dataclass
class Room:
    """A switchboard, its only sender, and the time."""

    state: State
    who: Principal
    now: float = 0.0

    def __post_init__(self) -> None:
        self.engine = Engine(lambda _: None, lambda _: None, self.state.metrics)
        self.switchboard = Switchboard(
            self.state, self.engine, None, lambda *_: None, lambda *_: (), lambda: self.now
        )

    def open(self, **more: object) -> Line:
        usual = {"encoding": Encoding.MULAW, "rate_hz": 8_000, "channels": [Role.CALLER]}
        settings: dict[str, Any] = _DEFAULTS | usual | more
        return self.switchboard.open(self.who, Open.model_construct(**settings))

    def resume(self, line: Line, position: int | None = None) -> None:
        asked: dict[str, Any] = {"call_id": line.call_id, "position": position}
        self.switchboard.resume(self.who, Resume.model_construct(**asked))


_DEFAULTS: dict[str, Any] = {"metadata": {}, "record": False, "key": ""}


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    state = State.open(Settings(data_dir=tmp_path / "data", transcribe="off"))
    user = state.users.create("ada", UserRole.CALL_TAKER, "")
    yield Room(state, Principal(user, None, None, frozenset({Permission.CALLS_LIVE})))
    state.close()


def test_what_comes_too_far_ahead_of_time_is_not_taken(room: Room) -> None:
    line = room.open()
    room.switchboard.receive(line, bytes(80_000))
    for _ in range(3):
        with pytest.raises(HangUp, match="at most 10 s ahead") as refused:
            room.switchboard.receive(line, bytes(256_000))
        assert refused.value.code is Close.TOO_FAST
        room.resume(line)
    assert line.received_bytes == 80_000
    room.now = 1.0
    room.switchboard.receive(line, bytes(8_000))
    with pytest.raises(HangUp):
        room.switchboard.receive(line, b"\0")
    assert line.received_s == 11.0


def test_backlog_of_a_broken_connection_is_taken(room: Room) -> None:
    line = room.open()
    room.switchboard.receive(line, bytes(80_000))
    room.now = 40.0
    room.resume(line)
    room.switchboard.receive(line, bytes(240_000))
    assert line.received_s == 40.0
    with pytest.raises(HangUp, match="a longer gap"):
        room.resume(line, 50 * 8_000 + 1)
    room.resume(line, 50 * 8_000)


def test_opus_that_came_too_fast_is_taken_up_again_only_in_time(room: Room) -> None:
    line = room.open(encoding=Encoding.OPUS)
    room.switchboard.receive(line, SILENT_START + silent_page(15.3))
    line.hear(0.0)
    acts: tuple[Callable[[], object], ...] = (
        lambda: room.resume(line),
        lambda: room.switchboard.receive(line, b"x"),
    )
    for act in acts:
        with pytest.raises(HangUp) as refused:
            act()
        assert refused.value.code is Close.TOO_FAST
    room.now = 6.0
    room.resume(line)
    for _ in range(2):
        room.switchboard.receive(line, silent_page(15.3))
    line.hear(6.0)
    assert line.failure is not None
    room.switchboard.receive(line, silent_page(15.3))  # and is told that the call has failed
    assert line.waiting_bytes == 0


def test_what_waits_to_be_decoded_is_limited_and_told_so(room: Room) -> None:
    line = room.open(encoding=Encoding.OPUS)  # of which nobody knows how long it is
    room.switchboard.receive(line, bytes(4 << 20))
    with pytest.raises(HangUp, match="at most 4 MiB") as refused:
        room.switchboard.receive(line, b"x")
    assert refused.value.code is Close.TOO_FAST
    assert line.waiting_bytes == 4 << 20


def test_call_that_was_mostly_lost_is_counted_by_what_was_heard(room: Room) -> None:
    line = room.open(channels=[Role.CALLER, Role.CALL_TAKER])
    room.switchboard.receive(line, b"\xff" * 16_000)
    line.hear(0.0)
    room.switchboard.receive(line, b"\xff" * 48_000)
    line.end(EndReason.FINISHED)
    while not line.over:
        line.hear(0.0, hearing=False)
    assert line.call.dropped_s > line.call.heard_s
    room.switchboard._forget(line)
    page = room.state.metrics.page().decode()
    heard_s = float(page.split('tonewatch_heard_seconds_total{kind="live"} ')[1].split("\n")[0])
    assert heard_s == pytest.approx(1.0, abs=0.1)
