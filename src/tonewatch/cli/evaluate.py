"""`tonewatch evaluate`: the scores of a bundle on labelled corpora, with their protocol."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tonewatch.cli.output import STDOUT, check_target, write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console
    from rich.table import Table as Grid

    from tonewatch.inference.evaluation import Evaluation
    from tonewatch.inference.scores import GroupScore, Scores

_SPEAKERS_SHOWN = 30


class ChannelSimulation(StrEnum):
    """The lines that recordings can be sent through."""

    telephone = "telephone"


def evaluate(
    corpora: Annotated[
        list[str],
        typer.Option("--corpus", metavar="NAME=PATH", help="A corpus; may be given several times."),
    ],
    bundle: Annotated[
        str,
        typer.Option(metavar="NAME|PATH", help="An installed bundle, or a folder or zip."),
    ] = "voice",
    channel_sim: Annotated[
        ChannelSimulation | None,
        typer.Option(help="Send the recordings through a simulated line first."),
    ] = None,
    json_to: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="The scores as JSON; `-` prints them alone."),
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="Recordings at a time.")] = 1,
) -> None:
    """Score a bundle on labelled corpora, and say what the score is worth.

    A corpus that lacks some of the bundle's labels is scored over those that it has, or over all
    if it has one alone. Exit code: 0 all scored, 1 some recordings could not be decoded (or none
    could be scored), 2 wrong usage.

    Examples:

        tonewatch evaluate --corpus emodb=path/to/EMO-DB

        tonewatch evaluate --corpus ravdess=path/to/RAVDESS --channel-sim telephone --jobs 2

        tonewatch evaluate --bundle runs/mine/bundle --corpus mine:folders=calls --json scores.json
    """
    check_target(json_to, "--json")
    from tonewatch.cli.corpora import read_arguments
    from tonewatch.cli.progress import progress_bar
    from tonewatch.corpora.table import Table
    from tonewatch.inference.bundle import load_bundle
    from tonewatch.inference.evaluation import evaluate as run
    from tonewatch.inference.evaluation import under

    loaded = load_bundle(bundle)
    table = Table(())
    for corpus in read_arguments(corpora, param_hint="--corpus", target=json_to).values():
        table += corpus
    with progress_bar("listening", len(under(loaded.info, table).utterances)) as advance:
        found = run(
            loaded,
            table,
            channel_sim=channel_sim.value if channel_sim else None,
            jobs=jobs,
            on_file=advance,
        )
    if json_to is not None:
        text = json.dumps(found.to_dict(), indent=1, ensure_ascii=False) + "\n"
        write(json_to, text)
    if json_to != STDOUT:
        from rich.console import Console

        _print(Console(markup=False, emoji=False), found)  # names may look like either
    if found.failures:
        raise typer.Exit(1)


def _print(console: "Console", found: "Evaluation") -> None:
    from rich.text import Text

    scores = found.scores
    protocol = Text(found.protocol)
    protocol.highlight_regex(r"WARNING:[^;]*;[^.]*\.|WARNING:[^.]*\.", "bold red")
    console.print(protocol)
    console.print(_summary(found, scores))
    if (interval := found.uar_interval) is not None:
        console.print(f"UAR, 95 % interval by speaker: {interval[0]:.3f} to {interval[1]:.3f}")
    console.print(_by_class(scores))
    console.print(_confusion(scores))
    console.print(_groups("sex", scores.by_sex))
    speakers = scores.by_speaker
    if len(speakers) <= _SPEAKERS_SHOWN:
        console.print(_groups("speaker", speakers))
    else:
        low = sorted(speakers, key=lambda name: speakers[name].uar)[: _SPEAKERS_SHOWN // 2]
        console.print(_groups("speaker", {name: speakers[name] for name in low}))
        console.print(f"These are the lowest of {len(speakers)} speakers; --json has all.")
    for path, kind, message in found.failures:
        console.print(Text("failed: ", "bold red").append(f"{path}: [{kind}] {message}", ""))


def _summary(found: "Evaluation", scores: "Scores") -> "Grid":
    from rich.table import Table as Grid

    grid = Grid("", "n", "UAR", "WA", "macro F1", "ECE", "certain", "then right")
    for column in grid.columns[1:]:
        column.justify = "right"
    for what, values in (("recordings", scores), ("windows", found.window_scores)):
        if values is not None:
            right = values.certain_accuracy
            grid.add_row(
                what,
                str(values.n),
                f"{values.uar:.3f}",
                f"{values.wa:.3f}",
                f"{values.macro_f1:.3f}",
                f"{values.ece:.3f}",
                f"{values.certain_share:.1%}",
                "none" if right is None else f"{right:.1%}",
            )
    return grid


def _by_class(scores: "Scores") -> "Grid":
    from rich.table import Table as Grid
    from rich.text import Text

    from tonewatch.core.labels import colour_of

    grid = Grid("label", "precision", "recall", "", "F1", "n")
    for label, score in scores.per_class.items():
        colour = colour_of(label)
        grid.add_row(
            Text("■ ", colour).append(label, "default"),
            f"{score.precision:.3f}",
            f"{score.recall:.3f}",
            Text(f"{'█' * round(10 * score.recall):<10}", colour),
            f"{score.f1:.3f}",
            str(score.n),
        )
    return grid


def _confusion(scores: "Scores") -> "Grid":
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid("true \\ heard", title="Confusion", title_justify="left")
    for label in scores.labels:
        grid.add_column(label, justify="right")
    for row, (label, counts) in enumerate(zip(scores.labels, scores.confusion, strict=True)):
        cells = [
            Text(str(n) if n else "·", "bold" if row == column else "dim" if not n else "")
            for column, n in enumerate(counts)
        ]
        grid.add_row(label, *cells)
    return grid


def _groups(noun: str, groups: "Mapping[str, GroupScore]") -> "Grid":
    from rich.table import Table as Grid

    grid = Grid(noun, "n", "UAR", "WA")
    for name, score in groups.items():
        grid.add_row(name, str(score.n), f"{score.uar:.3f}", f"{score.wa:.3f}")
    return grid
