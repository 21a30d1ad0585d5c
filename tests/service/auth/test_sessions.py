from datetime import UTC, datetime, timedelta

import pytest

from tonewatch.service.auth.sessions import Sessions, stamp

SECRET = "0123456789abcdef"
HOUR = timedelta(hours=1)


class Clock:
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> Sessions:
    return Sessions(SECRET, 12 * HOUR, clock)


def test_cookie_comes_back_as_the_session(sessions: Sessions) -> None:
    session, cookie = sessions.begin("u1", "$argon2id$...")
    assert sessions.read(cookie) == session
    assert session.stamp == stamp("$argon2id$...") != stamp("$argon2id$other")


def test_cookie_ends(sessions: Sessions, clock: Clock) -> None:
    _, cookie = sessions.begin("u1", "hash")
    clock.now += 12 * HOUR - timedelta(seconds=1)
    assert sessions.read(cookie) is not None
    clock.now += timedelta(seconds=1)
    assert sessions.read(cookie) is None
    clock.now -= 13 * HOUR
    assert sessions.read(cookie) is None, "a clock that was set back makes no session"


def test_forged_cookies_are_no_session(sessions: Sessions, clock: Clock) -> None:
    _, cookie = sessions.begin("u1", "hash")
    other = Sessions("another secret!!", 12 * HOUR, clock).begin("u1", "hash")[1]
    for forged in (other, cookie[:-2], cookie + "x", "", "a.b", "é", cookie[1:]):
        assert sessions.read(forged) is None


def test_signed_nonsense_is_no_session(sessions: Sessions) -> None:
    for content in ([], ["u1"], "u1", None, ["u1", "w", "s", "yesterday"], [1, 2, 3, 1e300]):
        assert sessions.read(str(sessions._signer.dumps(content))) is None


def test_token_belongs_to_its_session(sessions: Sessions) -> None:
    first, second = (sessions.begin("u1", "hash")[0] for _ in range(2))
    assert sessions.is_csrf_token(first, sessions.csrf_token(first))
    assert not sessions.is_csrf_token(first, sessions.csrf_token(second))
    assert not sessions.is_csrf_token(first, "")
    assert not sessions.is_csrf_token(first, "é")
