"""What every bench is given: which bundle, which audio, how thoroughly."""

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The project's folder."""

SAMPLE = ROOT / "samples" / "sample_call.ogg"
"""Speech that the project ships."""


@dataclass(frozen=True)
class Setting:
    """How a bench runs.

    Attributes:
        work: a folder for what is made on the fly; removed afterwards.
        bundle: the name of an installed bundle, or a path.
        bundle_note: which weights these are.
        is_trained: False when the bundle was made on the fly: its speed counts, its answers do not.
        data: the folder of recordings for development, where there is one.
        quick: short audio and fewer repetitions: to see that it runs, not to quote.
        folds: bundles of further folds of the same run, which only `triage` takes.
    """

    work: Path
    bundle: str
    bundle_note: str
    is_trained: bool
    data: Path | None
    quick: bool = False
    folds: tuple[str, ...] = ()

    @property
    def bundles(self) -> tuple[str, ...]:
        """The bundle, and those of further folds."""
        return (self.bundle, *self.folds)


def find_data() -> Path | None:
    """The folder named in TONEWATCH_DATA, else `../shared/data` beside the project."""
    named = os.environ.get("TONEWATCH_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    return folder if folder.is_dir() else None


def find_bundle(wanted: str | None, work: Path) -> tuple[str, str, bool]:
    """The bundle to measure, a note on it, and whether it was trained.

    `voice` where it is installed, else one of the same size with random weights, which costs the
    same. Making one needs torch (the `train` extra).
    """
    from tonewatch.inference.bundle import installed_bundles, load_bundle

    if wanted is None and "voice" not in installed_bundles():
        return _random_bundle(work / "random"), "random weights, `voice` is not installed", False
    info = load_bundle(wanted or "voice").info
    if wanted is not None and wanted not in installed_bundles():
        wanted = str(Path(wanted).resolve())  # measured processes run in another folder
    return wanted or "voice", f"{info.name} {info.version}", True


def _random_bundle(folder: Path) -> str:
    import torch

    from tonewatch.core.labels import SCHEMES
    from tonewatch.training.dataset import DatasetSettings
    from tonewatch.training.export import export
    from tonewatch.training.networks.stream_cnn import StreamCnn

    torch.manual_seed(0)
    labels = SCHEMES["ravdess8"].labels
    export(
        StreamCnn(len(labels)),
        folder,
        name="random",
        version="0",
        scheme="ravdess8",
        trained_labels=labels,
        features=DatasetSettings().features,
    )
    return str(folder)
