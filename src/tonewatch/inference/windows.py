"""Where windows lie, and how the stream is cut into steps of the network.

Window k covers [k * hop, k * hop + window). Each step ends where a window may end, so its frames
are the same whatever the chunks of the stream. Counted in embeddings; it knows no samples.
"""

import math
from dataclasses import dataclass

from tonewatch.core.errors import SettingsError

_MIN_EMBEDDINGS = 2  # the window head reads pairs
_LONGEST_S = 600.0  # of a window, which is kept in memory


@dataclass(frozen=True)
class WindowGrid:
    """Windows over a stream.

    Attributes:
        window: length in embeddings.
        hop: step in embeddings.
        rate_hz: embeddings a second.
    """

    window: int
    hop: int
    rate_hz: float

    @classmethod
    def from_seconds(cls, window_s: float, hop_s: float, rate_hz: float) -> "WindowGrid":
        """Round both lengths to the grid of embeddings.

        Raises:
            SettingsError: a length is too short, the window longer than 10 minutes, or the hop
                longer than the window.
        """
        shortest_s = _MIN_EMBEDDINGS / rate_hz
        for name, length_s in (("window", window_s), ("hop", hop_s)):
            if not (math.isfinite(length_s) and length_s >= shortest_s):
                raise SettingsError(
                    f"expected a {name} of at least {shortest_s:g} s, came {length_s:g} s"
                )
        if window_s > _LONGEST_S:
            raise SettingsError(
                f"expected a window of at most {_LONGEST_S:g} s, came {window_s:g} s; the answer "
                "for a whole recording stands beside those of its windows"
            )
        grid = cls(round(window_s * rate_hz), round(hop_s * rate_hz), rate_hz)
        if grid.hop > grid.window:
            raise SettingsError(
                f"expected a hop of at most the window ({window_s:g} s), came {hop_s:g} s; "
                "else parts of the recording would not be heard"
            )
        return grid

    def step_after(self, end: int) -> int:
        """Length of the step that follows `end` embeddings."""
        return self.hop if end else self.hop + self.window % self.hop

    def is_window_end(self, end: int) -> bool:
        """Whether a window ends with embedding `end`, where a step ends too."""
        return end >= self.window

    def covered(self, end: int) -> int:
        """How far whole windows reach in a stream of `end` embeddings."""
        if end < self.window:
            return 0
        return end - (end - self.window) % self.hop

    def start_s(self, end: int) -> float:
        """Start of the window that ends with embedding `end`, in seconds."""
        return max(0, end - self.window) / self.rate_hz

    def end_s(self, end: int) -> float:
        """The end of embedding `end` in seconds."""
        return end / self.rate_hz
