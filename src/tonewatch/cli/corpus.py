"""`tonewatch corpus`: make a corpus of one's own ready for training, beside the original."""

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tonewatch.cli.output import STDOUT, check_target, write

if TYPE_CHECKING:
    from tonewatch.cli.rework import Corpus, Work
    from tonewatch.corpora import CorpusArgument
    from tonewatch.corpora.outliers import Finding, Heard
    from tonewatch.inference.predictor import Predictor

_SHOWN = 40


class Action(StrEnum):
    """What to do with the corpus."""

    CLEAN = "clean"
    TRIM = "trim"
    CLIP = "clip"
    SYNTHESIZE = "synthesize"
    OUTLIERS = "outliers"
    SPLIT = "split"


def corpus(
    action: Annotated[Action, typer.Argument(help="What to do.")],
    corpus: Annotated[
        str,
        typer.Argument(metavar="DIR", help="Of `tonewatch record`, or any corpus as NAME=PATH."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", file_okay=False, help="Where the new corpus goes."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be written, and write nothing.")
    ] = False,
    reduction: Annotated[
        float, typer.Option(metavar="DB", min=1, max=60, help="clean: how much at the most.")
    ] = 18.0,
    pad: Annotated[
        float, typer.Option(metavar="S", min=0, max=5, help="trim: silence to leave.")
    ] = 0.15,
    seconds: Annotated[
        float, typer.Option(metavar="S", min=0.1, max=60, help="clip: length of all.")
    ] = 3.0,
    copies: Annotated[
        int, typer.Option(metavar="N", min=1, max=20, help="synthesize: of each recording.")
    ] = 2,
    semitones: Annotated[
        float, typer.Option(metavar="N", min=0.1, max=6, help="synthesize: farthest pitch.")
    ] = 2.0,
    shares: Annotated[
        str, typer.Option(metavar="A,B,C", help="split: to train on, validate and test.")
    ] = "70,15,15",
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="split: who goes where.")] = 1,
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            exists=True,
            file_okay=False,
            help="outliers: a finished `tonewatch train` on this corpus; what it heard otherwise.",
        ),
    ] = None,
    json_to: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="outliers: as JSON; `-` prints it alone."),
    ] = None,
    bundle: Annotated[
        str, typer.Option(metavar="NAME|PATH", help="Tells where speech is.")
    ] = "voice",
) -> None:
    """Clean, trim, clip, multiply, check or divide the recordings of a corpus.

    - **clean** turns steady noise down (a gate for each band of the spectrum)
    - **trim** takes the silence off both ends
    - **clip** gives all one length: the loudest stretch, or silence after
    - **synthesize** adds copies at other pitches; they stay with their speaker
    - **outliers** tells what is unlike the rest, or was heard as another label
    - **split** divides by speaker into train.csv, validation.csv and test.csv

    The originals stay as they are: all that is written goes to --out, a new folder. Exit code: 0
    all done, 1 some recordings could not be heard, 2 wrong usage.

    Examples:

        tonewatch corpus clean recordings --out cleaned

        tonewatch corpus trim cleaned --out trimmed --dry-run

        tonewatch corpus outliers recordings --run runs/mine

        tonewatch corpus split emodb=path/to/EMO-DB --out parts
    """
    check_target(json_to, "--json")
    from tonewatch.cli.rework import Corpus, cleaned, clipped, synthesized, trimmed
    from tonewatch.corpora.recorded import MANIFEST
    from tonewatch.inference.predictor import Predictor

    if out is None and action is not Action.OUTLIERS:
        raise typer.BadParameter("expected a new folder, came none", param_hint="--out")
    argument = _argument(corpus)
    opened = Corpus.open(argument)
    recordings = [opened.root / row.path for row in opened.rows]
    lists = [argument.root, opened.root / MANIFEST]
    check_target(json_to, "--json", others=[*recordings, *lists])
    if opened.n_left_aside:
        typer.echo(
            f"files left aside: {opened.n_left_aside}; `tonewatch corpora` says why", err=True
        )
    if action is Action.SPLIT:
        assert out is not None
        _split(opened, out, shares, seed, dry_run)
        return
    predictor = Predictor.load(bundle)
    if action is Action.OUTLIERS:
        if dry_run:  # which still prints
            out, json_to = None, json_to if json_to == STDOUT else None
        _outliers(opened, run, predictor, out, json_to)
        return
    works: dict[Action, Work] = {
        Action.CLEAN: cleaned(reduction),
        Action.TRIM: trimmed(pad),
        Action.CLIP: clipped(seconds),
        Action.SYNTHESIZE: synthesized(copies, semitones),
    }
    assert out is not None
    _rework(action, opened, out, works[action], predictor, dry_run)


def _argument(text: str) -> "CorpusArgument":
    from tonewatch.core.errors import CorpusError
    from tonewatch.corpora import READERS, CorpusArgument, corpus_argument

    if "=" not in text or os.path.exists(text):
        return CorpusArgument("recorded", "recorded", Path(text).expanduser())
    try:
        found = corpus_argument(text)
    except CorpusError as error:
        raise typer.BadParameter(str(error), param_hint="DIR") from error
    if (reader := found.reader.rpartition(":")[2]) not in READERS:
        raise typer.BadParameter(
            f"expected a corpus ({', '.join(READERS)}), got {reader!r}", param_hint="DIR"
        )
    return found


def _rework(
    action: Action, opened: "Corpus", out: Path, work: "Work", predictor: "Predictor", dry_run: bool
) -> None:
    from rich.console import Console
    from rich.text import Text

    from tonewatch.cli.progress import progress_bar
    from tonewatch.cli.rework import rework

    console = Console(highlight=False, markup=False)
    with progress_bar(action.value, len(opened.rows)) as advance:
        found = rework(opened, out, work, predictor, dry_run=dry_run, on_file=advance)
    for path, reason in found.failures:
        console.print(Text("failed: ", "bold red").append(f"{path}: {reason}", ""))
    if dry_run:
        for row in found.rows[:_SHOWN]:
            console.print(Text(f"would write {out / row.path}"))
        if len(found.rows) > _SHOWN:
            console.print(f"... and {len(found.rows) - _SHOWN} more")
        console.print(f"would write {len(found.rows)} recordings, wrote nothing")
    else:
        console.print(
            f"{len(opened.rows)} recordings in, {len(found.rows)} out; "
            f"use them as mine:recorded={out}"
        )
    if found.failures:
        raise typer.Exit(1)


def _split(opened: "Corpus", out: Path, shares: str, seed: int, dry_run: bool) -> None:
    from dataclasses import replace

    import numpy as np
    from rich.console import Console

    from tonewatch.cli.rework import check_out
    from tonewatch.corpora.recorded import write_manifest
    from tonewatch.corpora.split import split

    try:
        wanted = [float(share) for share in shares.split(",")]
    except ValueError as error:
        raise typer.BadParameter(
            f"expected three numbers, as 70,15,15, came {shares!r}", param_hint="--shares"
        ) from error
    check_out(opened.root, out)
    console = Console(highlight=False, markup=False)
    for name, rows in split(opened.rows, wanted, np.random.default_rng(seed)).items():
        speakers = sorted({row.speaker for row in rows})
        console.print(f"{name}: {len(rows)} recordings by {', '.join(speakers) or 'nobody'}")
        if rows and not dry_run:
            target = out / f"{name}.csv"
            from_here = [
                replace(row, path=Path(os.path.relpath(opened.root / row.path, out)).as_posix())
                for row in rows
            ]
            write_manifest(target, from_here)
    console.print(
        "wrote nothing" if dry_run else f"train on them with --corpus mine:recorded={out}/train.csv"
    )


def _outliers(
    opened: "Corpus",
    run: Path | None,
    predictor: "Predictor",
    out: Path | None,
    json_to: Path | None,
) -> None:
    import csv
    import io
    from dataclasses import asdict

    from tonewatch.audio.decode import load
    from tonewatch.cli.progress import progress_bar
    from tonewatch.cli.rework import check_out
    from tonewatch.core.errors import AudioError, SettingsError
    from tonewatch.corpora.outliers import Clip, Finding, outliers
    from tonewatch.corpora.quality import measure
    from tonewatch.inference.speech import speech_spans

    if out is not None:
        check_out(opened.root, out)
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"cannot make the folder {out}: {error.strerror}; choose another"
            ) from error
    heard = {} if run is None else _heard(run, opened)
    clips: list[Clip] = []
    failed: list[Finding] = []
    with progress_bar("listening", len(opened.rows)) as advance:
        for row in opened.rows:
            try:
                samples = load(opened.root / row.path)
                measured = measure(samples, speech_spans(samples, predictor))
                clips.append(Clip(row.path, row.label, measured, heard.get(row.path)))
            except AudioError as error:
                failed.append(Finding(row.path, error.kind, str(error)))
            advance()
    found = [*failed, *outliers(clips)]
    if out is not None:
        table = io.StringIO(newline="")
        writer = csv.DictWriter(table, ("path", "word", "found"), lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(finding) for finding in found)
        write(out / "outliers.csv", table.getvalue())
    if json_to is not None:
        content = {"n": len(opened.rows), "asked": len(heard), "outliers": list(map(asdict, found))}
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        write(json_to, text)
    if json_to != STDOUT:
        _print(found, len(opened.rows), len(heard))
    if failed:
        raise typer.Exit(1)


def _heard(run: Path, opened: "Corpus") -> "dict[str, Heard]":
    """What each fold's network took the recordings of the others for, clean, by path in the list.

    Raises:
        SettingsError: it is a run on other recordings, or one that knew the speakers.
        TrainingError: it is no finished run.
    """
    from tonewatch.core.errors import SettingsError
    from tonewatch.corpora.outliers import Heard
    from tonewatch.training.runs import read_run

    finished = read_run(run)
    if finished.leaky:
        raise SettingsError(
            f"expected a run by speaker, in {run} the voices tested on were trained on; train with "
            "--folds speaker:N"
        )
    places = {(opened.root / row.path).resolve(): row.path for row in opened.rows}
    found: dict[str, Heard] = {}
    for fold in finished.folds.values():
        for condition, part in fold.items():
            if not condition.endswith("clean"):
                continue
            best, sure = part.probabilities.argmax(axis=1), part.probabilities.max(axis=1)
            for path, target, place, p in zip(
                part.paths, part.target.tolist(), best.tolist(), sure.tolist(), strict=True
            ):
                listed = places.get(Path(path or "").resolve())
                if listed is not None and p:
                    found[listed] = Heard(part.labels[place], p, place == target)
    if not found:
        raise SettingsError(
            f"expected a finished run on these recordings, {run} answered none of them; name the "
            "folder of `tonewatch train --out`, and start where the run was started"
        )
    return found


def _print(found: "list[Finding]", n: int, asked: int) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(markup=False)
    if found:
        table = Table("recording", "word", "found")
        for finding in found:
            table.add_row(finding.path, finding.word, finding.found)
        console.print(table)
    odd = len({finding.path for finding in found})
    answers = f"; a network that did not know the speaker heard {asked} of them" if asked else ""
    console.print(f"{odd} of {n} recordings to listen to{answers}", highlight=False)
