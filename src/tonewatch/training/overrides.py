"""Settings of a run by name, as `--set batch.warp=0` and the search give them.

A name is a group and one of its settings; the groups are the dataclasses that a run is made of. A
value is read by the type of the setting and must make sense by itself and beside its neighbours.
What is one run's identity (corpora, folds, scheme) is not settable here.
"""

import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from tonewatch.core.errors import SettingsError
from tonewatch.training.material import RunSettings

_STREAMING: Mapping[str, tuple[str, ...]] = {
    "train": ("train",),
    "batch": ("train", "batch"),
    "network": ("train", "network"),
    "dataset": ("dataset",),
    "augment": ("dataset", "augment"),
    "features": ("dataset", "features"),
}
_WINDOW: Mapping[str, tuple[str, ...]] = {
    "train": ("window", "train"),
    "network": ("window", "network"),
    "dataset": ("window", "dataset"),
    "augment": ("window", "dataset", "augment"),
}
_SCALARS = (bool, int, float, str)
_LEAST = {
    "epochs": 1,
    "steps": 1,
    "size": 2,
    "batch_size": 2,
    "copies": 2,
    "shortest_frames": 16,
    "longest_frames": 16,
    "patience": 1,
    "longest_s": 0.5,
    "hop_s": 0.08,
    "speed": 0.25,
}
_MOST = {"speed": 4.0, "tempo": 0.5}
_SHARES = (
    "telephone", "noise", "pitch", "clean", "line", "smoothing", "average", "first_choice", "late",
    "dropout", "held_back", "warp", "no_pitch",
)  # fmt: skip

_OF_BANDS = ("batch.warp", "batch.gain", "batch.bands")  # what they do, they do to log-mels


def settable(settings: RunSettings) -> dict[str, Any]:
    """Every name that can be set, with its value now."""
    found = {}
    for group, path in _groups(settings).items():
        part = _at(settings, path)
        hints = get_type_hints(type(part))
        for each in fields(part):
            if each.init and _readable(hints[each.name]):
                found[f"{group}.{each.name}"] = getattr(part, each.name)
    return found


def with_settings(settings: RunSettings, pairs: Sequence[str]) -> RunSettings:
    """The settings with some changed.

    Args:
        settings: to begin with.
        pairs: each `GROUP.NAME=VALUE`; a pair of numbers as `LOW,HIGH`.

    Raises:
        SettingsError: an unknown name, or a value that does not fit.
    """
    known = settable(settings)
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or name not in known:
            raise SettingsError(
                f"expected GROUP.NAME=VALUE with one of {', '.join(known)}, came {pair!r}"
            )
        group, _, field = name.partition(".")
        path = _groups(settings)[group]
        part = _at(settings, path)
        value = _read(text.strip(), get_type_hints(type(part))[field], name)
        settings = _put(settings, (*path, field), value)
    _agree(settable(settings))
    return settings


def _groups(settings: RunSettings) -> Mapping[str, tuple[str, ...]]:
    return _STREAMING if settings.window is None else _WINDOW


def _at(part: Any, path: Sequence[str]) -> Any:
    for name in path:
        part = getattr(part, name)
    return part


def _put(part: Any, path: Sequence[str], value: Any) -> Any:
    inner = value if len(path) == 1 else _put(getattr(part, path[0]), path[1:], value)
    assert is_dataclass(part) and not isinstance(part, type)
    return replace(part, **{path[0]: inner})


def _readable(kind: Any) -> bool:
    if kind in _SCALARS or get_origin(kind) is Literal:
        return True
    inner = get_args(kind)
    if get_origin(kind) in (Union, types.UnionType):
        return all(each is type(None) or _readable(each) for each in inner)
    return get_origin(kind) is tuple and all(each is ... or each in _SCALARS for each in inner)


def _read(text: str, kind: Any, name: str) -> Any:
    """A value of the annotated type, in its range."""
    refused = SettingsError(f"expected {name} as {_words(kind)}, came {text!r}")
    inner = get_args(kind)
    if get_origin(kind) in (Union, types.UnionType):
        (only,) = (each for each in inner if each is not type(None))
        return None if text == "none" else _read(text, only, name)
    if get_origin(kind) is Literal:
        if text not in inner:
            raise refused
        return text
    if get_origin(kind) is tuple:
        parts = [part.strip() for part in text.split(",")]
        if inner[1:] != (...,) and len(parts) != len(inner):
            raise refused
        pair = tuple(_number(part, inner[0], refused) for part in parts)
        if inner[1:] != (...,) and list(pair) != sorted(pair):
            raise SettingsError(f"expected {name} from low to high, came {text!r}")
        return tuple(_within(each, name) for each in pair) if _short(name) in _LEAST else pair
    if kind is bool:
        if text not in ("true", "false"):
            raise refused
        return text == "true"
    if kind is str:
        return text
    return _within(_number(text, kind, refused), name)


def _within(value: Any, name: str) -> Any:
    least = _LEAST.get(_short(name), 0)
    most = 1.0 if _short(name) in _SHARES else _MOST.get(_short(name), math.inf)
    if not least <= value <= most:
        above = "" if math.isinf(most) else f" and at most {most:g}"
        raise SettingsError(f"expected {name} of at least {least:g}{above}, came {value:g}")
    return value


def _short(name: str) -> str:
    return name.partition(".")[2]


def _number(text: str, kind: Any, refused: SettingsError) -> Any:
    try:
        value = kind(text)
    except ValueError:
        raise refused from None
    if not math.isfinite(value):
        raise refused
    return value


def _words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(map(str, get_args(kind)))
    if get_origin(kind) is tuple:
        return "numbers with commas between"
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join("none" if e is type(None) else _words(e) for e in get_args(kind))
    return {bool: "true or false", int: "a whole number", float: "a number"}.get(kind, "text")


def _agree(values: Mapping[str, Any]) -> None:
    """Refuse settings that contradict each other."""
    shortest, longest = (
        values.get("batch.shortest_frames", 0),
        values.get("batch.longest_frames", 0),
    )
    if shortest > longest:
        raise SettingsError(
            f"expected batch.shortest_frames of at most batch.longest_frames, came {shortest} "
            f"and {longest}; set both"
        )
    if (hidden := values.get("batch.bands", 0)) > (bands := values.get("network.n_bands", 0)):
        raise SettingsError(
            f"expected batch.bands of at most network.n_bands, {bands}, came {hidden}; set both"
        )
    for name, count, word in (("network.widths", 4, "four"), ("network.pitch_widths", 3, "three")):
        widths = values.get(name, (1,) * count)
        if len(widths) != count or min(widths) < 1:
            raise SettingsError(f"expected {word} {name} above 0, came {widths}")
    n_pitches = values.get("network.n_pitches", 0)
    if n_pitches != values.get("features.n_pitches", 0) or n_pitches % 4:
        raise SettingsError(
            "expected network.n_pitches to be features.n_pitches, a multiple of 4, came "
            f"{n_pitches} and {values['features.n_pitches']}; set both"
        )
    if 0 < n_pitches < max(values["batch.pitches"], values["batch.pitch_shift"]):
        raise SettingsError(
            "expected batch.pitches and batch.pitch_shift of at most network.n_pitches, "
            f"{n_pitches}, came {values['batch.pitches']} and {values['batch.pitch_shift']}"
        )
    kind = values.get("features.kind")
    if kind is not None:
        n_features = values["features.n_bands" if kind == "log_mel" else "features.n_coefficients"]
        if n_features != values["network.n_bands"] or n_features % 16:
            raise SettingsError(
                "expected network.n_bands to be the numbers in a frame, a multiple of 16, came "
                f"{values['network.n_bands']} and {n_features} ({kind}); set both"
            )
    if kind == "mfcc" and any(values[name] for name in _OF_BANDS):
        raise SettingsError(
            f"expected {', '.join(_OF_BANDS)} of 0 beside features.kind=mfcc, whose numbers are "
            f"not bands, came {', '.join(f'{values[name]:g}' for name in _OF_BANDS)}; set all to 0"
        )
    if values.get("batch.clean", 0) + values.get("batch.line", 0) > 1 + 1e-9:
        raise SettingsError(
            "expected batch.clean and batch.line, shares of the same draws, to be at most 1 "
            f"together, came {values['batch.clean']:g} and {values['batch.line']:g}"
        )
