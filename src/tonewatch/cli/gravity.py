"""`tonewatch gravity`: how grave sentences or transcripts are, one a line."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def gravity(
    file: Annotated[
        str, typer.Argument(metavar="[FILE|-]", help="A text a line; `-` is the standard input.")
    ] = "-",
    json_out: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE|-", help="All judgements as a JSON array."),
    ] = None,
) -> None:
    """Judge how grave each line of a text is: High, Medium or Low, and what matched.

    It reads English and German words, hears no voice, and decides nothing without a person.

    For example:

        echo "there is a fire" | tonewatch gravity

        tonewatch gravity transcripts.txt --json -
    """
    import json

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from tonewatch.cli.output import check_target, write
    from tonewatch.core.errors import SettingsError
    from tonewatch.triage.gravity import Judge, Judgement

    if json_out is not None:
        check_target(Path(json_out), "--json", others=[Path(file)])
    judge = Judge()
    judged = [found for line in _lines(file) if (found := judge.judge(line)) is not None]
    if not judged:
        raise SettingsError(f"expected text in {file!r}, came no word; write one text a line")
    if json_out is not None:
        text = json.dumps([each.to_dict() for each in judged], ensure_ascii=False, indent=1) + "\n"
        write(Path(json_out), text)
        if json_out == "-":
            return

    def highlighted(each: Judgement) -> Text:
        shown = Text(each.text.strip())
        before = len(each.text) - len(each.text.lstrip())
        for hit in each.matched:
            style = "dim" if hit.negated else "bold"
            shown.stylize(style, hit.start - before, hit.end - before)
        return shown

    table = Table("gravity", "probability", "emotion in words", "text")
    for each in judged:
        table.add_row(
            str(each.gravity),
            f"{each.probabilities[each.gravity]:.2f}",
            each.emotion.label if each.emotion else "-",
            highlighted(each),
        )
    Console().print(table)


def _lines(file: str) -> list[str]:
    from tonewatch.core.errors import SettingsError

    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return content.decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"cannot read {file}: {error}; expected a text file in UTF-8, a text a line"
        ) from error
