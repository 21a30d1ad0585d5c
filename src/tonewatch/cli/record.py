"""`tonewatch record`: record a corpus of one's own, sentence by sentence."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from tonewatch.audio.microphone import Microphone
    from tonewatch.core.signal import Samples
    from tonewatch.corpora.collection import Collection
    from tonewatch.corpora.quality import Measured, Remark
    from tonewatch.corpora.studio import Item, Prompts, Speaker
    from tonewatch.inference.predictor import Predictor


def record(
    out: Annotated[
        Path, typer.Option(metavar="DIR", file_okay=False, help="The corpus; made if not there.")
    ],
    speaker: Annotated[
        str | None, typer.Option(metavar="NN", help="Their number; a new one if not given.")
    ] = None,
    sex: Annotated[str | None, typer.Option(metavar="female|male", help="If they tell.")] = None,
    age: Annotated[str, typer.Option(metavar="TEXT", help="If they tell, as 30-39.")] = "",
    prompts: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Sentences and states of your own, TOML or text."),
    ] = None,
    source: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A recording for the next sentence; several times."),
    ] = None,
    consent: Annotated[
        bool, typer.Option("--consent", help="The speaker has read the text and agreed to it.")
    ] = False,
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask about each take with --source too.")
    ] = False,
    seconds: Annotated[
        float, typer.Option(metavar="S", min=1, max=60, help="Longest take from the microphone.")
    ] = 5.0,
    countdown: Annotated[
        int, typer.Option(metavar="S", min=0, max=10, help="Before the microphone listens.")
    ] = 3,
    device: Annotated[
        str | None, typer.Option(metavar="NAME", help="The microphone; the system's default.")
    ] = None,
    bundle: Annotated[
        str, typer.Option(metavar="NAME|PATH", help="Tells where speech is.")
    ] = "voice",
    forget: Annotated[
        str | None,
        typer.Option(metavar="NN", help="Delete this speaker's consent and takes, and stop."),
    ] = None,
) -> None:
    """Record sentences in acted states, check each take, and keep them as a corpus.

    Nothing is kept before the speaker has agreed to the text that is shown; its words and the time
    are kept with the takes. What a speaker has recorded already is passed over. Exit code: 0 done
    or stopped, 1 no consent, or a take of --source that should be made again.

    Examples:

        tonewatch record --out recordings

        tonewatch record --out recordings --speaker 07 --prompts mine.toml

        tonewatch record --out recordings --consent --source a.wav --source b.wav

        tonewatch train --corpus mine:recorded=recordings --scheme helpline4 --out runs/mine
    """
    from rich.console import Console

    from tonewatch.corpora.collection import Collection
    from tonewatch.corpora.studio import Prompts, items, read_prompts
    from tonewatch.inference.predictor import Predictor

    console = Console(highlight=False, markup=False)
    collection = Collection(out)
    if forget is not None:
        gone = collection.forget(forget)
        console.print(f"Deleted the consent of speaker {forget} and their takes: {gone}.")
        return
    sources = source or []
    if sex not in (None, "female", "male"):
        raise typer.BadParameter(f"expected female or male, came {sex!r}", param_hint="--sex")
    wanted = read_prompts(prompts) if prompts is not None else Prompts()
    predictor = Predictor.load(bundle)
    microphones = [_microphone(file, device) for file in sources] or [_microphone(None, device)]
    for microphone in microphones:
        microphone.check()
    taken = [(row.label, row.sentence) for row in collection.takes() if row.speaker == speaker]
    todo = list(items(wanted, taken))
    if len(sources) > len(todo):
        raise typer.BadParameter(
            f"expected at most {len(todo)} recordings, as many as the speaker has sentences left, "
            f"came {len(sources)}",
            param_hint="--source",
        )
    who = _speaker(console, collection, wanted, speaker, sex, age, consent)
    if sources:
        todo = todo[: len(sources)]
    longest_s = _LONGEST_SOURCE_S if sources else seconds
    session = _Session(console, collection, who, predictor, longest_s, ask or not sources)
    for number, item in enumerate(todo):
        title = f"{number + 1} of {len(todo)}"
        microphone = microphones[number if sources else 0]
        if not session.one(item, title, microphone, 0 if sources else countdown):
            break
    console.print(
        f"Takes of speaker {who.number} kept in {out}: {session.kept}. "
        f"Train on them with --corpus mine:recorded={out}"
    )
    if session.refused:
        raise typer.Exit(1)


_LONGEST_SOURCE_S = 60.0
"""Heard of a recording: enough to tell that it is too long, and no end of memory."""


class _Session:
    """One speaker before the microphone."""

    def __init__(
        self,
        console: "Console",
        collection: "Collection",
        who: "Speaker",
        predictor: "Predictor",
        seconds: float,
        ask: bool,
    ) -> None:
        self._console = console
        self._collection = collection
        self._who = who
        self._predictor = predictor
        self._seconds = seconds
        self._ask = ask
        self.kept = 0
        self.refused = 0

    def one(self, item: "Item", title: str, microphone: "Microphone", countdown: int) -> bool:
        """Record until a take is kept or passed over; False when the speaker stops."""
        from rich.panel import Panel
        from rich.text import Text

        from tonewatch.audio.encode import wav
        from tonewatch.core.labels import colour_of

        self._console.print(
            Panel(
                Text(item.sentence, "bold"),
                title=f"{title}: act {item.state}",
                border_style=colour_of(item.state),
            )
        )
        said = self._choose("[r]ecord, [s]kip, [q]uit", "rsq", "r") if self._ask else "r"
        if said != "r":
            return said == "s"
        while True:
            samples = self._listen(microphone, countdown)
            measured, found = self._check(samples)
            _print_check(self._console, measured, found)
            choice = "r" if found else "k"
            if self._ask:
                choice = self._decide(samples, choice)
            if choice == "k":
                self._collection.keep(self._who.number, item, wav(samples), measured)
                self.kept += 1
                return True
            if choice == "r" and self._ask:
                continue
            self.refused += choice == "r"
            return choice != "q"

    def _decide(self, samples: "Samples", advised: str) -> str:
        from tonewatch.audio.microphone import play
        from tonewatch.core.errors import DeviceError

        while True:
            choice = self._choose("[k]eep, [r]etake, [p]lay, [s]kip, [q]uit", "krpsq", advised)
            if choice != "p":
                return choice
            try:
                play(samples)
            except DeviceError as error:
                self._console.print(f"cannot play: {error}", markup=False)

    def _choose(self, question: str, letters: str, default: str) -> str:
        while True:
            said = typer.prompt(question, default=default).strip().lower()
            if said in letters and len(said) == 1:
                return str(said)
            typer.echo(f"expected one of {', '.join(letters)}, came {said!r}")

    def _listen(self, microphone: "Microphone", countdown: int) -> "Samples":
        import time

        import numpy as np

        from tonewatch.cli.meter import level, live
        from tonewatch.core.signal import RATE_HZ

        blocks: list[Samples] = []
        with live(self._console) as show:
            for left in range(countdown, 0, -1):
                show(f"speak in {left} …")
                time.sleep(1)
            heard = 0
            for block in microphone.blocks(self._seconds):
                blocks.append(block)
                heard += block.size
                show(level(block, f"{heard / RATE_HZ:4.1f} of {self._seconds:.0f} s"))
        return np.concatenate([np.zeros(0, np.float32), *blocks])

    def _check(self, samples: "Samples") -> "tuple[Measured, tuple[Remark, ...]]":
        from tonewatch.corpora.quality import measure, remarks
        from tonewatch.inference.speech import speech_spans

        measured = measure(samples, speech_spans(samples, self._predictor))
        return measured, remarks(measured)


def _microphone(source: Path | None, device: str | None) -> "Microphone":
    from tonewatch.audio.microphone import DeviceMicrophone, FileMicrophone

    return DeviceMicrophone(device) if source is None else FileMicrophone(source)


def _speaker(
    console: "Console",
    collection: "Collection",
    prompts: "Prompts",
    number: str | None,
    sex: str | None,
    age: str,
    consented: bool,
) -> "Speaker":
    """Somebody who agreed already, or agrees now."""
    from datetime import UTC, datetime

    from rich.panel import Panel
    from rich.text import Text

    from tonewatch.corpora.studio import Consent

    for known in collection.speakers():
        if known.number == number:
            console.print(f"Speaker {number} agreed on {known.consent.given_at:%d %B %Y}.")
            return known
    console.print(Panel(Text(prompts.consent), title="Consent"))
    if not consented and not typer.confirm("Do you agree?", default=False):
        console.print("Nothing is recorded and nothing kept without consent.")
        raise typer.Exit(1)
    consent = Consent(prompts.consent, datetime.now(UTC))
    if sex is None and not consented:
        sex = _asked_sex()
    details = {"sex": sex, "language": prompts.language, "age": age}
    who = collection.admit(consent, details, number)
    console.print(f"Your speaker number is {who.number}; by it you can have your takes deleted.")
    return who


def _asked_sex() -> str | None:
    answers = {"": None, "f": "female", "female": "female", "m": "male", "male": "male"}
    while True:
        said = typer.prompt("Your sex, female or male; Enter to leave it open", default="")
        if (plain := said.strip().lower()) in answers:
            return answers[plain]
        typer.echo(f"expected female, male or nothing, came {said.strip()!r}")


def _print_check(console: "Console", measured: "Measured", found: "Sequence[Remark]") -> None:
    from rich.text import Text

    snr = "no speech" if measured.snr_db is None else f"{measured.snr_db:.0f} dB over the noise"
    console.print(
        f"{measured.duration_s:.1f} s, {measured.speech_s:.1f} s of speech at "
        f"{measured.level_dbfs:.0f} dBFS, {snr}"
    )
    for remark in found:
        line = Text("retake  ", "bold red").append(f"{remark.word}: ", "bold not red")
        console.print(line.append(f"{remark.found}; {remark.advice}", "not bold not red"))
    if not found:
        console.print(Text("keep    ", "bold green").append("nothing is wrong with it", "default"))
