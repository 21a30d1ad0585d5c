"""`tonewatch train`: train and test by folds, write a report and a bundle."""

import math
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tonewatch.training.loop import Epoch

_UNLABELLED = {"librispeech"}
_NOISE = {"noise"}


class Network(StrEnum):
    """The networks by name."""

    stream_cnn = "stream_cnn"


class Device(StrEnum):
    """Where to train."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


def train(
    corpora: Annotated[
        list[str],
        typer.Option(
            "--corpus",
            metavar="NAME=PATH",
            help="A corpus; several times. `librispeech` teaches what speech is, `noise` is mixed "
            "in and teaches what is not.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", file_okay=False, help="Where folds, report and bundle go."),
    ],
    scheme: Annotated[
        str, typer.Option(metavar="NAME|FILE.toml", help="Labels to learn.")
    ] = "ravdess8",
    bundle_scheme: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Labels of the bundle, if fewer than those learnt."),
    ] = None,
    network: Annotated[Network, typer.Option(help="Which network.")] = Network.stream_cnn,
    folds: Annotated[
        str, typer.Option(metavar="speaker:N|corpus|random:N", help="How to divide.")
    ] = "speaker:5",
    first_folds: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Train only the first N folds.")
    ] = None,
    device: Annotated[Device, typer.Option(help="Where to train; auto takes a GPU.")] = Device.auto,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run in DIR.")] = False,
    final: Annotated[
        bool, typer.Option(help="Also train on all speakers, and write DIR/bundle.")
    ] = True,
    start: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            exists=True,
            file_okay=False,
            help="Begin with the networks of a finished run with the same folds, not from scratch.",
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(metavar="N", min=1, help="At most so many.")] = 60,
    steps: Annotated[int, typer.Option(metavar="N", min=1, help="Batches an epoch.")] = 64,
    copies: Annotated[
        int, typer.Option(metavar="N", min=2, help="Copies of each recording, 2 not random.")
    ] = 8,
    weights: Annotated[
        list[str] | None,
        typer.Option("--weight", metavar="NAME=W", help="How often a corpus is drawn; 1 if not."),
    ] = None,
    rate: Annotated[
        float, typer.Option(metavar="X", min=1e-6, max=0.1, help="Peak of the learning rate.")
    ] = 2e-3,
    seed: Annotated[int, typer.Option(metavar="N", help="Of everything random.")] = 1,
    name: Annotated[str, typer.Option(metavar="NAME", help="Of the bundle.")] = "mine",
    licence: Annotated[str, typer.Option(metavar="TEXT", help="Of the weights.")] = "",
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="For frames, to serve later runs; DIR/frames if not.",
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="Processes beside.")] = 2,
) -> None:
    """Train a network on labelled corpora, test it on speakers it has not heard, and export it.

    Needs the extra `train` (torch). A killed run goes on with --resume. DIR gets report.html,
    report.json, pictures, a folder a fold, and `bundle`, which `analyze --bundle DIR/bundle` takes.
    Exit code: 0 trained, 1 no training possible, 2 wrong usage.

    Examples:

        tonewatch train --corpus ravdess=path/to/RAVDESS --out runs/first

        tonewatch train --corpus mine:folders=calls --scheme mine.toml --out runs/mine

        tonewatch train --corpus ravdess=a --corpus tess=b --folds random:5 --out runs/leaky

        tonewatch train --start runs/voice --rate 0.0003 --corpus emodb=c --out runs/german
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise typer.BadParameter(
            "training needs torch, which is not installed: pip install 'tonewatch[train]'"
        ) from error
    from rich.console import Console

    from tonewatch.cli.corpora import read_arguments
    from tonewatch.core.errors import CorpusError
    from tonewatch.corpora.folds import parse_folds
    from tonewatch.corpora.table import Table
    from tonewatch.training.augment import AugmentSettings
    from tonewatch.training.dataset import DatasetSettings
    from tonewatch.training.loop import TrainSettings
    from tonewatch.training.material import RunSettings, gather, group_of
    from tonewatch.training.run import FRAMES, claim, run

    try:
        parse_folds(folds)
    except CorpusError as error:
        raise typer.BadParameter(str(error), param_hint="--folds") from error
    if device is Device.cuda and not torch.cuda.is_available():
        raise typer.BadParameter("expected a GPU for cuda, there is none; use --device cpu")
    chosen = "cuda" if device is not Device.cpu and torch.cuda.is_available() else "cpu"
    tables: dict[str, Table] = {"labelled": Table(()), "unlabelled": Table(()), "noise": Table(())}
    for corpus, table in read_arguments(corpora, param_hint="--corpus").items():
        unlabelled = "unlabelled" if corpus in _UNLABELLED else "labelled"
        tables["noise" if corpus in _NOISE else unlabelled] += table
    drawn = {group_of(u) for table in tables.values() for u in table.utterances}
    settings = RunSettings(
        name=name,
        scheme=scheme,
        bundle_scheme=bundle_scheme,
        folds=folds,
        first_folds=first_folds,
        final=final,
        start=None if start is None else str(start),
        licence=licence,
        device=chosen,
        jobs=jobs,
        train=TrainSettings(
            epochs=epochs,
            steps=steps,
            learning_rate=rate,
            seed=seed,
            corpus_weights=_weights(weights or [], drawn),
        ),
        dataset=DatasetSettings(augment=replace(AugmentSettings(), copies=copies), seed=seed),
    )
    claim(out, resume=resume)
    console = Console(stderr=True, soft_wrap=True)
    console.print(f"network {network.value}, device {chosen}, folds {folds}, seed {seed}")
    material = gather(
        tables["labelled"], tables["unlabelled"], tables["noise"], settings, cache or out / FRAMES
    )
    for word, count in sorted(material.left_out.items()):
        console.print(f"left out: {count} recordings of {word}, which {scheme} has no label for")
    report = run(
        material,
        settings,
        out,
        resume=resume,
        on_start=lambda fold, n: console.rule(f"{fold}: up to {n} epochs"),
        on_epoch=lambda epoch: console.print(_line(epoch)),
    )
    for condition in report.conditions:
        leaky = " [bold red]LEAKY: the voices tested on were trained on[/]" if report.leaky else ""
        console.print(f"{condition.name}: UAR {condition.uar:.3f} (n {condition.pooled.n}){leaky}")
    console.print(f"report: {out / 'report.html'}")


def _weights(pairs: list[str], drawn: set[str]) -> dict[str, float]:
    weights = {}
    for pair in pairs:
        corpus, _, value = pair.partition("=")
        if corpus not in drawn:
            raise typer.BadParameter(
                f"expected one of {', '.join(sorted(drawn))}, came {corpus!r}",
                param_hint="--weight",
            )
        try:
            weights[corpus] = float(value)
        except ValueError:
            weights[corpus] = math.nan
        if not (math.isfinite(weights[corpus]) and weights[corpus] > 0):
            raise typer.BadParameter(
                f"expected NAME=NUMBER with a number above 0, came {pair!r}", param_hint="--weight"
            )
    return weights


def _line(epoch: "Epoch") -> str:
    line = f"epoch {epoch.number + 1:3}  loss {epoch.loss:.3f}  accuracy {epoch.accuracy:.3f}  "
    if not math.isnan(epoch.validation_uar):
        line += f"validation: loss {epoch.validation_loss:.3f}  UAR {epoch.validation_uar:.3f}  "
    return f"{line}{epoch.seconds:.0f} s"
