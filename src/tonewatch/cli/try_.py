"""`tonewatch try`: hear what a bundle makes of clips of a corpus, or of one's own voice."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.console import Console, RenderableType

    from tonewatch.audio.microphone import Microphone
    from tonewatch.core.events import Event
    from tonewatch.core.signal import Samples
    from tonewatch.inference.predictor import Predictor
    from tonewatch.inference.smoothing import Emotion


def try_(
    random: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="So many clips of --corpus.")
    ] = None,
    corpora: Annotated[
        list[str] | None,
        typer.Option("--corpus", metavar="NAME=PATH", help="Where from; several times."),
    ] = None,
    mic: Annotated[
        float | None,
        typer.Option(metavar="S", min=1, max=60, help="Your voice, S seconds at a time."),
    ] = None,
    source: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="A recording in place of the microphone, its first S seconds; several times.",
        ),
    ] = None,
    bundle: Annotated[
        str, typer.Option(metavar="NAME|PATH", help="An installed bundle, or a folder or zip.")
    ] = "voice",
    seed: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="The same clips again.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Play no clip.")] = False,
    device: Annotated[
        str | None, typer.Option(metavar="NAME", help="The microphone; the system's default.")
    ] = None,
) -> None:
    """Try a bundle: on clips drawn from a corpus, or on your own voice.

    Clips are played where the machine can, and what was acted stands beside what was heard. A few
    clips are a look, not a score: `tonewatch evaluate` gives that. With --mic it goes on until
    Ctrl+C; nothing of your voice is kept.

    Examples:

        tonewatch try --random 3 --corpus ravdess=path/to/RAVDESS

        tonewatch try --mic 4
    """
    from rich.console import Console

    from tonewatch.inference.predictor import Predictor

    if (random is None) == (mic is None):
        raise typer.BadParameter("expected --random N with --corpus, or --mic S, not both")
    if random is not None and not corpora:
        raise typer.BadParameter(
            "expected NAME=PATH to draw from, came none", param_hint="--corpus"
        )
    of_clips: dict[str, object] = {"--corpus": corpora, "--seed": seed}
    of_voice: dict[str, object] = {"--source": source, "--device": device}
    needed, others = ("--mic", of_voice) if mic is None else ("--random", of_clips)
    for option, value in others.items():
        if value is not None and value != []:
            raise typer.BadParameter(f"expected {needed} beside it, came none", param_hint=option)
    console = Console(highlight=False)
    predictor = Predictor.load(bundle)
    if random is not None:
        _clips(console, predictor, corpora or [], random, seed, quiet)
    elif mic is not None:
        _voice(console, predictor, mic, source or [], device)


def _clips(
    console: "Console",
    predictor: "Predictor",
    corpora: list[str],
    count: int,
    seed: int | None,
    quiet: bool,
) -> None:
    import numpy as np
    from rich.markup import escape

    from tonewatch.audio.decode import load
    from tonewatch.audio.microphone import can_play, play
    from tonewatch.cli.corpora import read_arguments
    from tonewatch.cli.meter import emotions
    from tonewatch.core.errors import AudioError, CorpusError
    from tonewatch.corpora.table import Table
    from tonewatch.inference.evaluation import under
    from tonewatch.inference.protocol import trained_speakers

    table = Table(())
    for corpus in read_arguments(corpora, param_hint="--corpus").values():
        table += corpus
    labelled = under(predictor.bundle.info, table)
    if not labelled.utterances:
        raise CorpusError(
            f"expected recordings of {', '.join(predictor.bundle.info.labels)}, got "
            f"{dict(labelled.left_out) or 'none'}; choose another bundle or corpus"
        )
    drawn = np.random.default_rng(seed).permutation(len(labelled.utterances))[:count].tolist()
    known = trained_speakers(predictor.bundle.info.training)
    plays = not quiet and can_play()
    if not plays and not quiet:
        console.print("no loudspeaker here: clips are not played")
    right = heard = 0
    for i in drawn:
        utterance, actual = labelled.utterances[i], labelled.labels[i]
        try:
            samples = load(utterance.path)
            if plays:
                play(samples)
            emotion = _emotion(predictor, [samples])
        except AudioError as error:
            console.print(f"{utterance.path.name}: {error}", markup=False)
            continue
        heard += 1
        note = ", whom the bundle was trained on" if utterance.speaker in known else ""
        console.print(
            f"{utterance.path.name} by {utterance.speaker}{note}", markup=False, soft_wrap=True
        )
        if emotion is None:
            console.print(f"  actual {actual}, no speech was heard", markup=False)
            continue
        hit = emotion.label == actual
        right += hit
        console.print(
            f"  actual [bold]{escape(actual)}[/], predicted [bold]{escape(emotion.label)}[/] "
            f"({emotion.confidence:.0%}, {'certain' if emotion.certain else 'unsure'}) "
            + ("[green]right[/]" if hit else "[red]wrong[/]")
        )
        console.print(emotions(emotion.probabilities, emotion.certain))
    console.print(f"{right} of {heard} right: a look at a few clips, not a score")


def _voice(
    console: "Console",
    predictor: "Predictor",
    seconds: float,
    sources: list[Path],
    device: str | None,
) -> None:
    from itertools import repeat

    from rich.markup import escape

    from tonewatch.audio.decode import probe
    from tonewatch.audio.microphone import DeviceMicrophone, FileMicrophone
    from tonewatch.cli.meter import emotions

    microphones: list[Microphone] = [FileMicrophone(path) for path in sources]
    for each in microphones or [DeviceMicrophone(device)]:
        each.check()
    if not sources:
        console.print("Speak; Ctrl+C stops. Nothing is kept.")
    try:
        for microphone in microphones or repeat(DeviceMicrophone(device)):
            if isinstance(microphone, FileMicrophone):
                path = microphone.path
                if (duration_s := probe(path).duration_s) and duration_s > seconds:
                    told = f"the first {seconds:g} s of {duration_s:.1f} s of {path.name}:"
                    console.print(told, markup=False, soft_wrap=True)
            emotion = _listen(console, predictor, microphone, seconds)
            if emotion is None:
                console.print("no speech was heard")
            else:
                sure = "certain" if emotion.certain else "unsure"
                console.print(
                    f"[bold]{escape(emotion.label)}[/] ({emotion.confidence:.0%}, {sure})"
                )
                console.print(emotions(emotion.probabilities, emotion.certain))
    except KeyboardInterrupt:
        console.print("stopped")


def _listen(
    console: "Console", predictor: "Predictor", microphone: "Microphone", seconds: float
) -> "Emotion | None":
    """Hear one stretch, with bars that move as it is spoken."""
    from rich.text import Text

    from tonewatch.cli.meter import emotions, level, live
    from tonewatch.core.events import EmotionEstimated

    with live(console) as show:
        bars: RenderableType = Text("listening …", "dim")

        def on_block(block: "Samples", events: "list[Event]") -> None:
            nonlocal bars
            for event in events:
                if isinstance(event, EmotionEstimated):
                    bars = emotions(event.probabilities, event.certain)
            show(level(block, "level"), bars)

        return _emotion(predictor, microphone.blocks(seconds), on_block)


def _emotion(
    predictor: "Predictor",
    blocks: "Iterable[Samples]",
    on_block: "Callable[[Samples, list[Event]], None]" = lambda block, events: None,
) -> "Emotion | None":
    """The emotion over all blocks; None where no speech was heard."""
    from tonewatch.core.events import EmotionEstimated
    from tonewatch.inference.analyser import Analyser
    from tonewatch.inference.smoothing import summarise

    analyser = Analyser(predictor)
    heard: list[Event] = []
    for block in blocks:
        events = analyser.push(block)
        heard += events
        on_block(block, events)
    heard += analyser.finish()
    windows = [event for event in heard if isinstance(event, EmotionEstimated)]
    return summarise(windows, predictor.bundle.info.calibration)
