"""What is known of how well a model hears: the report that lies beside its bundle, if there is one.

`BUNDLE/report/report.json` and its pictures; or those of a run, as `tonewatch train` writes them,
whose bundle is in its `bundle/`. It draws nothing.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tonewatch.inference.bundle import Bundle, installed_bundles, load_bundle
from tonewatch.service.state import State

_MOST_BYTES = 4_000_000


@dataclass(frozen=True)
class Evidence:
    """A model and the report of its test.

    Attributes:
        bundle: the model.
        active: whether this service hears with it.
        conditions: scores of each condition of test, all folds together, with the bins of
            `reliability` where the report has them.
        folds: the folds, with the history of their training.
        pictures: by the file's name, as addresses that hold their data.
    """

    bundle: Bundle
    active: bool
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    folds: tuple[Mapping[str, Any], ...] = ()
    pictures: Mapping[str, str] = field(default_factory=dict)


def all_evidence(state: State) -> list[Evidence]:
    """The model that hears, then all others that are installed.

    Raises:
        BundleError: an installed one cannot be read.
    """
    active = state.predictor.bundle
    installed = installed_bundles()
    own = installed.get(state.settings.bundle, Path(state.settings.bundle))
    found = [_evidence(active, True, own)]
    for name, folder in installed.items():
        bundle = load_bundle(name)
        if bundle.sha256 != active.sha256:
            found.append(_evidence(bundle, False, folder))
    return found


def _evidence(bundle: Bundle, active: bool, folder: Path) -> Evidence:
    places = [folder / "report"] + ([folder.parent] if folder.name == "bundle" else [])
    report = next((place for place in places if (place / "report.json").is_file()), None)
    if report is None or (report / "report.json").stat().st_size > _MOST_BYTES:
        return Evidence(bundle, active)
    path = report / "report.json"
    table = json.loads(path.read_text(encoding="utf-8"))
    pictures = {
        picture.stem: f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"
        for picture in sorted(report.glob("*.png"))
        if picture.stat().st_size <= _MOST_BYTES
    }
    conditions = {
        name: each["pooled"] | {key: each[key] for key in ("reliability",) if key in each}
        for name, each in table["conditions"].items()
    }
    return Evidence(bundle, active, conditions, tuple(table["folds"]), pictures)


def picture_word(condition: str) -> str:
    """How a condition is called in the names of pictures: `ravdess-clean`."""
    return re.sub(r"[^\w.]+", "-", condition).strip("-").lower()
