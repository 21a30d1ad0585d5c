"""What becomes of simulated calls: written, played or heard, with progress, tables and scores."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from tonewatch.simulate.play import Run
    from tonewatch.simulate.render import Labels
    from tonewatch.simulate.scores import Judged, Scores
    from tonewatch.simulate.upcoming import Upcoming

_BEHIND_S = 1.0


def write_all(
    folder: Path,
    upcoming: "Sequence[Upcoming]",
    settings: Mapping[str, Any],
    console: "Console",
) -> None:
    """Write the calls into a folder, and say what they are."""
    from collections import Counter

    from tonewatch import __version__
    from tonewatch.cli.progress import progress_bar
    from tonewatch.simulate.folder import MANIFEST, TABLE, write

    with progress_bar("making calls", len(upcoming)) as advance:
        made_with = {"tonewatch": __version__, **settings}
        labels = write(folder, (each.make() for each in upcoming), made_with, advance)
    kinds = Counter(each.outcome if each.to_check else str(each.gravity) for each in labels)
    counted = ", ".join(f"{kind} {n}" for kind, n in kinds.most_common())
    minutes = sum(each.duration_s for each in labels) / 60
    console.print(
        f"{len(labels)} calls, {minutes:.1f} min ({counted}) in {folder}: {MANIFEST} and {TABLE}",
        highlight=False,
        soft_wrap=True,
    )


def hear_all(
    bundle: str, upcoming: "Sequence[Upcoming]", base_rate: float, console: "Console"
) -> dict[str, Any]:
    """Have a bundle hear the calls here; print the scores, and give all of it."""
    from collections import Counter

    from tonewatch.cli.progress import progress_bar
    from tonewatch.inference.bundle import load_bundle
    from tonewatch.inference.predictor import Predictor
    from tonewatch.inference.protocol import known_voices
    from tonewatch.simulate.hear import hear
    from tonewatch.triage.gravity import Judge
    from tonewatch.triage.policy import shipped

    loaded = load_bundle(bundle)
    predictor, judge, policy = Predictor(loaded), Judge(), shipped()
    judged: list[Judged] = []
    numbers = Counter[str]()
    with progress_bar("listening", len(upcoming)) as advance:
        for each in upcoming:
            call = each.make()
            number = call.labels.metadata.get("number", "")
            found = hear(call, predictor, judge, policy, calls_before=numbers[number])
            numbers[number] += 1
            assert found is not None  # the shipped policy is on
            judged.append(found)
            advance()
    speakers = sorted({each.labels.speaker for each in judged if each.labels.speaker})
    corpora = sorted({speaker.partition(":")[0] for speaker in speakers})
    if speakers:
        protocol = known_voices(loaded.info.training, speakers, corpora)
    else:
        protocol = "Spoken by a program: the score says nothing of how people are heard."
    protocol = (
        f"Simulated calls, bundle {loaded.info.name} {loaded.info.version}, rules "
        f"{policy.version}. {protocol} The words are the scripts', as if a recogniser made no "
        "error, and the model of gravity may have read them."
    )
    console.print(protocol, highlight=False)
    scores = _scored(judged, base_rate, missing=0)
    _print(console, scores)
    rows = [
        {
            "id": each.labels.id,
            "urgency": each.urgency,
            "flagged": each.flagged,
            **_true(each.labels),
        }
        for each in judged
    ]
    return {"protocol": protocol, "scores": scores.to_dict(), "calls": rows}


def play_all(
    url: str,
    key: str,
    record: bool,
    upcoming: "Sequence[Upcoming]",
    base_rate: float,
    console: "Console",
) -> dict[str, Any]:
    """Play the calls into a service; print what they met, and give all of it.

    Raises:
        SettingsError: the package for it is not installed.
        PlayError: no service is there, or it takes no calls from here.
    """
    import asyncio

    from tonewatch.cli.extras import service_packages

    with service_packages():
        from tonewatch.simulate.client import Where, live_address
        from tonewatch.simulate.play import play
    from tonewatch.simulate.scores import from_assessed

    where = Where(live_address(url), key, record)
    with _display(len(upcoming)) as show:
        run = asyncio.run(play(upcoming, where, show))
    told = [(each.labels, each.met.assessed) for each in run.played]
    judged = [from_assessed(labels, found) for labels, found in told if found is not None]
    scores = _scored(judged, base_rate, missing=len(told) - len(judged))
    summary = run.summary()
    _print_summary(console, summary)
    for each in run.played:
        if each.met.trouble:
            console.print(f"{each.labels.id}: {each.met.trouble}", highlight=False)
    _print(console, scores)
    rows = []
    for each in run.played:
        met = each.met
        rows.append(
            {
                "id": each.labels.id,
                "call_id": met.call_id,
                "ended": met.reason,
                "trouble": met.trouble,
                "windows": met.windows,
                "urgency": met.assessed and met.assessed["urgency"]["value"],
                "flagged": met.assessed and met.assessed["check"]["flagged"],
                **_true(each.labels),
            }
        )
    return {"summary": summary, "scores": scores.to_dict(), "calls": rows}


def _true(labels: "Labels") -> dict[str, Any]:
    return {
        "gravity": str(labels.gravity),
        "outcome": labels.outcome,
        "about": labels.about,
        "speaker": labels.speaker,
    }


def _scored(judged: "Sequence[Judged]", base_rate: float, *, missing: int) -> "Scores":
    import numpy as np

    from tonewatch.simulate.scores import score

    return score(judged, base_rate, missing=missing, rng=np.random.default_rng(0))


@contextmanager
def _display(total: int) -> "Iterator[Callable[[Run], None]]":
    """One line that follows the calls, on the standard error where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda run: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    with Progress(
        TextColumn("playing"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("", total=total)

        def show(run: "Run") -> None:
            summary = run.summary()
            p95 = summary["latency_p95_s"]
            late = "" if p95 is None else f", 95 % within {1000 * p95:.0f} ms"
            bar.update(
                task,
                completed=run.ended,
                description=f"{len(run.played) - run.ended} live, {summary['windows']} windows"
                f"{late}, {summary['dropped_s']:.1f} s dropped",
            )

        yield show


def _print_summary(console: "Console", summary: Mapping[str, Any]) -> None:
    from rich.table import Table

    grid = Table("calls", "ended", "hung up", "trouble", "windows", "p50 ms", "p95 ms", "dropped s")
    for column in grid.columns:
        column.justify = "right"
    latencies = [summary[f"latency_p{percent}_s"] for percent in (50, 95)]
    grid.add_row(
        f"{summary['begun']} of {summary['calls']}",
        str(summary["finished"]),
        str(summary["hung_up"]),
        str(summary["troubled"]),
        str(summary["windows"]),
        *("-" if each is None else f"{1000 * each:.0f}" for each in latencies),
        f"{summary['dropped_s']:.1f}",
    )
    console.print(grid)
    console.print(
        "ms: from the last sample of a window, sent, to its event, here; this side was late by "
        f"{1000 * summary['late_s']:.0f} ms at most",
        style="dim",
        highlight=False,
    )
    if summary["behind_s"] > _BEHIND_S:
        console.print(
            f"Calls began up to {summary['behind_s']:.1f} s too late, as they were made meanwhile; "
            "make them beforehand with --out, and play them with --from.",
            highlight=False,
        )
    if summary["interrupted"]:
        console.print("Stopped: open calls were ended.", highlight=False)


def _print(console: "Console", scores: "Scores") -> None:
    from tonewatch.triage.feedback import Share

    def share(each: Share) -> str:
        if each.value is None:
            return "none to tell"
        return f"{each.value:.2f} ({each.low:.2f}-{each.high:.2f}, of {each.n})"

    if scores.auc is None or scores.interval is None:
        order = "Urgency: no pair of a grave and a minor genuine call to put in order."
    else:
        low, high = scores.interval
        order = (
            f"Urgency puts grave before minor in {scores.auc:.2f} of the pairs "
            f"({low:.2f}-{high:.2f}; {scores.n_grave} grave, {scores.n_minor} minor)."
        )
    lines = [
        order,
        f"Flags right: {share(scores.precision)}; calls to check that were flagged: "
        f"{share(scores.found)}; others that were not: {share(scores.spared)}.",
    ]
    at = scores.precision_at
    if at.value is not None:
        lines.append(
            f"By these shares, where {scores.base_rate:.2%} of the calls are to be checked, a flag "
            f"is right in {at.value:.2f} ({at.low:.2f}-{at.high:.2f}) of its cases."
        )
    if scores.missing:
        lines.append(f"Not assessed, and in no score: {scores.missing} calls.")
    for text in lines:
        console.print(text, highlight=False)
