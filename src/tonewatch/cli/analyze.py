"""`tonewatch analyze`: recordings in, a table and files of results out."""

import csv
import io
import json
import math
import os
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tonewatch.cli.output import STDOUT, check_target, write, write_bytes

if TYPE_CHECKING:
    from tonewatch.cli.listen import Heard, Request
    from tonewatch.inference.bundle import Bundle
    from tonewatch.inference.predictor import Predictor


def analyze(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Recordings, and folders of them."),
    ],
    json_to: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="All results as JSON; `-` prints it alone."),
    ] = None,
    csv_to: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="A table, one row a window.")
    ] = None,
    html_to: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="One page: waveform, timeline, player."),
    ] = None,
    plot_to: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.png", help="The timeline as a picture.")
    ] = None,
    bundle: Annotated[
        str,
        typer.Option(metavar="NAME|PATH", help="An installed bundle, or a folder or zip."),
    ] = "voice",
    channel: Annotated[
        str, typer.Option(metavar="mix|N", help="The mean of all channels, or one, from 0.")
    ] = "mix",
    window: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            help="Seconds, in whole steps (the bundle's, 0.04); its own (3) by default.",
        ),
    ] = None,
    hop: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            help="Seconds, in whole steps (the bundle's, 0.04); its own (1) by default.",
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="Files at a time.")] = 1,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Draw what the surest window rests on, with --html or --plot."
        ),
    ] = False,
) -> None:
    """Hear the emotion in recordings, window by window.

    In folders, files are taken by the endings of their names. One bad file does not stop the
    others. Exit code: 0 all analysed, 1 some failed, 2 wrong usage.

    For example:

        tonewatch analyze call.wav

        tonewatch analyze monday/ tuesday/ --jobs 2 --json results.json --csv windows.csv

        tonewatch analyze call.mp3 --html report.html --explain

        tonewatch analyze stereo.wav --channel 1 --json - | jq .
    """
    targets = [target for target in (json_to, csv_to, html_to, plot_to) if target is not None]
    _check_targets(targets)
    reasons_to = plot_to.with_suffix(".explained.png") if plot_to and explain else None
    if reasons_to is not None:
        check_target(reasons_to, others=targets)
        targets.append(reasons_to)
    from tonewatch.cli.listen import Request
    from tonewatch.inference.analyser import Analyser
    from tonewatch.inference.predictor import Predictor

    drawn = bool(html_to or plot_to)
    if explain and (window is not None or not drawn):
        raise typer.BadParameter(
            "expected --html or --plot beside it, and no --window: what is explained is a window "
            "of the bundle's own length",
            param_hint="--explain",
        )
    request = Request(bundle, _channel(channel), window, hop, envelope=drawn, explain=explain)
    predictor = Predictor.load(bundle)
    grid = Analyser(predictor, window_s=window, hop_s=hop).grid  # refuses wrong ones before work
    for option, asked_s, n in (("--window", window, grid.window), ("--hop", hop, grid.hop)):
        if asked_s is not None and not math.isclose(asked_s, n / grid.rate_hz):
            typer.echo(
                f"tonewatch: {option} {asked_s:g} becomes {n / grid.rate_hz:g} s, in whole steps "
                f"of {1 / grid.rate_hz:g} s",
                err=True,
            )
    files = _walk(paths)
    if not files:
        raise typer.BadParameter(
            "expected recordings, these folders hold no file with an audio file's name; "
            "name files of other names one by one",
            param_hint="PATH",
        )
    for target in targets:
        check_target(target, others=files)
    if plot_to is not None:
        from tonewatch.cli.plot import MAX_FILES, plot

        if plot_to == STDOUT:
            raise typer.BadParameter("expected a picture's file, came -", param_hint="--plot")
        if len(files) > MAX_FILES:
            raise typer.BadParameter(
                f"expected at most {MAX_FILES} recordings for a picture, came {len(files)}; name "
                "fewer, or write a page with --html",
                param_hint="--plot",
            )
    results = _hear(files, request, predictor, jobs)

    if json_to is not None:
        write(json_to, _json(predictor.bundle, results))
    if csv_to is not None:
        write(csv_to, _csv(predictor.bundle, results))
    if html_to is not None:
        from tonewatch.cli.page import page

        write(html_to, page(predictor.bundle, results, request.channel, html_to.parent))
    if plot_to is not None and any(result.timeline is not None for result in results):
        plot(results, plot_to, predictor.bundle)
        if reasons_to is not None:
            _draw_reasons(results, reasons_to)
    if STDOUT not in targets:
        from rich.console import Console

        from tonewatch.cli.table import print_results

        print_results(Console(), results)
    elif csv_to == STDOUT:  # the one kind of results without a place for failures
        from rich.console import Console

        from tonewatch.cli.table import print_failures

        print_failures(Console(stderr=True), results)
    if (info := predictor.bundle.info).experimental:
        typer.secho(
            f"EXPERIMENTAL: do not act on what {info.name!r} says; "
            f"`tonewatch bundles {bundle}` tells why.",
            bold=True,
            err=True,
        )
    if any(result.timeline is None for result in results):
        raise typer.Exit(1)


def _draw_reasons(results: "Sequence[Heard]", target: Path) -> None:
    """Write the picture of all reasons that were asked for; none where there are none."""
    found = [(f"{Path(r.file).name}: ", r.explanation) for r in results if r.explanation]
    if found:
        from tonewatch.inference.explain_plot import draw_explanations

        write_bytes(target, draw_explanations(found))


def _check_targets(targets: Sequence[Path]) -> None:
    if targets.count(STDOUT) > 1:
        raise typer.BadParameter("expected `-` once, came several; only one can be printed")
    for number, target in enumerate(targets):
        check_target(target, others=targets[:number])


def _channel(text: str) -> int | None:
    if text == "mix":
        return None
    if not (text.isascii() and text.isdigit()):
        raise typer.BadParameter(
            f"expected mix or a number from 0, came {text!r}", param_hint="--channel"
        )
    return int(text)


def _walk(paths: Sequence[Path]) -> list[Path]:
    """The files named, whatever they are called, and the audio files below the folders named."""
    if not any(map(os.path.isdir, paths)):
        return list(dict.fromkeys(paths))
    from tonewatch.corpora.files import audio_files

    shut: list[Path] = []  # folders that cannot be read: as files, to be told like other failures
    below = (
        audio_files(path, on_shut=lambda folder, why: shut.append(folder))
        if os.path.isdir(path)
        else [path]
        for path in paths
    )
    return list(dict.fromkeys([*chain.from_iterable(below), *shut]))


def _hear(
    files: Sequence[Path], request: "Request", predictor: "Predictor", jobs: int
) -> "list[Heard]":
    """Hear all, with a progress bar that moves within long recordings too."""
    from tonewatch.cli.listen import hear_all
    from tonewatch.cli.progress import progress_to

    results: list[Heard] = []
    with progress_to("listening", len(files)) as show:
        if show is None:
            return list(hear_all(files, request, predictor, jobs=jobs))

        def within(share: float) -> None:
            show(len(results) + share)

        for heard in hear_all(files, request, predictor, jobs=jobs, progress=within):
            results.append(heard)
            show(len(results))
    return results


def _json(bundle: "Bundle", results: "Sequence[Heard]") -> str:
    info = bundle.info
    content: dict[str, Any] = {
        "bundle": {
            "name": info.name,
            "version": info.version,
            "sha256": bundle.sha256,
            "labels": list(info.labels),
            **({"experimental": True} if info.experimental else {}),
        },
        "files": [result.to_dict() for result in results],
    }
    return json.dumps(content, indent=1) + "\n"


def _csv(bundle: "Bundle", results: "Sequence[Heard]") -> str:
    from tonewatch.inference.timeline import columns, row

    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns(bundle.info.labels), lineterminator="\n")
    writer.writeheader()
    for result in results:
        if result.timeline is not None:
            writer.writerows(row(result.file, window) for window in result.timeline.windows)
    return text.getvalue()
