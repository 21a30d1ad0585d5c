"""A call to come, which is made when it is wanted: a hundred at once would fill the memory."""

from collections.abc import Callable
from dataclasses import dataclass

from tonewatch.simulate.render import Simulated


@dataclass(frozen=True, slots=True)
class Upcoming:
    """When a call begins, in seconds from the first, and how to make it."""

    at_s: float
    make: Callable[[], Simulated]
