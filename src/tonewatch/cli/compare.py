"""`tonewatch compare`: runs of `tonewatch train` beside each other, on the same recordings."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tonewatch.cli.output import STDOUT, check_target, write

if TYPE_CHECKING:
    from rich.table import Table as Grid

    from tonewatch.training.compare import Comparison
    from tonewatch.training.runs import FinishedRun


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]RUN...", help="Folders of finished runs; the first is the reference."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", file_okay=False, help="Write compare.html, compare.json and pictures."
        ),
    ] = None,
    json_to: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="The comparison as JSON; `-` prints it alone."),
    ] = None,
    speed: Annotated[
        bool, typer.Option(help="Also measure how fast the bundles hear, beside each other.")
    ] = True,
) -> None:
    """Compare training runs on the same folds, with intervals by speaker and a test.

    The first speaker-independent run is the reference. A run with a random split is leaky: it is
    only set beside a speaker-independent run of the same network, so that the leak shows. Runs
    tested on other speakers are refused. Exit code: 0 compared, 1 cannot be, 2 wrong usage.

    Examples:

        tonewatch compare runs/voice runs/wider --out runs/compared

        tonewatch compare runs/voice leaky=runs/voice_random --json -
    """
    check_target(json_to, "--json")
    if len(runs) < 2:
        raise typer.BadParameter(
            f"expected two or more runs, came {runs[0]} alone; name another", param_hint="RUN"
        )
    from tonewatch.training.compare import compare as beside
    from tonewatch.training.compare import with_paces
    from tonewatch.training.compare_page import as_json, write_comparison

    comparison = beside([_read(text) for text in runs])
    if speed:
        comparison = with_paces(comparison)
    if json_to is not None:
        write(json_to, as_json(comparison))
    page = None if out is None else write_comparison(out, comparison)
    if json_to != STDOUT:
        from rich.console import Console

        console = Console()
        grids = [_scores(comparison, condition) for condition in comparison.conditions]
        if comparison.leaks:
            grids.append(_leaks(comparison))
        for grid in (*grids, _costs(comparison)):
            console.print(grid, "")
        if page is not None:
            console.print(f"page: {page}", soft_wrap=True, markup=False)


def _read(text: str) -> "FinishedRun":
    from tonewatch.training.runs import read_run

    name, equals, folder = text.partition("=")
    return (
        read_run(Path(folder), name) if equals and not os.path.isdir(text) else read_run(Path(text))
    )


def _grid(title: str, *heads: str) -> "Grid":
    """As narrow as it can be: seven networks should fit an ordinary terminal."""
    from rich import box
    from rich.table import Table as Grid

    grid = Grid(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    for number, head in enumerate(heads):
        grid.add_column(head, overflow="fold", justify="right" if number else "left")
    return grid


def _scores(comparison: "Comparison", condition: str) -> "Grid":
    from rich.markup import escape

    reference = escape(comparison.reference.name)
    title = f"{condition}: speaker-independent, compared with {reference}"
    grid = _grid(title, "run", "UAR (95 %)", "difference (95 %)", "p", "sure, right")
    for standing in comparison.under(condition):
        versus, found = comparison.versus_of(standing), standing.pooled
        right = "none" if found.certain_accuracy is None else f"{found.certain_accuracy:.0%}"
        beside = ["", ""]
        if versus is not None:
            each = versus.difference
            beside = [f"{each.uar:+.3f}{_interval(each.interval)}", f"{versus.p_corrected:.3f}"]
        grid.add_row(
            escape(standing.run),
            f"{standing.uar:.3f}{_interval(standing.interval)}",
            *beside,
            f"{found.certain_share:.0%}, {right}",
        )
    return grid


def _leaks(comparison: "Comparison") -> "Grid":
    title = "[bold red]LEAKY: in a random split the voices tested on were trained on[/]"
    heads = ("network", "test", "unheard", "random split", "flatters by (95 %)")
    grid = _grid(title, *heads)
    for leak in comparison.leaks:
        found = leak.flattery
        grid.add_row(
            leak.network,
            leak.condition,
            "no run" if leak.honest_uar is None else f"{leak.honest_uar:.3f}",
            f"{leak.leaky_uar:.3f}",
            "" if found is None else f"{found.uar:+.3f}{_interval(found.interval)}",
        )
    return grid


def _costs(comparison: "Comparison") -> "Grid":
    from rich.markup import escape

    grid = _grid("What they cost", "run", "model", "times reference", "RTF here", "UAR per ms")
    for run in comparison.costed:
        pace, per_ms = comparison.paces.get(run.name), comparison.uar_per_ms(run)
        grid.add_row(
            escape(run.name) + (" [bold red]leaky[/]" if run.leaky else ""),
            run.model_size,
            "" if pace is None else f"{pace.ratio:.2f}",
            "" if pace is None else f"{pace.rtf:.5f}",
            "" if per_ms is None else f"{per_ms:.3f}",
        )
    return grid


def _interval(ends: tuple[float, float] | None) -> str:
    return "" if ends is None else f" ({ends[0]:.2f} {ends[1]:.2f})"
