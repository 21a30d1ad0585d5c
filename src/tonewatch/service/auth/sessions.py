"""Sessions: a signed cookie that says who signed in and when, and a token against forged requests.

The cookie is signed, not encrypted, and holds no secret: the user's id, a random word, the time,
and a stamp of the password's hash, so that a new password ends every session. The token (signed
double submit, OWASP's CSRF cheat sheet) belongs to the session's random word: a page of another
origin can neither read it nor make it. It knows no request and no store; the clock is given.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from itsdangerous import BadSignature, URLSafeSerializer

SESSION_COOKIE = "tonewatch_session"
CSRF_COOKIE = "tonewatch_csrf"
CSRF_HEADER = "X-CSRF-Token"


@dataclass(frozen=True, slots=True)
class Session:
    """Who signed in.

    Attributes:
        user_id: the user.
        word: random; names this session.
        stamp: of the password's hash.
        began_at: when.
    """

    user_id: str
    word: str
    stamp: str
    began_at: datetime


class Sessions:
    """Makes and reads the cookie.

    Args:
        secret: what signs.
        lasts: how long a session lasts.
        clock: the time, with its zone.
    """

    def __init__(self, secret: str, lasts: timedelta, clock: Callable[[], datetime]) -> None:
        self.lasts = lasts
        self._key = hashlib.sha256(b"csrf:" + secret.encode()).digest()
        self._clock = clock
        self._signer = URLSafeSerializer(
            secret, salt="tonewatch.session", signer_kwargs={"digest_method": hashlib.sha256}
        )

    def begin(self, user_id: str, password_hash: str) -> tuple[Session, str]:
        """A new session and its cookie."""
        now = self._clock()
        session = Session(user_id, secrets.token_urlsafe(16), stamp(password_hash), now)
        cookie = self._signer.dumps([user_id, session.word, session.stamp, now.timestamp()])
        return session, str(cookie)

    def read(self, cookie: str) -> Session | None:
        """The session of a cookie; None where it is forged or over."""
        now = self._clock()
        try:
            user_id, word, stamped, began = self._signer.loads(cookie)
            began_at = datetime.fromtimestamp(began, now.tzinfo)
        # Another version signed it otherwise, with the same secret.
        except (BadSignature, ValueError, TypeError, OverflowError):
            return None
        if not began_at <= now < began_at + self.lasts:
            return None
        return Session(user_id, word, stamped, began_at)

    def csrf_token(self, session: Session) -> str:
        """The token that each request of this session that changes something must carry."""
        return hmac.new(self._key, session.word.encode(), hashlib.sha256).hexdigest()

    def is_csrf_token(self, session: Session, token: str) -> bool:
        """Whether it is this session's token."""
        return hmac.compare_digest(self.csrf_token(session).encode(), token.encode())


def stamp(password_hash: str) -> str:
    """A short word that changes with the password and tells nothing of it."""
    return hashlib.sha256(password_hash.encode()).hexdigest()[:16]
