"""`tonewatch train`: train and test by folds, write a report and a bundle."""

import math
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tonewatch.cli.train_settings import (
    Network,
    backbone_settings,
    corpus_weights,
    usual_settings,
)

if TYPE_CHECKING:
    from tonewatch.training.loop import Epoch

_UNLABELLED = {"librispeech"}
_NOISE = {"noise"}


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
        str | None,
        typer.Option(metavar="NAME|FILE.toml", help="Labels to learn; the network's usual if not."),
    ] = None,
    bundle_scheme: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Labels of the bundle, if fewer than those learnt."),
    ] = None,
    network: Annotated[
        Network, typer.Option(help="Which network; docs/reference/networks.md describes them.")
    ] = Network.stream_cnn,
    backbone: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="The pretrained network that `ssl` begins with.",
        ),
    ] = None,
    fine_tune: Annotated[
        bool, typer.Option("--fine-tune", help="Train the pretrained network too, not its head.")
    ] = False,
    folds: Annotated[
        str, typer.Option(metavar="speaker:N|corpus|random:N", help="How to divide.")
    ] = "speaker:5",
    first_folds: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Train only the first N folds.")
    ] = None,
    validation: Annotated[
        bool,
        typer.Option(
            help="Spare some training speakers of each fold to choose the epoch and to calibrate; "
            "without, they teach too, the last epoch is kept, and the other folds calibrate."
        ),
    ] = True,
    part: Annotated[
        str | None,
        typer.Option(
            metavar="N|final",
            help="Train this fold alone, or the final network, to train several at once; the same "
            "command with --resume instead puts them together.",
        ),
    ] = None,
    device: Annotated[Device, typer.Option(help="Where to train; auto takes a GPU.")] = Device.auto,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run in DIR.")] = False,
    final: Annotated[
        bool, typer.Option(help="Also train on all speakers, and write DIR/bundle.")
    ] = True,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="RUN|FOLD|BUNDLE",
            help="Begin with the networks of a finished run with the same folds, not from scratch; "
            "or all with one: that in a fold's folder, such as corpus-emodb, or a bundle's.",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="At most so many; the network's usual if not."),
    ] = None,
    steps: Annotated[int, typer.Option(metavar="N", min=1, help="Batches an epoch.")] = 64,
    members: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            max=8,
            help="Networks a fold and in the bundle, with seeds of their own, that answer together "
            "(stream_cnn only).",
        ),
    ] = 1,
    snapshots: Annotated[
        bool,
        typer.Option(
            "--snapshots",
            help="Let each further network go on from the one before, at the full rate again.",
        ),
    ] = False,
    copies: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=2,
            help="Copies of each recording, 2 not random; the network's usual if not.",
        ),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weight", metavar="NAME=W", help="How often a corpus is drawn; 1 if not, 0 never."
        ),
    ] = None,
    late: Annotated[
        list[str] | None,
        typer.Option(
            "--late-weight",
            metavar="NAME=W",
            help="The same for the last epochs, three of ten (stream_cnn only).",
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            min=1e-6,
            max=0.1,
            help="Peak of the learning rate; the network's usual if not.",
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="GROUP.NAME=VALUE",
            help="Any other setting, such as batch.warp=0; several times. "
            "docs/reference/training.md lists them.",
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            "--search", metavar="N", min=1, help="Search settings in N trials instead of training."
        ),
    ] = None,
    space: Annotated[
        Path | None,
        typer.Option(
            "--search-space",
            metavar="FILE.toml",
            exists=True,
            dir_okay=False,
            help="What to search, for --search; the usual if not.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of everything random.")] = 1,
    name: Annotated[str, typer.Option(metavar="NAME", help="Of the bundle.")] = "mine",
    version: Annotated[str, typer.Option(metavar="TEXT", help="Of the bundle.")] = "1",
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

        tonewatch train --corpus ravdess=a --part 2 --out runs/first

        tonewatch train --corpus ravdess=a --no-validation --epochs 44 --out runs/everybody

        tonewatch train --corpus ravdess=a --corpus tess=b --late-weight ravdess=3 --out runs/late

        tonewatch train --corpus ravdess=a --corpus tess=b --folds random:5 --out runs/leaky

        tonewatch train --network td_cnn_lstm --corpus ravdess=a --out runs/td

        tonewatch train --start voice --epochs 10 --corpus mine:folders=calls --out runs/mine

        tonewatch train --corpus ravdess=a --out runs/plain --set batch.warp=0 --set batch.bands=0

        tonewatch train --corpus ravdess=a --search 40 --epochs 12 --out runs/searched
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise typer.BadParameter(
            "training needs torch, which is not installed: pip install 'tonewatch[train]'"
        ) from error
    from rich.console import Console
    from rich.text import Text

    from tonewatch.cli.corpora import read_arguments
    from tonewatch.cli.search import search_and_tell, space_to_search
    from tonewatch.core.errors import CorpusError
    from tonewatch.corpora.folds import parse_folds
    from tonewatch.corpora.table import Table
    from tonewatch.inference.bundle import is_bundle
    from tonewatch.training.claims import FRAMES, claim
    from tonewatch.training.material import RunSettings, gather, group_of
    from tonewatch.training.overrides import with_settings
    from tonewatch.training.run import run, run_part

    try:
        parse_folds(folds)
    except CorpusError as error:
        raise typer.BadParameter(str(error), param_hint="--folds") from error
    if device is Device.cuda and not torch.cuda.is_available():
        raise typer.BadParameter("expected a GPU for cuda, there is none; use --device cpu")
    if start is not None and not is_bundle(start) and not Path(start).is_dir():
        raise typer.BadParameter(
            f"expected the folder of a run or of a fold, or a bundle, there is none at {start}",
            param_hint="--start",
        )
    if members > 1 and network is not Network.stream_cnn:
        raise typer.BadParameter(
            f"expected one network of {network.value}, came {members}; only stream_cnn answers "
            "together with others",
            param_hint="--members",
        )
    if late and network is not Network.stream_cnn:
        raise typer.BadParameter(
            f"expected it with stream_cnn, came {network.value}", param_hint="--late-weight"
        )
    if snapshots and members == 1:
        raise typer.BadParameter(
            "expected --members of 2 or more beside it, came 1", param_hint="--snapshots"
        )
    chosen = "cuda" if device is not Device.cpu and torch.cuda.is_available() else "cpu"
    tables: dict[str, Table] = {"labelled": Table(()), "unlabelled": Table(()), "noise": Table(())}
    for corpus, table in read_arguments(corpora, param_hint="--corpus").items():
        unlabelled = "unlabelled" if corpus in _UNLABELLED else "labelled"
        tables["noise" if corpus in _NOISE else unlabelled] += table
    drawn = {group_of(u) for table in tables.values() for u in table.utterances}
    ways = usual_settings(
        network,
        {
            "epochs": epochs,
            "steps": steps,
            "learning_rate": rate,
            "seed": seed,
            "corpus_weights": corpus_weights(weights or [], drawn, "--weight"),
            "late_weights": corpus_weights(late, drawn, "--late-weight") if late else None,
        },
        copies,
        backbone_settings(network, backbone, fine_tune),
    )
    scheme = scheme or (RunSettings.scheme if ways.window is None else ways.window.network.scheme)
    settings = replace(
        ways,
        name=name,
        scheme=scheme,
        bundle_scheme=bundle_scheme,
        folds=folds,
        first_folds=first_folds,
        validation=validation,
        final=final,
        start=start,
        version=version,
        licence=licence,
        device=chosen,
        jobs=jobs,
        members=members,
        snapshots=snapshots,
    )
    settings = with_settings(settings, changes or [])
    if space is not None and trials is None:
        raise typer.BadParameter("expected --search N beside it", param_hint="--search-space")
    alone = members == 1 and start is None and part is None and validation
    if trials is not None and not alone:
        raise typer.BadParameter(
            "expected no --members, --start, --part or --no-validation beside it: each trial "
            "trains one network on the first fold from random weights, and validation judges it",
            param_hint="--search",
        )
    ranges = None if trials is None else space_to_search(settings, space)
    claim(out, resume=resume or part is not None)
    console = Console(stderr=True, soft_wrap=True, markup=False, emoji=False)
    console.print(f"network {network.value}, device {chosen}, folds {folds}, seed {seed}")
    material = gather(
        tables["labelled"], tables["unlabelled"], tables["noise"], settings, cache or out / FRAMES
    )
    for word, count in sorted(material.left_out.items()):
        console.print(f"left out: {count} recordings of {word}, which {scheme} has no label for")
    for label in sorted(material.untaught):
        console.print(f"no recording of {label}: the bundle never answers it")
    if trials is not None and ranges is not None:
        search_and_tell(console, material, settings, ranges, out, trials)
        return
    telling: dict[str, Any] = {
        "on_start": lambda fold, n: console.rule(f"{fold}: up to {n} epochs"),
        "on_epoch": lambda epoch: console.print(_line(epoch)),
    }
    if part is not None:
        run_part(material, settings, out, part, resume=resume, **telling)
        console.print(f"part {part} is done; with all parts there, --resume puts them together")
        return
    report = run(material, settings, out, resume=resume, **telling)
    for condition in report.conditions:
        found = condition.pooled
        line = Text(f"{condition.name}: UAR {condition.uar:.3f} (n {found.n})")
        if found.no_speech:
            line.append(f"; no speech was heard in {found.no_speech}, which count as wrong")
        if report.leaky:
            line.append(" LEAKY: the voices tested on were trained on", "bold red")
        console.print(line)
    console.print(f"report: {out / 'report.html'}")


def _line(epoch: "Epoch") -> str:
    line = f"epoch {epoch.number + 1:3}  "
    if not math.isnan(epoch.loss):  # what is solved at once tells none
        line += f"loss {epoch.loss:.3f}  accuracy {epoch.accuracy:.3f}  "
    if not math.isnan(epoch.validation_uar):
        line += f"validation: loss {epoch.validation_loss:.3f}  UAR {epoch.validation_uar:.3f}  "
    return f"{line}{epoch.seconds:.0f} s"
