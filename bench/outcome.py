"""What a bench found: a table for people, values for programs."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Outcome:
    """One bench's result.

    Attributes:
        title: what was measured.
        columns: headings; the first column is a name, the others are numbers.
        rows: cells as printed.
        notes: what a reader must know; aims that are missed are told here.
        values: the numbers, as JSON has them.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    values: Mapping[str, Any] = field(default_factory=dict)

    def print(self, console: Console) -> None:
        table = Table()
        for i, column in enumerate(self.columns):
            table.add_column(column, justify="right" if i else "left", no_wrap=not i)
        for row in self.rows:
            table.add_row(*row)
        console.print(self.title, style="bold", highlight=False, soft_wrap=True)
        if self.rows:
            console.print(table)
        for note in self.notes:
            console.print(f"  {note}", style="dim", highlight=False)
        console.print()


def aim(what: str, came: float, at_most: float, unit: str = "") -> str:
    """One line that says whether an aim is reached."""
    verdict = "reached" if came <= at_most else "MISSED"
    return f"{verdict}: {what} {came:.4g}{unit}, aim at most {at_most:.4g}{unit}"


def machine() -> str:
    """Processor and Python, as a figure is worth nothing without them."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [
            line.partition(":")[2].strip()
            for line in info.read_text().splitlines()
            if line.startswith("model name")
        ]
        name = f"{models[0]}, {len(models)} cores" if models else name
    return f"{name}; {platform.system()}, Python {platform.python_version()}"
