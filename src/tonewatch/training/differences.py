"""What two settings written in one line each differ in, so that a refusal tells that alone."""

import re
from difflib import SequenceMatcher

_PIECE = re.compile(r"[^,\s()]+")


def told_apart(before: str, now: str) -> str:
    """As `epochs=4 where it was epochs=3`, joined by commas; what one side lacks is `nothing`.

    Args:
        before: settings as `NAME=VALUE`, as `str` writes dataclasses.
        now: others.
    """
    old, new = _PIECE.findall(before), _PIECE.findall(now)
    changes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return ", ".join(
        f"{_piece(new, c, d)} where it was {_piece(old, a, b)}"
        for kind, a, b, c, d in changes
        if kind != "equal"
    )


def _piece(pieces: list[str], begin: int, end: int) -> str:
    """With the name that its value belongs to."""
    while begin < end and begin and "=" not in pieces[begin]:
        begin -= 1
    return " ".join(pieces[begin:end]) or "nothing"
