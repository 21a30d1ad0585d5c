"""What two settings written in one line each differ in, so that a refusal tells that alone."""

import re
from difflib import SequenceMatcher

_PIECES = re.compile(r"[^,\s()]+\(?|\)")


def told_apart(before: str, now: str) -> str:
    """As `epochs=4 where it was epochs=3`, joined by commas; what is only on one side is `nothing`.

    Args:
        before: as `str` writes dataclasses of settings.
        now: the same of others.
    """
    old, new = (
        [piece.rstrip("(") for piece in _PIECES.findall(text) if piece != ")"]
        for text in (before, now)
    )
    changes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return ", ".join(
        f"{' '.join(new[c:d]) or 'nothing'} where it was {' '.join(old[a:b]) or 'nothing'}"
        for kind, a, b, c, d in changes
        if kind != "equal"
    )
