"""Simulated calls as a folder: an audio file each, and what is true of them beside.

DIR/call-0001.flac    16 kHz, 16 bits, a channel a side
DIR/manifest.json     all labels, with times; what is read again
DIR/calls.csv         the same in a row a call, for people and spreadsheets
"""

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tonewatch.call.roles import Role
from tonewatch.core.errors import SettingsError
from tonewatch.core.signal import RATE_HZ
from tonewatch.simulate.plan import Kind
from tonewatch.simulate.render import Labels, Simulated, Span
from tonewatch.triage.gravity import Gravity

MANIFEST = "manifest.json"
TABLE = "calls.csv"
_FORMAT = 1
_SUFFIX = ".flac"


def write(
    folder: Path,
    calls: Iterable[Simulated],
    made_with: Mapping[str, Any],
    on_call: Callable[[], None] = lambda: None,
) -> list[Labels]:
    """Write calls into a folder, which is made.

    Args:
        folder: where; there may be no calls in it yet.
        calls: each is forgotten when it is written.
        made_with: the settings, to be kept with them.
        on_call: called after each, for a progress bar.

    Raises:
        SettingsError: there are calls in it, or it cannot be written.
    """
    if (folder / MANIFEST).exists():
        raise SettingsError(
            f"expected a folder without calls, {folder} has some; name another, or play these "
            "with --from"
        )
    if any(folder.glob(f"call-*{_SUFFIX}")):
        raise SettingsError(
            f"expected a folder without calls, {folder} has some and no {MANIFEST}, as a run that "
            "was stopped leaves them; delete them, or name another"
        )
    labels = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for call in calls:
            whole = np.clip(np.rint(call.samples * 32768.0), -32768, 32767).astype(np.int16)
            soundfile.write(folder / (call.labels.id + _SUFFIX), whole, RATE_HZ, "PCM_16")
            labels.append(call.labels)
            on_call()
        content = {
            "format": _FORMAT,
            "made_with": dict(made_with),
            "calls": [{"file": each.id + _SUFFIX, **to_dict(each)} for each in labels],
        }
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        (folder / MANIFEST).write_text(text, "utf-8")
        _write_table(folder / TABLE, labels)
    except (OSError, soundfile.LibsndfileError) as error:
        raise SettingsError(
            f"cannot write the calls to {folder}: {error}; name a folder that can be written"
        ) from error
    return labels


def read(folder: Path) -> list[Labels]:
    """The labels of calls that were written, in the order in which they begin.

    Raises:
        SettingsError: there are none, or they are damaged.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text("utf-8"))
        if content["format"] != _FORMAT:
            raise ValueError(f"format {content['format']!r}")
        found = [_from_dict(row) for row in content["calls"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"cannot read the calls in {folder}: {error}; expected a {MANIFEST} as "
            "`tonewatch simulate --out` writes it"
        ) from error
    return sorted(found, key=lambda each: each.at_s)


def open_call(folder: Path, labels: Labels) -> Simulated:
    """One of the calls that `read` found.

    Raises:
        SettingsError: its file cannot be read, or is not what was written.
    """
    path = folder / (labels.id + _SUFFIX)
    try:
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise SettingsError(
            f"cannot read the call {path}: {error}; make the folder anew"
        ) from error
    if rate_hz != RATE_HZ or samples.shape[1] != len(labels.roles):
        raise SettingsError(
            f"{path}: expected {len(labels.roles)} channels at {RATE_HZ} Hz, came "
            f"{samples.shape[1]} at {rate_hz} Hz; make the folder anew"
        )
    return Simulated(labels, samples)


def to_dict(labels: Labels) -> dict[str, Any]:
    """As in the manifest."""
    return asdict(labels) | {"roles": list(labels.roles), "to_check": labels.to_check}


def _from_dict(row: Mapping[str, Any]) -> Labels:
    values = {key: value for key, value in row.items() if key not in ("file", "to_check")}
    spans = tuple(Span(**{**span, "what": Kind(span["what"])}) for span in values["spans"])
    roles = tuple(Role(role) for role in values["roles"])
    return Labels(**values | {"spans": spans, "roles": roles, "gravity": Gravity(row["gravity"])})


def _write_table(path: Path, labels: Sequence[Labels]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(_row(labels[0])) if labels else ["file"])
        writer.writeheader()
        writer.writerows(map(_row, labels))


def _row(labels: Labels) -> dict[str, Any]:
    return {
        "file": labels.id + _SUFFIX,
        "at_s": labels.at_s,
        "duration_s": labels.duration_s,
        "gravity": labels.gravity,
        "outcome": labels.outcome,
        "to_check": labels.to_check,
        "about": labels.about,
        "speaker": labels.speaker,
        "roles": " ".join(labels.roles),
        **{key: labels.metadata.get(key, "") for key in ("number", "sim", "origin")},
        "heard": "; ".join(f"{s.emotion or s.what} {s.start_s}-{s.end_s}" for s in labels.spans),
        "text_heard": labels.text_heard,
        "text": labels.text,
    }
