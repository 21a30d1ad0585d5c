"""`tonewatch corpora`: what is in a corpus, before anything is trained or scored on it."""

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tonewatch.cli.output import STDOUT, check_target, write

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Grid

    from tonewatch.corpora.table import Table

_PROBLEMS_SHOWN = 10
_SPEAKERS_SHOWN = 30


def corpora(
    arguments: Annotated[
        list[str], typer.Argument(metavar="NAME=PATH", help="Corpora and their folders.")
    ],
    json_to: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="The counts as JSON; `-` prints them alone."),
    ] = None,
) -> None:
    """Show what is in corpora: labels, speakers, sexes, languages, durations and problems.

    Durations come from the files' headers. Exit code: 0 all was read, 1 a corpus could not be
    read, 2 wrong usage. Files left aside are problems to look at, not failures.

    Examples:

        tonewatch corpora ravdess=path/to/RAVDESS

        tonewatch corpora tess=path/to/TESS emodb=path/to/EMO-DB --json counts.json

        tonewatch corpora mine:folders=recordings
    """
    check_target(json_to, "--json")
    from tonewatch.cli.progress import progress_bar

    tables = read_arguments(arguments, param_hint="NAME=PATH", target=json_to)
    with progress_bar("reading headers", sum(map(len, tables.values()))) as advance:
        found = {name: contents(table, on_file=advance) for name, table in tables.items()}
    if json_to is not None:
        content = json.dumps({"corpora": found}, indent=1, ensure_ascii=False) + "\n"
        write(json_to, content)
    if json_to != STDOUT:
        from rich.console import Console

        for name, counts in found.items():
            _print(Console(), name, counts)


def read_arguments(
    arguments: Sequence[str], *, param_hint: str, target: Path | None = None
) -> "dict[str, Table]":
    """Read each `NAME=PATH`; two of one name (RAVDESS speech and song) become one table.

    Args:
        arguments: the corpora.
        param_hint: what they are called on the command line.
        target: the file of `--json`, which must be none of what is read.

    Raises:
        typer.BadParameter: not of that form, or an unknown name; the target is read.
        CorpusError: the corpus cannot be read.
    """
    from tonewatch.core.errors import CorpusError
    from tonewatch.corpora import READERS, corpus_argument, read_corpus

    parsed = []
    for argument in arguments:
        try:
            parsed.append(corpus_argument(argument))
        except CorpusError as error:
            raise typer.BadParameter(str(error), param_hint=param_hint) from error
        if (reader := parsed[-1].reader.rpartition(":")[2]) not in READERS:
            raise typer.BadParameter(
                f"expected a corpus ({', '.join(READERS)}), got {reader!r}", param_hint=param_hint
            )
    tables: dict[str, Table] = {}
    for name, reader, root in parsed:
        table = read_corpus(reader, root)
        check_target(target, "--json", others=files_of(table, root))
        tables[name] = _joined(tables[name], table, root) if name in tables else table
    return tables


def _joined(before: "Table", part: "Table", root: Path) -> "Table":
    """A corpus with a further part, read from `root`; what lies in both counts once."""
    from tonewatch.corpora.table import Problem, Table

    known = {os.path.realpath(utterance.path) for utterance in before.utterances}
    kept = tuple(u for u in part.utterances if os.path.realpath(u.path) not in known)
    problems = part.problems
    if n_again := len(part) - len(kept):
        reason = f"{n_again} of its recordings are in another part of the corpus too: counted once"
        problems += (Problem(root, reason),)
    return before + Table(kept, problems)


def files_of(table: "Table", root: Path) -> list[Path]:
    """What a corpus was read from: its recordings, those left aside too, and its list."""
    from tonewatch.corpora.recorded import MANIFEST

    heard = [utterance.path for utterance in table.utterances]
    return [*heard, *(problem.path for problem in table.problems), root, root / MANIFEST]


def contents(table: "Table", *, on_file: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Counts of a table as plain values, with durations by the files' headers.

    A file whose header cannot be read is a problem; one whose header tells no duration is counted
    in `duration_unknown`.
    """
    from tonewatch.audio.decode import probe
    from tonewatch.core.errors import AudioError
    from tonewatch.corpora.table import UNLABELLED

    total_s, longest_s, unknown = 0.0, 0.0, 0
    problems = [{"file": str(path), "reason": reason} for path, reason in _pairs(table)]
    for utterance in table.utterances:
        try:
            duration_s = probe(utterance.path).duration_s
        except AudioError as error:
            problems.append({"file": str(utterance.path), "reason": str(error)})
        else:
            unknown += duration_s is None
            total_s += duration_s or 0.0
            longest_s = max(longest_s, duration_s or 0.0)
        on_file()
    crossed: dict[str, Counter[str]] = {}
    for utterance in table.utterances:
        row = crossed.setdefault(utterance.emotion or UNLABELLED, Counter())
        row[utterance.sex or "unknown"] += 1
    return {
        "n": len(table),
        "duration_s": round(total_s, 3),
        "longest_s": round(longest_s, 3),
        "duration_unknown": unknown,
        "by_label": _ordered(table.by_emotion()),
        "by_label_and_sex": {label: dict(crossed[label]) for label in _ordered(table.by_emotion())},
        "by_speaker": dict(sorted(table.by_speaker().items())),
        "by_sex": dict(sorted(table.by_sex().items())),
        "by_language": dict(sorted(Counter(u.language or "" for u in table.utterances).items())),
        "problems": problems,
    }


def _pairs(table: "Table") -> list[tuple[Path, str]]:
    return [(problem.path, problem.reason) for problem in table.problems]


def _ordered(counts: Counter[str]) -> dict[str, int]:
    """The known emotions in their usual order, then one's own."""
    from tonewatch.core.labels import EMOTIONS

    order = {word: place for place, word in enumerate(EMOTIONS)}
    return dict(sorted(counts.items(), key=lambda item: (order.get(item[0], 99), item[0])))


def _print(console: "Console", name: str, counts: dict[str, Any]) -> None:
    from rich.text import Text

    speakers: dict[str, int] = counts["by_speaker"]
    languages = ", ".join(language or "unknown" for language in counts["by_language"])
    line = Text(name, "bold").append(
        f": {counts['n']} recordings by {len(speakers)} speakers, "
        f"{_time(counts['duration_s'])} (longest {counts['longest_s']:.1f} s), "
        f"language: {languages}",
        "not bold",
    )
    console.print(line)
    console.print(_labels_table(counts))
    fewest, most = min(speakers.values()), max(speakers.values())
    if len(speakers) <= _SPEAKERS_SHOWN:
        named = ", ".join(f"{who.partition(':')[2]} {n}" for who, n in speakers.items())
        console.print(Text(f"recordings by speaker: {named}"))
    else:
        console.print(f"recordings by speaker: {fewest} to {most}; --json has all")
    if counts["duration_unknown"]:
        console.print(f"{counts['duration_unknown']} files do not tell their duration")
    problems = counts["problems"]
    for problem in problems[:_PROBLEMS_SHOWN]:
        console.print(
            Text("left aside: ", "yellow")
            .append(f"{problem['file']}: ", "")
            .append(problem["reason"], "dim")
        )
    if len(problems) > _PROBLEMS_SHOWN:
        console.print(f"... and {len(problems) - _PROBLEMS_SHOWN} more; --json has all")


def _labels_table(counts: dict[str, Any]) -> "Grid":
    from rich.table import Table as Grid
    from rich.text import Text

    from tonewatch.core.labels import colour_of

    sexes = list(counts["by_sex"])
    grid = Grid("label", *(f"sex {sex}" if sex == "unknown" else sex for sex in sexes), "all", "")
    for column in grid.columns[1:-1]:
        column.justify = "right"
    most = max(counts["by_label"].values())
    for label, n in counts["by_label"].items():
        row = counts["by_label_and_sex"][label]
        grid.add_row(
            Text("■ ", colour_of(label)).append(label, "default"),
            *(str(row.get(sex, 0)) for sex in sexes),
            str(n),
            Text("█" * max(1, round(20 * n / most)), colour_of(label)),
        )
    grid.add_section()
    grid.add_row("all", *(str(n) for n in counts["by_sex"].values()), str(counts["n"]), "")
    return grid


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
