"""Tables on the terminal: a row a file, and for a single file a row a window."""

import os
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tonewatch.cli.listen import Heard
from tonewatch.core.events import EmotionEstimated
from tonewatch.core.labels import colour_of, letter_of
from tonewatch.inference.smoothing import Emotion
from tonewatch.inference.timeline import Timeline

_MAX_ROWS = 120
_MAX_LETTERS = 40
_WIDE = 100  # columns from which the letters fit beside the rest


def print_results(console: Console, results: Sequence[Heard]) -> None:
    """Print what was heard; errors come after, one line each."""
    timelines = [result.timeline for result in results if result.timeline is not None]
    if timelines:
        console.print(_files(timelines, with_letters=console.width >= _WIDE))
        if len(timelines) == 1 and 0 < len(timelines[0].windows) <= _MAX_ROWS:
            console.print(_windows(timelines[0]))
    print_failures(console, results)


def print_failures(console: Console, results: Sequence[Heard]) -> None:
    """Print a line for each recording that could not be heard."""
    for result in results:
        if result.timeline is None:
            line = Text("failed: ", style="bold red")
            where = f"{result.file}: [{result.error_kind}] {result.error}"
            console.print(line.append(where, style=""))


def _files(timelines: Sequence[Timeline], with_letters: bool) -> Table:
    table = Table(box=SIMPLE_HEAD)
    table.add_column("file", overflow="fold")
    table.add_column("speech", justify="right", no_wrap=True)
    for name in ("emotion", "confidence", ""):
        table.add_column(name, no_wrap=True)
    if with_letters:
        table.add_column("over time", no_wrap=True)
        letters = ", ".join(_legend(timelines))
        legend = f"{letters}; small when unsure; " if letters else ""
        table.caption = Text(f"over time: {legend}· no speech")
    folder = _common_folder(timelines)
    for timeline in timelines:
        row: list[Text | str] = [
            Text(os.path.relpath(timeline.file, folder) if folder else timeline.file),
            f"{timeline.speech_s:.1f} of {timeline.duration_s:.1f} s",
            *_judgement(timeline.emotion),
        ]
        table.add_row(*row, *([_letters(timeline)] if with_letters else []))
    if folder:
        table.title = Text(f"in {folder}")
        table.title_justify = "left"
    return table


def _common_folder(timelines: Sequence[Timeline]) -> str:
    """The folder that several recordings share; empty when they share none."""
    parents = [os.path.dirname(timeline.file) for timeline in timelines]
    try:
        return os.path.commonpath(parents) if len(parents) > 1 else ""
    except ValueError:  # absolute and relative ones, or several drives
        return ""


def _windows(timeline: Timeline) -> Table:
    table = Table("from", "to", "emotion", "confidence", "", "next", box=SIMPLE_HEAD)
    spans = timeline.spans()
    for window in spans:
        estimate = window if isinstance(window, EmotionEstimated) else None
        second = ""
        if estimate is not None:
            ranked = sorted(estimate.probabilities.items(), key=lambda item: -item[1])
            second = f"{ranked[1][0]} {ranked[1][1]:.0%}"
        table.add_row(
            f"{window.start_s:.2f} s", f"{window.end_s:.2f} s", *_judgement(estimate), second
        )
    return table


def _judgement(what: Emotion | EmotionEstimated | None) -> tuple[Text, Text, Text]:
    if what is None:
        return Text("no speech", "dim"), Text(""), Text("")
    bar = "█" * round(10 * what.confidence)
    return (
        Text("■ ", colour_of(what.label)).append(what.label, "bold" if what.certain else ""),
        Text(f"{what.confidence:4.0%} ").append(f"{bar:<10}", colour_of(what.label)),
        Text("certain", "bold") if what.certain else Text("unsure", "dim"),
    )


def _letters(timeline: Timeline) -> Text:
    text = Text()
    spans = timeline.spans()
    for window in spans[:_MAX_LETTERS]:
        if isinstance(window, EmotionEstimated):
            letter = letter_of(window.label)
            text.append(letter if window.certain else letter.lower(), colour_of(window.label))
        else:
            text.append("·", "dim")
    if len(spans) > _MAX_LETTERS:
        text.append("…")
    return text


def _legend(timelines: Sequence[Timeline]) -> list[str]:
    seen = {window.label: None for timeline in timelines for window in timeline.windows}
    return [f"{letter_of(label)} {label}" for label in seen]
