"""Bars on the terminal for what is being said: its level, and how probable each emotion is."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tonewatch.core.labels import colour_of
from tonewatch.core.signal import Samples

_QUIETEST_DBFS = -60.0
_WIDTH = 40
_GOOD_DBFS = (-38.0, -6.0)


def peak_dbfs(block: Samples) -> float:
    """Of the loudest sample; -60 at least."""
    peak = float(np.abs(block).max(initial=0.0))
    return max(_QUIETEST_DBFS, 20 * float(np.log10(max(peak, 1e-9))))


def level(block: Samples, said: str) -> Text:
    """A bar for a block's peak, red where it clips, grey where nothing would be heard."""
    dbfs = peak_dbfs(block)
    length = round(_WIDTH * (1 - dbfs / _QUIETEST_DBFS))
    low, high = _GOOD_DBFS
    colour = "grey50" if dbfs < low else "green" if dbfs < high else "yellow"
    bar = Text(f"{'█' * length:<{_WIDTH}}", "red" if dbfs > -0.5 else colour)
    return Text(f"{said}  ").append(bar).append(f" {dbfs:4.0f} dBFS")


def emotions(probabilities: Mapping[str, float], certain: bool) -> Table:
    """A bar an emotion, the likeliest first."""
    grid = Table.grid(padding=(0, 1))
    for place, (label, p) in enumerate(sorted(probabilities.items(), key=lambda item: -item[1])):
        first = place == 0
        grid.add_row(
            Text("■", colour_of(label)),
            Text(label, "bold" if first and certain else ""),
            Text(f"{'█' * round(_WIDTH * p):<{_WIDTH}}", colour_of(label)),
            f"{p:4.0%}",
            Text("" if not first else "certain" if certain else "unsure", "dim"),
        )
    return grid


@contextmanager
def live(console: Console) -> Iterator[Callable[..., None]]:
    """Give a function that shows renderables in place; on what is no terminal it shows nothing."""
    if not console.is_terminal:
        yield lambda *_: None
        return
    with Live(console=console, refresh_per_second=12, transient=True) as shown:

        def show(*parts: RenderableType) -> None:
            shown.update(Group(*parts))

        yield show
