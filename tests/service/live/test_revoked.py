"""Who may no longer send calls: their running ones end within 5 s, and are kept."""

import time
from collections.abc import Callable

import pytest

from service.live.talk import Talk, key, spoken
from service.live.test_live import ended, recording_of
from service.live.test_refusals import cookie
from service.running import Service
from tonewatch.service.auth.passwords import hash_password
from tonewatch.store.users import UserRole

WITHIN_S = 5.0


def key_is_revoked(service: Service) -> None:
    for each in service.state.keys.list(service.user(UserRole.CALL_TAKER).id):
        service.state.keys.revoke(each.id)


def user_is_switched_off(service: Service) -> None:
    service.state.users.set_active(service.user(UserRole.CALL_TAKER).id, False)


def permission_is_taken(service: Service) -> None:
    service.state.users.set_role(service.user(UserRole.CALL_TAKER).id, UserRole.RESEARCHER)


def password_is_changed(service: Service) -> None:
    service.state.users.set_password(
        service.user(UserRole.CALL_TAKER).id, hash_password("another one")
    )


def user_signs_out(service: Service) -> None:
    assert service.clients[0].delete("/api/v1/session").status_code == 204


def cut_off(service: Service, talk: Talk, end: Callable[[Service], None]) -> None:
    """Let the call run, take its sender's right away, and look at how it ended."""
    call_id = talk.open()
    talk.send(spoken(4))
    talk.until("heard")
    end(service)
    began = time.monotonic()
    code, reason = talk.closed()
    assert time.monotonic() - began < WITHIN_S
    assert code == 4410
    assert reason.startswith("expected a key")
    assert [m["reason"] for m in talk.heard if m["type"] == "call_ended"] == ["revoked"]
    assert talk.heard[-1]["kind"] == "revoked"
    assert ended(service, call_id).reason == "revoked"
    assert service.state.calls.windows(call_id)
    assert recording_of(service, call_id).duration_s == pytest.approx(4)


@pytest.mark.parametrize("end", [key_is_revoked, user_is_switched_off, permission_is_taken])
def test_call_of_a_key(fresh: Service, end: Callable[[Service], None]) -> None:
    other = key(fresh, name="eve")
    with Talk(fresh.url, key(fresh)) as talk, Talk(fresh.url, other) as witness:
        witness.open()
        cut_off(fresh, talk, end)
        assert witness.hang_up()[0] == 1000, "who has another key goes on"


@pytest.mark.parametrize("end", [password_is_changed, user_is_switched_off, user_signs_out])
def test_call_of_a_session(fresh: Service, end: Callable[[Service], None]) -> None:
    with Talk(fresh.url, headers={"Cookie": cookie(fresh), "Origin": fresh.url}) as talk:
        cut_off(fresh, talk, end)


def test_call_that_waits_for_its_connection(fresh: Service) -> None:
    with Talk(fresh.url, key(fresh)) as talk:
        call_id = talk.open()
        talk.send(spoken(4))
        talk.until("heard")
        talk.vanish()
    key_is_revoked(fresh)
    began = time.monotonic()
    assert ended(fresh, call_id).reason == "revoked"
    assert time.monotonic() - began < fresh.state.settings.resume_s / 2


def test_age_ends_no_running_call(fresh: Service) -> None:
    with Talk(fresh.url, headers={"Cookie": cookie(fresh), "Origin": fresh.url}) as talk:
        talk.open()
        fresh.clock.turn(hours=13)
        assert fresh.clients[0].get("/api/v1/session").status_code == 401
        time.sleep(2.5)  # longer than from one look to the next
        talk.send(spoken(4))
        talk.until("heard")
        assert talk.hang_up()[0] == 1000
