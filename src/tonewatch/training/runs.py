"""Finished runs, read back from their folders: answers, folds, settings, bundle.

It needs what `run` wrote: `report.json`, and in each fold's folder `fold.json` and `answers.npz`.
It does not compare, score or train, and needs no torch.
"""

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tonewatch.core.errors import TrainingError
from tonewatch.inference.bundle import Bundle, load_bundle
from tonewatch.inference.scores import Predictions
from tonewatch.training.answers import calibrated, unpacked
from tonewatch.training.calibrate import Fit

_FIRST_NETWORK = "stream_cnn"
"""Of runs from before their settings told the network."""


@dataclass(frozen=True)
class FinishedRun:
    """A run as its folder tells it.

    Attributes:
        name: what it is called beside others.
        folder: where it lies.
        network: name of the network.
        leaky: whether voices tested on were also trained on.
        protocol: in words.
        settings: as in `report.json`.
        folds: calibrated answers by fold and condition (`ravdess, clean`).
    """

    name: str
    folder: Path
    network: str
    leaky: bool
    protocol: str
    settings: Mapping[str, Any]
    folds: Mapping[str, Mapping[str, Predictions]]

    @property
    def conditions(self) -> tuple[str, ...]:
        """Every condition under which any fold was tested, in order."""
        return tuple(dict.fromkeys(name for fold in self.folds.values() for name in fold))

    @cached_property
    def bundle(self) -> Bundle | None:
        """The run's bundle, or its first fold's; None where neither was kept.

        Raises:
            BundleError: there is one, and it does not fit.
        """
        for folder in (self.folder, *(self.folder / fold for fold in self.folds)):
            if (folder / "bundle").is_dir():
                return load_bundle(folder / "bundle")
        return None

    @property
    def model_size(self) -> str:
        """Of the bundle's model, in words."""
        if self.bundle is None:
            return "none kept"
        n_bytes = len(self.bundle.model)
        return f"{n_bytes / 1e6:.2f} MB" if n_bytes >= 100_000 else f"{n_bytes / 1e3:.1f} kB"


def read_run(folder: Path, name: str = "") -> FinishedRun:
    """Read a run.

    Args:
        folder: as `tonewatch train --out` got it.
        name: what to call it; the folder's by default.

    Raises:
        TrainingError: it is not the folder of a finished run, or a part is missing or damaged.
    """
    try:
        report = json.loads((folder / "report.json").read_text("utf-8"))
        return FinishedRun(
            name=name or folder.resolve().name,
            folder=folder,
            network=_network_of(report["settings"]),
            leaky=report["leaky"],
            protocol=report["protocol"],
            settings=report["settings"],
            folds={fold["name"]: _answers(folder / fold["name"]) for fold in report["folds"]},
        )
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise TrainingError(
            f"expected in {folder} a finished run (report.json, and in each fold's folder "
            f"fold.json and answers.npz), came: {error}; give the folder that "
            "`tonewatch train --out` wrote"
        ) from error


def place_of(predictions: Predictions, up: int = 0) -> list[str]:
    """What names each recording wherever its corpus lies: its path from their common folder.

    Args:
        predictions: with the paths.
        up: from so many folders above it.

    Raises:
        TrainingError: the answers do not tell their recordings.
    """
    paths = [path or "" for path in predictions.paths]
    if not all(paths):
        raise TrainingError(
            "expected answers that name their recordings, came some without; train again"
        )
    home = os.path.commonpath([os.path.dirname(path) for path in paths]) if paths else ""
    home = os.path.normpath(os.path.join(home, *[os.pardir] * up)) if home else ""
    return [os.path.relpath(path, home) if home else path for path in paths]


def places_of(ours: Predictions, theirs: Predictions) -> tuple[list[str], list[str]]:
    """Places that are alike where the recordings are, though one run was tested on a part.

    The recordings of one speaker may lie a folder deeper than those of all.

    Raises:
        TrainingError: the answers do not tell their recordings.
    """
    deepest = max((p.count(os.sep) for p in (*place_of(ours), *place_of(theirs))), default=0)
    ups = range(1, deepest + 1)
    ways = [(0, 0), *((up, 0) for up in ups), *((0, up) for up in ups)]
    tried = [(place_of(ours, mine), place_of(theirs, their)) for mine, their in ways]
    return max(tried, key=lambda both: len(set(both[0]) & set(both[1])))


def _network_of(settings: Mapping[str, Any]) -> str:
    network = settings.get("network")
    return network if isinstance(network, str) else _FIRST_NETWORK


def _answers(folder: Path) -> dict[str, Predictions]:
    found = Fit(**json.loads((folder / "fold.json").read_text("utf-8"))["fit"])
    with np.load(folder / "answers.npz") as table:
        answers = unpacked(table)
    return {name: calibrated(part, found) for name, part in answers.items()}
