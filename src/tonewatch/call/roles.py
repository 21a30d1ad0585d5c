"""Who is on a channel of a call, and whose voice may be judged.

It does not know how a channel came to its role; whoever opens the call says so.
"""

from enum import StrEnum


class Role(StrEnum):
    """Who is heard on a channel."""

    CALLER = "caller"
    CALL_TAKER = "call_taker"
    MIXED = "mixed"
    """Both at once, as a mono recording has them."""


def scored(role: Role) -> bool:
    """Whether emotion is estimated on a channel of this role; never on the call-taker's.

    The call-taker is at work, and emotion recognition at the workplace is prohibited: EU AI Act
    (Regulation 2024/1689), Article 5(1)(f).
    """
    return role is not Role.CALL_TAKER
