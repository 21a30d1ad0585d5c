"""Passwords, hashed with Argon2id (RFC 9106, pwdlib's defaults). It knows no user."""

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

MIN_LENGTH = 12  # NIST SP 800-63B-4 asks 15 without a second factor, 8 with; no rules on signs
MAX_LENGTH = 256

_HASHER = PasswordHash((Argon2Hasher(),))
# What an unknown name is compared with, so that it takes as long as a known one.
_NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA"
    "$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)


def hash_password(password: str) -> str:
    """The password's hash, with its own salt."""
    return _HASHER.hash(password)


def is_password(password: str, hashed: str | None) -> bool:
    """Whether it is the one that was hashed; None (nobody) costs as much time and is wrong."""
    fits = _HASHER.verify(password, hashed or _NOBODY)
    return fits and hashed is not None
