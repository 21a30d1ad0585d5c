"""`tonewatch transcribe`: the words of recordings, with their times."""

import json
import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from tonewatch.cli.output import STDOUT, check_target, write
from tonewatch.core.errors import AudioError, SettingsError, TranscriptError

if TYPE_CHECKING:
    from tonewatch.transcript.backend import Recognised, Recogniser

_T = TypeVar("_T")


class Backend(StrEnum):
    """The recognisers of words."""

    POCKETSPHINX = "pocketsphinx"
    WHISPER = "whisper"
    SHERPA = "sherpa"
    HTTP = "http"


def transcribe(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Recordings.")],
    backend: Annotated[
        Backend, typer.Option(help="The recogniser; the first needs no model of your own.")
    ] = Backend.POCKETSPHINX,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR|NAME", help="The folder of the recogniser's model; with `http`, its name."
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="With `http`: the server, as `http://127.0.0.1:8000/v1`."),
    ] = None,
    language: Annotated[
        str | None, typer.Option(metavar="CODE", help="With `whisper` and `http`: `en`, `de`, ...")
    ] = None,
    phrases: Annotated[
        bool,
        typer.Option("--phrases", help="Also spot the phrases of emergencies, with PocketSphinx."),
    ] = False,
    json_to: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="All results as JSON; `-` prints it alone."),
    ] = None,
) -> None:
    """Write down what is said in recordings, utterance by utterance.

    Only speech is transcribed; what is speech says the bundle `voice`. A recogniser errs: its words
    are no evidence. One bad file does not stop the others. `http` sends the audio to its server,
    with the key in TONEWATCH_WORDS_KEY if there is one. Exit code: 0 all transcribed, 1 some
    failed, 2 wrong usage.

    For example:

        tonewatch transcribe call.wav

        tonewatch transcribe monday/*.wav --phrases --json words.json

        tonewatch transcribe call.wav --backend whisper --model models/whisper-small --language de

        tonewatch transcribe call.wav --backend http --url http://127.0.0.1:8000/v1 --json -
    """
    check_target(json_to, "--json", others=files)
    _refuse_unused(backend, url, language)
    from tonewatch.cli.progress import progress_to

    recogniser = _recogniser(backend, model, url, language, phrases)
    results: list[dict[str, Any]] = []
    with progress_to("transcribing", len(files)) as show:
        for path in files:
            results.append(_one(path, recogniser))
            if show is not None:
                show(len(results))
    if json_to is not None:
        content = {"backend": recogniser.name, "files": results}
        write(json_to, json.dumps(content, ensure_ascii=False, indent=1) + "\n")
    if json_to != STDOUT:
        _print(results)
    if any("error" in result for result in results):
        raise typer.Exit(1)


def _refuse_unused(backend: Backend, url: str | None, language: str | None) -> None:
    for value, option, backends in (
        (url, "--url", [Backend.HTTP]),
        (language, "--language", [Backend.WHISPER, Backend.HTTP]),
    ):
        if value is not None and backend not in backends:
            raise typer.BadParameter(
                f"expected --backend {' or '.join(backends)} beside it, came {backend}",
                param_hint=option,
            )


def _recogniser(
    backend: Backend, model: Path | None, url: str | None, language: str | None, phrases: bool
) -> "Recogniser":
    made = _make(backend, model, url, language)
    if not phrases:
        return made
    from tonewatch.transcript.spotting import Spotting
    from tonewatch.triage.phrases import to_spot

    return Spotting(made, to_spot())


def _make(
    backend: Backend, model: Path | None, url: str | None, language: str | None
) -> "Recogniser":
    match backend:
        case Backend.POCKETSPHINX:
            from tonewatch.transcript.pocketsphinx import Pocketsphinx

            return Pocketsphinx(model)
        case Backend.WHISPER:
            from tonewatch.transcript.whisper import Whisper

            return Whisper(_given(model, "--model", backend), language=language)
        case Backend.SHERPA:
            from tonewatch.transcript.sherpa import Sherpa

            return Sherpa(_given(model, "--model", backend))
        case Backend.HTTP:
            from tonewatch.transcript.http import USUAL_MODEL, Http

            key = os.environ.get("TONEWATCH_WORDS_KEY")
            name = USUAL_MODEL if model is None else str(model)
            return Http(_given(url, "--url", backend), model=name, language=language, key=key)


def _given(value: _T | None, option: str, backend: Backend) -> _T:
    if value is None:
        raise SettingsError(f"expected {option} with --backend {backend}, came none; name it")
    return value


def _one(path: Path, recogniser: "Recogniser") -> dict[str, Any]:
    from tonewatch.core.events import PhraseSpotted, WordsRecognised

    try:
        told = _heard(path, recogniser)
    except (AudioError, TranscriptError) as error:
        return {"file": str(path), "error": {"kind": error.kind, "message": str(error)}}
    return {
        "file": str(path),
        "utterances": [
            {
                "start_s": round(each.start_s, 3),
                "end_s": round(each.end_s, 3),
                "text": " ".join(word.text for word in each.words),
                "words": [
                    {
                        "text": word.text,
                        "start_s": round(word.start_s, 3),
                        "end_s": round(word.end_s, 3),
                        "confidence": round(word.confidence, 4),
                    }
                    for word in each.words
                ],
            }
            for each in told
            if isinstance(each, WordsRecognised) and each.final and each.words
        ],
        "phrases": [
            {
                "phrase": each.phrase,
                "start_s": round(each.start_s, 3),
                "end_s": round(each.end_s, 3),
            }
            for each in told
            if isinstance(each, PhraseSpotted)
        ],
    }


def _heard(path: Path, recogniser: "Recogniser") -> "list[Recognised]":
    from tonewatch.audio.decode import stream_16k
    from tonewatch.core.events import SpeechEnded, SpeechStarted
    from tonewatch.inference.analyser import Analyser
    from tonewatch.transcript.utterances import Utterances

    analyser, channel = Analyser(), Utterances(recogniser.session())
    told: list[Recognised] = []
    for block in stream_16k(path, None):
        told += channel.push(block)
        for event in analyser.push(block):
            if isinstance(event, SpeechStarted):
                told += channel.started(event.start_s)
            elif isinstance(event, SpeechEnded):
                told += channel.ended()
    for event in analyser.finish():
        if isinstance(event, SpeechStarted):
            told += channel.started(event.start_s)
    return told + channel.finish()


def _print(results: Sequence[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for result in results:
        if "error" in result:
            console.print(Text(f"{result['file']}: {result['error']['message']}", style="red"))
            continue
        table = Table("from", "to", "words", title=Text(result["file"]), title_justify="left")
        for one in result["utterances"]:
            table.add_row(f"{one['start_s']:.1f} s", f"{one['end_s']:.1f} s", Text(one["text"]))
        for one in result["phrases"]:
            spotted = Text(f"spotted: {one['phrase']}", style="bold")
            table.add_row(f"{one['start_s']:.1f} s", f"{one['end_s']:.1f} s", spotted)
        if table.row_count:
            console.print(table)
        else:
            console.print(Text(f"{result['file']}: no words"))
