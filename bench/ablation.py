"""What each part of the recipe is worth: the training with one thing changed at a time.

    python -m bench.ablation --corpus ravdess=RAVDESS --corpus emodb=EMO-DB --out runs/ablation

Runs `tonewatch train` without a final network, first as it is, then with each augmentation, each
corpus, the running baseline and the pitches left out, with other lengths of windows and with
another seed, over the same first folds, and writes what `tonewatch compare` makes of them, and
`means.md`, the means over the corpora. A corpus that is left out teaches nothing (its weight is 0),
but is tested on and helps to choose the checkpoint, as everywhere. Finished runs are kept and a
killed one goes on, so the same command adds what is missing, and one with other settings is
refused; with `--only` several may make some each at once. Of the differences only those of many
speakers and folds say anything: look at their intervals.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import typer.main

from bench.setting import ROOT
from tonewatch.cli.corpora import read_arguments
from tonewatch.cli.main import app
from tonewatch.training.compare import Comparison, compare
from tonewatch.training.compare_page import write_comparison
from tonewatch.training.hearing import CONDITIONS
from tonewatch.training.material import RunSettings, group_of
from tonewatch.training.overrides import with_settings
from tonewatch.training.runs import read_run

REFERENCE = "all"
"""The name of the run as it is."""

CHANGES: Mapping[str, tuple[str, ...]] = {
    "noise": ("augment.noise=0",),
    "telephone": ("augment.telephone=0", "batch.line=0"),
    "pitch": ("augment.pitch=0", "batch.pitch_shift=0"),
    "speed": ("augment.speed=1,1",),
    "specaugment": ("batch.bands=0", "batch.times=0", "batch.pitches=0"),
    "mixup": ("train.mixup=0",),
    "warp": ("batch.warp=0",),
    "tempo": ("batch.tempo=0",),
    "baseline": ("network.baseline=false",),
    "melody": ("features.n_pitches=0", "network.n_pitches=0"),
}
"""What is left out, by the name of the part: `without-NAME`."""

ADDED: Mapping[str, tuple[str, ...]] = {"tempo": ("batch.tempo=0.1",)}
"""What is tried instead where the reference does without the part: `with-NAME`."""

OTHERS: Mapping[str, tuple[str, ...]] = {
    "windows-2s": ("batch.shortest_frames=96", "batch.longest_frames=200"),
    "windows-4s": ("batch.shortest_frames=200", "batch.longest_frames=400"),
    "another-seed": ("train.seed=2",),
}
"""What is otherwise: lengths of the windows that are learnt from (those tested have 3 s), and the
seed, whose difference is what no other difference may be taken for."""

_NOT_TESTED = ("librispeech", "noise")


def variants(groups: Sequence[str], changes: Sequence[str]) -> dict[str, list[str]]:
    """The arguments that differ, by the name of the run.

    Args:
        groups: the corpora, song apart from speech.
        changes: what the reference has been given by `--set`; a part that it does without is not
            left out a second time.
    """
    reference = with_settings(RunSettings(), changes)
    found: dict[str, list[str]] = {REFERENCE: []}
    for name, pairs in CHANGES.items():
        if with_settings(reference, pairs) != reference:
            found[f"without-{name}"] = _named("--set", pairs)
        elif name in ADDED:
            found[f"with-{name}"] = _named("--set", ADDED[name])
    for name, pairs in OTHERS.items():
        found[name] = _named("--set", pairs)
    if len([name for name in groups if name not in _NOT_TESTED]) > 1:
        for name in groups:
            found[f"without-corpus-{name}"] = ["--weight", f"{name}=0"]
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m bench.ablation", description=__doc__)
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the runs")
    parser.add_argument("--report", type=Path, default=ROOT / "docs" / "reports" / "ablation")
    parser.add_argument("--only", action="append", metavar="RUN", help="some of the runs")
    parser.add_argument("--list", action="store_true", help="name the runs and do nothing")
    parser.add_argument("--folds", default="speaker:5")
    parser.add_argument("--first-folds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--set", action="append", default=[], metavar="GROUP.NAME=VALUE")
    asked, more = parser.parse_known_args(arguments)
    tables = read_arguments(asked.corpus, param_hint="--corpus")
    groups = sorted({group_of(u) for table in tables.values() for u in table.utterances})
    wanted = variants(groups, asked.set)
    if stray := sorted(set(asked.only or ()) - set(wanted)):
        parser.error(f"expected {', '.join(wanted)}, came {', '.join(stray)}")
    if asked.list:
        print("\n".join(wanted))
        return
    names = [name for name in wanted if name == REFERENCE or name in (asked.only or wanted)]
    command = typer.main.get_command(app)
    for name in names:
        out = asked.out / name
        print(f"{name}: {' '.join(wanted[name])}")
        line = [
            "train", "--out", str(out), "--cache", str(asked.out / "frames"), "--resume",
            "--no-final", "--folds", asked.folds, "--first-folds", str(asked.first_folds),
            "--epochs", str(asked.epochs), *_named("--corpus", asked.corpus),
            *_named("--set", asked.set), *more, *wanted[name],
        ]  # fmt: skip
        if code := command.main(line, prog_name="tonewatch", standalone_mode=False):
            raise SystemExit(code)
    comparison = compare([read_run(asked.out / name) for name in names])
    print(f"report: {write_comparison(asked.report, comparison)}")
    table = means(comparison)
    (asked.report / "means.md").write_text(table, "utf-8")
    print(table)


def means(comparison: Comparison) -> str:
    """A table in Markdown: each run's UAR, mean over corpora, clean and by telephone."""
    found: dict[str, dict[str, float]] = {}
    for channel in CONDITIONS:
        of_channel = [name for name in comparison.conditions if name.endswith(f", {channel}")]
        standings = [each for name in of_channel for each in comparison.under(name)]
        for run in comparison.runs:
            scores = [each.uar for each in standings if each.run == run.name]
            found.setdefault(run.name, {})[channel] = float(np.mean(scores))
    first = found[comparison.reference.name]
    lines = [f"| run | {' | '.join(f'{each} | less `{REFERENCE}`' for each in CONDITIONS)} |"]
    lines.append("|" + "---|" * (1 + 2 * len(CONDITIONS)))
    for name, scores_of in found.items():
        cells = [
            f"{scores_of[each]:.3f} | {scores_of[each] - first[each]:+.3f}" for each in CONDITIONS
        ]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _named(option: str, values: Sequence[str]) -> list[str]:
    return [part for value in values for part in (option, value)]


if __name__ == "__main__":
    main()
