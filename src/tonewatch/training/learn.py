"""Trains and exports whichever network a run is about.

The only place that knows that there are two ways: `stream_cnn`, whose frames, losses and export are
its own, and networks that hear each window by itself.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from tonewatch.inference.bundle import Bundle
from tonewatch.training.dataset import Dataset
from tonewatch.training.export import export
from tonewatch.training.loop import Epoch, Trained, train
from tonewatch.training.material import Material, RunSettings
from tonewatch.training.window_export import export_windows
from tonewatch.training.window_loop import TrainedWindows, train_windows
from tonewatch.training.windows import WindowDataset

Learnt: TypeAlias = Trained | TrainedWindows
"""What training gives: the network, its `history` and its `best_epoch`."""


def learn_from(
    material: Material,
    learn: Sequence[int],
    validate: Sequence[int],
    settings: RunSettings,
    checkpoint: Path,
    *,
    start: Path | None,
    resume: bool,
    on_epoch: Callable[[Epoch], None],
) -> Learnt:
    """Train the run's network; see `loop.train` and `window_loop.train_windows`."""
    if settings.window is None:
        assert isinstance(material.dataset, Dataset)
        return train(
            material.dataset,
            material.labelling,
            material.groups,
            learn,
            validate,
            settings.train,
            checkpoint,
            start=start,
            device=settings.device,
            resume=resume,
            on_epoch=on_epoch,
        )
    assert isinstance(material.dataset, WindowDataset)
    return train_windows(
        settings.window.network,
        material.dataset,
        material.labelling,
        material.groups,
        [utterance.speaker for utterance in material.utterances],
        learn,
        validate,
        settings.window.train,
        checkpoint,
        start=start,
        device=settings.device,
        resume=resume,
        on_epoch=on_epoch,
    )


def write_learnt(learnt: Learnt, settings: RunSettings, folder: Path, **metadata: Any) -> Bundle:
    """Export into the bundle `folder`; `metadata` is what both `export` and `export_windows` take.

    Raises:
        ExportError: the labels do not fit, or ONNX Runtime and torch do not agree.
    """
    if isinstance(learnt, Trained):
        features = settings.dataset.features
        return export(learnt.network.cpu(), folder, features=features, **metadata)
    assert settings.window is not None
    return export_windows(
        settings.window.network,
        learnt.module.cpu(),
        folder,
        hop_s=settings.window.dataset.hop_s,
        **metadata,
    )
