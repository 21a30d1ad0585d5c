"""Which stretch of the time axis a window is drawn on.

Windows overlap, a picture cannot: each gets the hop around its centre, the first of a recording
also what is before it, the last what is after.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tonewatch.core.events import EmotionEstimated
from tonewatch.inference.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Cell:
    """A window's place; `estimate` is None where there was too little speech."""

    start_s: float
    end_s: float
    estimate: EmotionEstimated | None

    @property
    def centre_s(self) -> float:
        """The middle of the cell in seconds."""
        return (self.start_s + self.end_s) / 2


def cells(timeline: Timeline) -> list[Cell]:
    """The cells of all windows, in order, from 0 to the end of the recording."""
    windows = timeline.spans()
    if not windows:
        return []
    centres = [(w.start_s + w.end_s) / 2 for w in windows]
    inner = [(a + b) / 2 for a, b in pairwise(centres)]
    edges = [0.0, *inner, timeline.duration_s]
    return [
        Cell(edges[i], edges[i + 1], w if isinstance(w, EmotionEstimated) else None)
        for i, w in enumerate(windows)
    ]


def runs(all_cells: Sequence[Cell]) -> Iterator[list[Cell]]:
    """Neighbouring cells that all have an estimate: what may be joined by one line."""
    run: list[Cell] = []
    for cell in all_cells:
        if cell.estimate is not None:
            run.append(cell)
        elif run:
            yield run
            run = []
    if run:
        yield run


def same(all_cells: Sequence[Cell]) -> Iterator[Cell]:
    """Neighbours of the same label and certainty, merged; the first estimate stands for all."""
    held: Cell | None = None
    for cell in all_cells:
        if held is not None and _key(held) == _key(cell):
            held = Cell(held.start_s, cell.end_s, held.estimate)
            continue
        if held is not None:
            yield held
        held = cell
    if held is not None:
        yield held


def _key(cell: Cell) -> tuple[str, bool] | None:
    estimate = cell.estimate
    return None if estimate is None else (estimate.label, estimate.certain)
