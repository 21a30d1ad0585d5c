"""`tonewatch simulate`: a simulated helpline, as files, in a live service, or heard here."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from secrets import randbelow
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tonewatch.simulate.cast import Cast
    from tonewatch.simulate.render import Voice
    from tonewatch.simulate.upcoming import Upcoming

_UNITS_S = {"s": 1.0, "min": 60.0, "h": 3600.0}
_RATE = "6/min"
_SEEDS = 10**6


class Moods(StrEnum):
    """How callers sound."""

    mixed = "mixed"
    clear = "clear"
    none = "none"
    script = "script"


class OnChannels(StrEnum):
    """What is on a call's channels."""

    both = "both"
    caller = "caller"
    mixed = "mixed"


class TelephoneLine(StrEnum):
    """What calls come through."""

    telephone = "telephone"
    none = "none"


def simulate(
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the calls there, with their labels.")
    ] = None,
    play: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Play the calls into this service, in real time."),
    ] = None,
    hear: Annotated[
        str | None,
        typer.Option(metavar="NAME|PATH", help="Have this bundle hear the calls here, at once."),
    ] = None,
    made: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR", help="Take the calls that --out wrote there."),
    ] = None,
    calls: Annotated[int, typer.Option(metavar="N", min=1, help="How many.")] = 20,
    base_rate: Annotated[
        float, typer.Option(metavar="SHARE", help="The share that is not genuine: to check.")
    ] = 0.05,
    grave: Annotated[
        float, typer.Option(metavar="SHARE", help="The share of the genuine that is grave.")
    ] = 0.5,
    rate: Annotated[
        str | None,
        typer.Option(metavar="N/UNIT", help="How many begin per s, min or h (6/min), on average."),
    ] = None,
    corpora: Annotated[
        list[str] | None,
        typer.Option("--corpus", metavar="NAME=PATH", help="Whose takes callers speak with."),
    ] = None,
    texts: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="What calls are about, as TOML or CSV."),
    ] = None,
    moods: Annotated[Moods, typer.Option(help="How callers sound, by gravity.")] = Moods.mixed,
    speak: Annotated[
        bool,
        typer.Option("--speak", help="With --corpus: have espeak-ng speak the texts as well."),
    ] = False,
    voices: Annotated[
        str, typer.Option(metavar="NAMES", help="Voices of espeak-ng, with commas between.")
    ] = "",
    channels: Annotated[
        OnChannels, typer.Option(help="Caller and call-taker, the caller alone, or one mix.")
    ] = OnChannels.both,
    line: Annotated[
        TelephoneLine, typer.Option(help="What the calls come through.")
    ] = TelephoneLine.telephone,
    snr_db: Annotated[
        float, typer.Option(metavar="DB", help="The caller's speech over the noise of the line.")
    ] = 20.0,
    packet_loss: Annotated[
        float, typer.Option(metavar="SHARE", help="Packets that the line loses.")
    ] = 0.0,
    noise: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Sounds behind callers, not white noise.")
    ] = None,
    laughter: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Recordings of laughter, for pranks.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=0, help="The same seed, the same calls (1; with --play alone any)."
        ),
    ] = None,
    key: Annotated[
        str,
        typer.Option(
            envvar="TONEWATCH_KEY",
            show_envvar=True,
            metavar="KEY",
            help="An API key with the scope calls:live.",
        ),
    ] = "",
    record: Annotated[
        bool, typer.Option(help="Whether the service keeps the audio, where it keeps any.")
    ] = True,
    json_to: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help="What came of each call, and the scores; `-` prints them alone.",
        ),
    ] = None,
) -> None:
    """Simulate a helpline: labelled calls as files, in a running service, or heard here.

    Without a corpus the calls are those that come with Tonewatch, spoken by a program. Labels are
    never sent to the service; each call's metadata say that it is simulated. Ctrl+C ends open calls
    properly. Exit code: 0 all went well, 1 a call had trouble, 2 wrong usage, 130 stopped.

    Examples:

        tonewatch simulate --out calls --calls 20 --corpus ravdess=path/to/RAVDESS

        tonewatch simulate --play http://127.0.0.1:8765 --key tw_... --rate 6/min --base-rate 0.05

        tonewatch simulate --from calls --hear voice
    """
    from rich.console import Console

    from tonewatch.cli.output import STDOUT, check_target, write
    from tonewatch.cli.simulated import hear_all, play_all, write_all
    from tonewatch.core.errors import SettingsError

    if out is None and play is None and hear is None:
        raise typer.BadParameter("expected --out, --play or --hear, came none; say what to do")
    check_target(json_to, "--json")
    if play is not None and not key:
        raise SettingsError(
            "expected an API key for --play, came none; make one with the scope calls:live "
            "(dashboard, Administration) and name it in TONEWATCH_KEY or with --key"
        )
    if line is TelephoneLine.none and (noise is not None or packet_loss):
        raise typer.BadParameter(
            "expected no --noise or --packet-loss with it, they are of a line; choose telephone",
            param_hint="--line",
        )
    if made is not None and out is not None:
        raise typer.BadParameter("expected --from or --out, came both", param_hint="--out")
    console = Console(stderr=json_to == STDOUT, markup=False, emoji=False)
    if seed is None:
        # A service takes note of numbers that call again, so a second demonstration needs others.
        others = out is None and hear is None and made is None
        seed = randbelow(_SEEDS) if others else 1
        if others:
            typer.echo(f"The seed of these calls is {seed}.", err=True)
    settings: dict[str, Any] = {
        "calls": calls,
        "base_rate": base_rate,
        "grave": grave,
        "rate": rate or _RATE,
        "corpora": corpora or [],
        "texts": [str(path) for path in texts or []],
        "moods": moods.value,
        "speak": speak,
        "voices": voices,
        "channels": channels.value,
        "line": line.value,
        "snr_db": snr_db,
        "packet_loss": packet_loss,
        "noise": noise and str(noise),
        "laughter": laughter and str(laughter),
        "seed": seed,
    }
    if made is not None:
        settings = {"from": str(made), "rate": rate, "seed": seed}
        upcoming = _from_folder(made, None if rate is None else _per_s(rate), seed)
    else:
        upcoming = _generated(settings, _per_s(rate or _RATE), corpora or [], texts or [], hear)
    if out is not None:
        write_all(out, upcoming, settings, console)
        upcoming = _from_folder(out)
    results = dict[str, Any]()
    if hear is not None:
        results["heard"] = hear_all(hear, upcoming, base_rate, console)
    if play is not None:
        results["played"] = play_all(play, key, record, upcoming, base_rate, console)
    if json_to is not None:
        import json

        content = {"made_with": settings, **results}
        write(json_to, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    met = results.get("played", {}).get("summary", {})
    if met.get("interrupted") or met.get("troubled"):
        raise typer.Exit(130 if met["interrupted"] else 1)


def _per_s(rate: str) -> float:
    number, _, unit = rate.strip().partition("/")
    try:
        per_s = float(number) / _UNITS_S[unit.strip()]
        if 0 < per_s < float("inf"):
            return per_s
    except (KeyError, ValueError):
        pass
    raise typer.BadParameter(
        f"expected a rate above 0, like 6/min, 0.5/s or 200/h, came {rate!r}", param_hint="--rate"
    )


def _from_folder(folder: Path, per_s: float | None = None, seed: int = 0) -> "list[Upcoming]":
    """Calls as they were planned to come, or at another rate."""
    from functools import partial

    import numpy as np

    from tonewatch.core.errors import SettingsError
    from tonewatch.simulate.folder import open_call, read
    from tonewatch.simulate.plan import arrivals
    from tonewatch.simulate.upcoming import Upcoming

    labels = read(folder)
    if not labels:
        raise SettingsError(f"expected calls in {folder}, came none; make some with --out")
    starts = [each.at_s for each in labels]
    if per_s is not None:
        starts = arrivals(len(labels), per_s, np.random.default_rng(seed))
    opened = [partial(open_call, folder, each) for each in labels]
    return [Upcoming(at_s, make) for at_s, make in zip(starts, opened, strict=True)]


def _generated(
    settings: Mapping[str, Any],
    per_s: float,
    corpora: Sequence[str],
    texts: Sequence[Path],
    bundle: str | None,
) -> "list[Upcoming]":
    from functools import lru_cache, partial

    import numpy as np

    from tonewatch.audio.decode import load
    from tonewatch.audio.telephone import TelephoneChannel
    from tonewatch.corpora.files import audio_files
    from tonewatch.simulate import scripts
    from tonewatch.simulate.plan import Mix, plan
    from tonewatch.simulate.render import Sides, Sound, render
    from tonewatch.simulate.upcoming import Upcoming

    def sounds(folder: str | None) -> list[Path]:
        return sorted(audio_files(Path(folder))) if folder else []

    cast = _cast(corpora, bundle) if corpora else None
    mix = Mix(
        calls=settings["calls"],
        base_rate=settings["base_rate"],
        grave=settings["grave"],
        moods=settings["moods"],
        per_s=per_s,
        say_words=settings["speak"],
    )
    own = [script for path in texts for script in scripts.read(path)]
    channel = None
    if settings["line"] != "none":
        channel = TelephoneChannel(snr_db=settings["snr_db"], packet_loss=settings["packet_loss"])
    sound = Sound(Sides(settings["channels"]), channel)
    plans = plan(
        mix,
        cast,
        own or scripts.shipped(),
        rng=np.random.default_rng(settings["seed"]),
        laughter=sounds(settings["laughter"]),
        noise=sounds(settings["noise"]),
    )
    voice = _voice(cast, own=bool(own), speak=settings["speak"], voices=settings["voices"])
    loaded = lru_cache(maxsize=64)(load)
    return [Upcoming(each.at_s, partial(render, each, sound, voice, loaded)) for each in plans]


def _cast(corpora: "Sequence[str]", bundle: str | None) -> "Cast":
    """Who can be heard; of those, where a bundle is to hear them, whom it was not trained on."""
    from tonewatch.cli.corpora import read_arguments
    from tonewatch.corpora.table import Table
    from tonewatch.inference.bundle import load_bundle
    from tonewatch.inference.protocol import trained_speakers
    from tonewatch.simulate.cast import Cast

    table = Table(())
    for corpus in read_arguments(corpora, param_hint="--corpus").values():
        table += corpus
    cast = Cast.of(table)
    trained = trained_speakers(load_bundle(bundle).info.training) if bundle is not None else ()
    unheard = cast.without(trained)
    return unheard if unheard.takes else cast


def _voice(cast: "Cast | None", *, own: bool, speak: bool, voices: str) -> "Voice | None":
    """Who speaks the texts; None where takes are all that is heard."""
    from tonewatch.simulate.espeak import VOICES, Espeak
    from tonewatch.simulate.spoken import Spoken

    if cast is not None and not speak:
        return None
    if not own and not voices:
        return Spoken()
    named = tuple(name.strip() for name in voices.split(",") if name.strip())
    return Espeak(named or VOICES["en"])
