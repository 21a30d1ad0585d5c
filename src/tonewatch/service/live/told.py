"""An event of a live call as it is sent."""

import json
from dataclasses import dataclass

from tonewatch.call.events import CallEvent, to_dict


@dataclass(frozen=True, slots=True)
class Told:
    """An event as it is sent.

    Attributes:
        number: counted from 1 in each call.
        text: as JSON.
        since: when the last sample of its window came; None where it is about no window.
    """

    number: int
    text: str
    since: float | None


def unnumbered(event: CallEvent) -> str:
    """As JSON, without the brace at its end."""
    return json.dumps(to_dict(event))[:-1]
