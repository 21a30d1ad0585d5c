"""Trains and exports whichever network a run is about.

The only place that knows that there are two ways: `stream_cnn`, whose frames, losses and export are
its own, and networks that hear each window by itself; and that a run may train several `stream_cnn`
a fold, which differ by their seed and answer together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from tonewatch.inference.bundle import Bundle
from tonewatch.training.dataset import Dataset
from tonewatch.training.export import export
from tonewatch.training.loop import Epoch, Trained, train
from tonewatch.training.material import Material, RunSettings
from tonewatch.training.networks.stream_ensemble import StreamEnsemble
from tonewatch.training.window_export import export_windows
from tonewatch.training.window_loop import TrainedWindows, train_windows
from tonewatch.training.windows import WindowDataset


@dataclass
class TrainedTogether:
    """Members of an ensemble; `history` and `best_epoch` are their means."""

    network: StreamEnsemble
    history: list[Epoch]
    best_epoch: int


_MEANS = ("loss", "accuracy", "validation_loss", "validation_accuracy", "validation_uar")

Learnt: TypeAlias = Trained | TrainedTogether | TrainedWindows
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
    """Train the run's network; see `loop.train` and `window_loop.train_windows`.

    Further members of an ensemble have checkpoints beside `checkpoint`, numbered from 2; snapshots
    begin with what the member before chose (Huang et al., "Snapshot ensembles", ICLR 2017).
    """
    if settings.window is None:
        assert isinstance(material.dataset, Dataset)
        members = []
        for number in range(settings.members):
            begin = None if start is None else _numbered(start, number)
            if begin is not None and not begin.exists():
                begin = start  # of a network alone
            if settings.snapshots and number:
                begin = _numbered(checkpoint, number - 1)
            members.append(
                train(
                    material.dataset,
                    material.labelling,
                    material.groups,
                    learn,
                    validate,
                    replace(settings.train, seed=member_seed(settings.train.seed, number)),
                    _numbered(checkpoint, number),
                    start=begin,
                    device=settings.device,
                    resume=resume,
                    on_epoch=on_epoch,
                )
            )
        return members[0] if len(members) == 1 else _together(members)
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


def member_seed(seed: int, number: int) -> int:
    """Of a member, the first from 0: it is the network alone; no two of any two seeds are one."""
    return int(np.random.default_rng([seed, number]).integers(1 << 31)) if number else seed


def write_learnt(learnt: Learnt, settings: RunSettings, folder: Path, **metadata: Any) -> Bundle:
    """Export into the bundle `folder`; `metadata` is what both `export` and `export_windows` take.

    Raises:
        ExportError: the labels do not fit, or ONNX Runtime and torch do not agree.
    """
    if not isinstance(learnt, TrainedWindows):
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


def _numbered(checkpoint: Path, number: int) -> Path:
    """The first member's checkpoint has no number, as that of a network alone."""
    return checkpoint.with_stem(f"{checkpoint.stem}-{number + 1}") if number else checkpoint


def _together(members: Sequence[Trained]) -> TrainedTogether:
    """An ensemble; its epochs, as far as all members have them, take the time of all."""
    history = []
    for epochs in zip(*(member.history for member in members), strict=False):
        means = {name: float(np.mean([vars(epoch)[name] for epoch in epochs])) for name in _MEANS}
        seconds = sum(epoch.seconds for epoch in epochs)
        history.append(Epoch(epochs[0].number, **means, seconds=seconds))
    best = round(float(np.mean([member.best_epoch for member in members])))
    best = min(best, len(history) - 1)  # one member may have stopped before
    return TrainedTogether(StreamEnsemble([m.network for m in members]), history, best)
