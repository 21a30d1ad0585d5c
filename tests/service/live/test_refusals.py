"""Who may not, who may no more, and who misbehaves: each is told why, and no other call is hurt."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from service.live.talk import Talk, key, spoken
from service.live.test_live import ended, told, told_by_analyser, wait_for
from service.running import Service, running
from tonewatch.core.errors import UnavailableError
from tonewatch.service.auth.guard import Principal, principal_of
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.live import socket as live_socket
from tonewatch.service.live.messages import Close
from tonewatch.service.problems import AWAY
from tonewatch.service.settings import Settings
from tonewatch.store.users import UserRole


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that takes few calls and waits for none."""
    settings = Settings(
        transcribe="off",
        data_dir=tmp_path_factory.mktemp("data"),
        max_calls=3,
        max_calls_per_key=2,
        resume_s=0.2,
    )
    with running(settings) as service:
        yield service


def refused(service: Service, secret: str | None, text: str, **more: object) -> int:
    with Talk(service.url, secret, **more) as talk:
        talk.socket.send(text)
        code, _ = talk.closed()
        assert talk.heard[-1]["type"] == "error"
        assert talk.heard[-1]["code"] == code
        assert talk.heard[-1]["message"]
        return code


OPEN = '{"type": "open", "encoding": "pcm_s16le", "rate_hz": 16000}'


def test_nobody(service: Service) -> None:
    assert refused(service, None, OPEN) == 4401


def test_strangers_are_not_told_where_the_database_is(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> Principal:
        raise UnavailableError("connection to server at db.internal failed")

    monkeypatch.setattr(live_socket, "principal_of", away)
    with Talk(service.url, "tw_00000000_x") as talk:
        talk.socket.send(OPEN)
        assert talk.closed()[0] == Close.FULL
        assert talk.heard[-1]["message"] == AWAY


@pytest.mark.parametrize("secret", ["tw_00000000_x", "x", "Ä"])
def test_key_that_does_not_hold(service: Service, secret: str) -> None:
    message = OPEN[:-1] + f', "key": "{secret}"}}'
    assert refused(service, None, message) == 4401


def test_key_of_another_scope(service: Service) -> None:
    assert refused(service, key(service, Permission.CALLS_READ), OPEN) == 4403


def test_key_in_the_first_message(service: Service) -> None:
    with Talk(service.url) as talk:
        talk.open(key=key(service))
        assert talk.hang_up()[0] == 1000


def cookie(service: Service) -> str:
    client = service.signed_in(UserRole.CALL_TAKER)
    return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


def test_session(service: Service) -> None:
    with Talk(service.url, headers={"Cookie": cookie(service), "Origin": service.url}) as talk:
        talk.open()
        assert talk.hang_up()[0] == 1000


def test_session_from_a_page_of_another_site(service: Service) -> None:
    headers = {"Cookie": cookie(service), "Origin": "https://elsewhere.example"}
    assert refused(service, None, OPEN, headers=headers) == 4403


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "[]",
        '{"type": "end"}',
        '{"type": "open"}',
        '{"type": "open", "encoding": "mp3"}',
        '{"type": "open", "encoding": "alaw", "rate_hz": -1}',
        '{"type": "open", "encoding": "alaw", "channels": []}',
        '{"type": "open", "encoding": "alaw", "channels": ["boss"]}',
        '{"type": "open", "encoding": "alaw", "metadata": {"a": 1}}',
        '{"type": "open", "encoding": "alaw", "what": 1}',
        '{"type": "open", "encoding": "alaw", "metadata": {"a": "' + "x" * 70_000 + '"}}',
    ],
)
def test_first_message_that_is_none(service: Service, text: str) -> None:
    assert refused(service, key(service), text) == 4400


def test_audio_before_the_first_message(service: Service) -> None:
    with Talk(service.url, key(service)) as talk:
        talk.send(b"\0" * 640)
        assert talk.closed()[0] == 4400


def test_silence_before_the_first_message(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_socket, "_OPEN_S", 0.1)
    with Talk(service.url, key(service)) as talk:
        assert talk.closed()[0] == 4408


def test_silence_within_a_call(small: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_socket, "_SILENT_S", 0.1)
    with Talk(small.url, key(small)) as talk:
        call_id = talk.open()
        assert talk.closed()[0] == 4408
    assert ended(small, call_id).reason == "disconnected"


def test_resuming_what_is_not_there(service: Service) -> None:
    assert refused(service, key(service), '{"type": "resume", "call_id": "x"}') == 4404


def test_resuming_the_call_of_somebody_else(service: Service) -> None:
    with Talk(service.url, key(service)) as talk:
        call_id = talk.open()
        message = f'{{"type": "resume", "call_id": "{call_id}"}}'
        assert refused(service, key(service, name="eve"), message) == 4404
        assert talk.hang_up()[0] == 1000


@pytest.mark.parametrize("position", [161, 10**9])
def test_gap_that_cannot_be(service: Service, position: int) -> None:
    secret = key(service)
    with Talk(service.url, secret) as talk:
        call_id = talk.open()
        message = f'{{"type": "resume", "call_id": "{call_id}", "position": {position}}}'
        assert refused(service, secret, message) == 4400
        assert talk.hang_up()[0] == 1000


def test_too_many_calls(small: Service) -> None:
    mine, theirs = key(small), key(small, name="eve")
    with (
        Talk(small.url, mine) as one,
        Talk(small.url, mine) as two,
        Talk(small.url, theirs) as three,
    ):
        one.open()
        two.open()
        assert refused(small, mine, OPEN) == 4429
        three.open()
        assert refused(small, theirs, OPEN) == 1013
        for talk in (one, two, three):
            assert talk.hang_up()[0] == 1000


def test_call_that_is_not_taken_up_again_ends(small: Service) -> None:
    with Talk(small.url, key(small)) as talk:
        call_id = talk.open()
        talk.send(spoken(3.5))
        talk.until("heard")
        talk.vanish()
    assert ended(small, call_id).reason == "disconnected"


@pytest.mark.parametrize("again", [False, True])
def test_client_that_vanishes_before_the_reply(
    small: Service, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    find, gone = principal_of, threading.Event()

    def slow(*args: Any) -> Principal | None:
        gone.wait(60)
        time.sleep(0.3)  # until the server has seen that it is gone
        return find(*args)

    with Talk(small.url, key(small)) as holder, Talk(small.url, key(small)) as talk:
        call_id = holder.open() if again else ""
        monkeypatch.setattr(live_socket, "principal_of", slow)
        talk.socket.send(f'{{"type": "resume", "call_id": "{call_id}"}}' if again else OPEN)
        talk.vanish()
        gone.set()
        if not again:
            call_id = wait_for(
                lambda: next((c.started.call_id for c in small.state.bus.calls()), None)
            )
        assert ended(small, call_id).reason == "disconnected"


def test_model_that_is_off(fresh: Service) -> None:
    with Talk(fresh.url, key(fresh)) as talk:
        talk.open()
        fresh.state.switch_model(False, "test")

        def refuses() -> bool | None:
            with Talk(fresh.url, key(fresh)) as other:
                other.socket.send(OPEN)
                first = other.next()
                return True if first.get("code") == 4503 else None

        assert wait_for(refuses)
        talk.send(spoken(4))
        talk.hang_up()
    assert {w["type"] for w in talk.windows()} <= {"no_speech"}
    assert talk.heard[-1]["dropped_s"] > 3.9


def test_audio_that_is_none(service: Service) -> None:
    with Talk(service.url, key(service)) as talk:
        call_id = talk.open(encoding="opus")
        talk.send(os.urandom(10_000))
        code, reason = talk.closed()
    assert code == 1007
    assert "expected" in reason
    assert ended(service, call_id).reason == "error"


def test_unruly_clients_hurt_no_other_call(service: Service) -> None:
    samples, secret = spoken(7), key(service)
    with Talk(service.url, secret) as witness:
        witness.open()
        witness.send(samples[:32_000])

        with Talk(service.url, secret) as ten_mb:
            ten_mb.open()
            ten_mb.socket.send(bytes(10_000_000))
            assert ten_mb.closed()[0] == 1009
        witness.send(samples[32_000:48_000])

        with Talk(service.url, secret) as babbler:
            babbler.open()
            babbler.socket.send("this is no message")
            assert babbler.closed()[0] == 4400
        witness.send(samples[48_000:64_000])

        with Talk(service.url, secret) as hurried:
            hurried.open()
            with suppress(ConnectionClosed):
                hurried.send(spoken(60))
            assert hurried.closed()[0] == 1008
        witness.send(samples[64_000:80_000])

        with Talk(service.url, secret) as raw:
            raw.open()
            raw.socket.socket.sendall(b"\x82\xfe\xff\xff\0\0\0\0half a frame")
            raw.vanish()

        deaf = Talk(service.url, secret)
        deaf.open()
        deaf.send(spoken(6))  # and reads nothing of what is told

        witness.send(samples[80_000:])
        assert witness.hang_up()[0] == 1000
        deaf.vanish()
    assert told(witness) == told_by_analyser(samples)
    assert witness.heard[-1]["dropped_s"] == 0


def test_every_close_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "live.md").read_text()
    for close in Close:
        assert f"| {int(close)} | `{close.name.lower()}` |" in page
