"""Train one whole-window network on one fold: its own loss and optimizer, the best epoch, resume.

The optimizer and the loss are the network's. Which recordings are drawn, the labels that a corpus
knows, and the choice of the epoch by the inner validation speakers, clean and on the telephone, are
those of `loop`. What is kept is the weights of the best epoch. This module does not know files of
audio, bundles or reports.
"""

import copy
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from tonewatch.core.errors import TrainingError
from tonewatch.inference.scores import unweighted_recall
from tonewatch.training.batches import Labelling, draw_weights
from tonewatch.training.dataset import FIXED_COPIES
from tonewatch.training.differences import told_apart
from tonewatch.training.loop import Epoch, refuse_diverged
from tonewatch.training.networks.base import Standardise
from tonewatch.training.networks.port import Lesson, Solved, Stepped
from tonewatch.training.validation import askable, has_bfloat16
from tonewatch.training.windows import WindowDataset

_AT_ONCE = 64


@dataclass(frozen=True)
class WindowTraining:
    """How one fold is trained.

    Attributes:
        epochs: at most this many.
        steps: batches an epoch.
        batch_size: windows a batch.
        learning_rate: of the network's optimizer.
        held_back: share of the speakers that do not teach the network's first stage.
        patience: epochs without improvement after which training stops.
        seed: of everything random.
        corpus_weights: drawing weight by corpus name; 1 where not named. Where nothing is drawn,
            how much each recording counts.
    """

    epochs: int = 60
    steps: int = 64
    batch_size: int = 32
    learning_rate: float = 1e-3
    held_back: float = 0.0
    patience: int = 20
    seed: int = 1
    corpus_weights: Mapping[str, float] = field(default_factory=dict)


@dataclass
class TrainedWindows:
    """The chosen module and how it came to be."""

    module: nn.Module
    history: list[Epoch]
    best_epoch: int


def train_windows(
    network: Stepped | Solved,
    dataset: WindowDataset,
    labelling: Labelling,
    corpora: Sequence[str],
    speakers: Sequence[str],
    learn: Sequence[int],
    validate: Sequence[int],
    settings: WindowTraining,
    checkpoint: Path,
    *,
    start: Path | None = None,
    device: str = "cpu",
    resume: bool = False,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> TrainedWindows:
    """Train on the recordings `learn`, choose the epoch on `validate`.

    Args:
        network: what to train.
        dataset: windows of all recordings.
        labelling: answers of all recordings.
        corpora: names of the corpora, as numbered in `labelling`.
        speakers: of all recordings.
        learn: indices of the labelled recordings to learn from.
        validate: indices of recordings by speakers that are neither in `learn` nor tested; with
            none that are `askable`, the last epoch is kept.
        settings: how.
        checkpoint: file written after every epoch; with `resume`, read first.
        start: checkpoint of another training whose chosen weights to begin with, not random ones.
        device: `cpu` or `cuda`.
        resume: go on from `checkpoint` where there is one.
        on_epoch: called after every epoch.

    Raises:
        TrainingError: the checkpoint was made with other settings, `start` is of another network
            or other labels, or training diverged.
    """
    identity = f"{network} {settings}"
    torch.manual_seed(settings.seed)
    module = network.module(labelling.allowed.shape[1])
    validate = askable(labelling, validate)
    by_name = {i: settings.corpus_weights.get(name, 1.0) for i, name in enumerate(corpora)}
    weights = draw_weights(labelling, learn, by_name)
    taught = [i for i in learn if by_name[int(labelling.corpus[i])] > 0]
    _prepare(module, dataset, taught)
    if start is not None:
        _begin_with(module, start)
    # Convolutions over pictures take two thirds of the time so.
    module.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = (
        None if isinstance(network, Solved) else network.optimizer(module, settings.learning_rate)
    )
    history: list[Epoch] = []
    best: dict[str, Any] = {"score": -math.inf, "epoch": -1, "weights": _weights_of(module)}
    if resume and checkpoint.exists():
        saved = torch.load(checkpoint, map_location=device, weights_only=True)
        if saved["settings"] != identity:
            raise TrainingError(
                f"expected to resume with the settings of {checkpoint}, came "
                f"{told_apart(saved['settings'], identity)}; use the same, or another folder"
            )
        module.load_state_dict(saved["network"])
        if optimizer is not None:
            optimizer.load_state_dict(saved["optimizer"])
        history = [Epoch(**epoch) for epoch in saved["history"]]
        best = saved["best"]
    held_back = _held_back(speakers, learn, settings)
    epochs = 1 if isinstance(network, Solved) else settings.epochs
    for number in range(len(history), epochs):
        if best["epoch"] >= 0 and number - best["epoch"] > settings.patience:
            break
        started = time.monotonic()
        rng = np.random.default_rng([settings.seed, number])
        torch.manual_seed(int(rng.integers(2**31)))  # dropout; the same after a resume
        if isinstance(network, Solved):
            windows = _windows_of(dataset, taught, range(dataset.begin.shape[1]))
            owners = [owner for owner, _ in windows]
            counts = np.array([by_name[number] for number in labelling.corpus[owners].tolist()])
            features = _features(dataset, [at for _, at in windows])
            network.solve(
                module, features, labelling.target[owners], counts / counts.mean(), settings.seed
            )
            loss, accuracy = math.nan, math.nan
        else:
            assert optimizer is not None
            loss, accuracy = _epoch(
                network, module, optimizer, dataset, labelling, learn, weights, held_back,
                settings, rng, device,
            )  # fmt: skip
        scores = window_scores(module, dataset, labelling, validate, device)
        epoch = Epoch(number, loss, accuracy, *scores, time.monotonic() - started)
        history.append(epoch)
        score = epoch.validation_uar - 0.1 * epoch.validation_loss
        if not len(validate) or score > best["score"]:
            best = {"score": score, "epoch": number, "weights": _weights_of(module)}
        _save(checkpoint, identity, module, optimizer, history, best)
        on_epoch(epoch)
    refuse_diverged(best, settings.learning_rate)
    module.load_state_dict(best["weights"])
    return TrainedWindows(module, history, best["epoch"])


def _epoch(
    network: Stepped,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    dataset: WindowDataset,
    labelling: Labelling,
    learn: Sequence[int],
    weights: NDArray[np.float64],
    held_back: NDArray[np.bool_],
    settings: WindowTraining,
    rng: np.random.Generator,
    device: str,
) -> tuple[float, float]:
    module.train()
    losses: list[float] = []
    right = seen = 0
    pool = np.asarray(learn)
    for _ in range(settings.steps):
        picked = rng.choice(len(pool), settings.batch_size, p=weights)
        rows = pool[picked]
        lesson = Lesson(
            torch.from_numpy(_draw(dataset, rows, rng)).to(device),
            torch.from_numpy(labelling.target[rows]).to(device),
            torch.from_numpy(labelling.allowed[labelling.corpus[rows]]).to(device),
            torch.from_numpy(held_back[picked]).to(device),
        )
        with torch.autocast(device, torch.bfloat16, enabled=has_bfloat16(device)):
            loss, logits = network.loss(module, lesson)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), 2.0)
        optimizer.step()
        losses.append(float(loss.detach()))
        with torch.no_grad():
            guess = logits.float().masked_fill(~lesson.allowed, -1e4).argmax(1)
            right += int((guess == lesson.target).sum())
            seen += len(guess)
    return float(np.mean(losses)), right / max(1, seen)


def _draw(
    dataset: WindowDataset, rows: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.float32]:
    """One window of each recording: a fifth as it is, a fifth on the telephone, others copies."""
    n_copies = dataset.begin.shape[1]
    draw = rng.random(len(rows))
    others = rng.integers(min(FIXED_COPIES, n_copies - 1), n_copies, len(rows))
    copies = np.where(draw < 0.2, 0, np.where(draw < 0.4, 1, others))
    within = (rng.random(len(rows)) * dataset.length[rows, copies]).astype(np.int64)
    at = dataset.begin[rows, copies] + within
    return _features(dataset, at)


@torch.no_grad()
def window_scores(
    module: nn.Module,
    dataset: WindowDataset,
    labelling: Labelling,
    validate: Sequence[int],
    device: str,
) -> tuple[float, float, float]:
    """Loss, accuracy and UAR over recordings, means over corpora and over clean and telephone.

    As the analyser sums up: the mean over a recording's windows of their log-probabilities.
    """
    if not len(validate):
        return math.nan, math.nan, math.nan
    module.eval()
    rows = []
    for copy_number in range(FIXED_COPIES):
        windows = _windows_of(dataset, validate, [copy_number])
        owner = np.array([index for index, _ in windows])
        logits = np.concatenate(
            [
                _judge(module, dataset, [at for _, at in windows[i : i + _AT_ONCE]], device)
                for i in range(0, len(windows), _AT_ONCE)
            ]
        )
        allowed = labelling.allowed[labelling.corpus[owner]]
        logs = F.log_softmax(torch.from_numpy(np.where(allowed, logits, -1e4)), dim=1).numpy()
        every = np.unique(owner)
        means = np.stack([logs[owner == index].mean(0) for index in every])
        for number in np.unique(labelling.corpus[every]):
            inside = labelling.corpus[every] == number
            target = labelling.target[every][inside]
            own = torch.from_numpy(means[inside])
            loss = F.cross_entropy(own, torch.from_numpy(target)).item()
            right = own.argmax(1).numpy() == target
            rows.append((loss, float(right.mean()), unweighted_recall(target, right)))
    loss, accuracy, uar = np.mean(rows, axis=0)
    return float(loss), float(accuracy), float(uar)


def _judge(
    module: nn.Module, dataset: WindowDataset, at: Sequence[int], device: str
) -> NDArray[np.float32]:
    features = torch.from_numpy(_features(dataset, at)).to(device)
    with torch.autocast(device, torch.bfloat16, enabled=has_bfloat16(device)):
        logits: torch.Tensor = module(features)
    return np.asarray(logits.float().cpu().numpy())


def _windows_of(
    dataset: WindowDataset, chosen: Sequence[int], copies: Sequence[int]
) -> list[tuple[int, int]]:
    """Each recording's index with the place of each of its windows."""
    return [
        (index, int(dataset.begin[index, number]) + k)
        for index in chosen
        for number in copies
        for k in range(int(dataset.length[index, number]))
    ]


def _prepare(module: nn.Module, dataset: WindowDataset, learn: Sequence[int]) -> None:
    """Tell the layers that standardise what the fixed copies of the recordings look like."""
    some = learn[:: max(1, len(learn) // 1000)]
    at = [place for _, place in _windows_of(dataset, some, range(FIXED_COPIES))]
    for layer in module.modules():
        if isinstance(layer, Standardise):
            layer.fit(_features(dataset, at[i : i + _AT_ONCE]) for i in range(0, len(at), _AT_ONCE))


def _features(dataset: WindowDataset, at: Iterable[int]) -> NDArray[np.float32]:
    return np.stack([dataset.features[i] for i in at]).astype(np.float32)


def _held_back(
    speakers: Sequence[str], learn: Sequence[int], settings: WindowTraining
) -> NDArray[np.bool_]:
    """Which of `learn` do not teach the first stage: whole speakers, or recordings of few."""
    owners = np.array([speakers[i] for i in learn])
    units = np.unique(owners)
    if len(units) * settings.held_back < 1:
        owners = units = np.arange(len(learn))
    count = math.ceil(len(units) * settings.held_back)
    rng = np.random.default_rng(settings.seed)
    return np.isin(owners, rng.permutation(units)[:count])


def _begin_with(module: nn.Module, start: Path) -> None:
    if not start.exists():
        raise TrainingError(f"expected a checkpoint to start from at {start}, there is none")
    weights = torch.load(start, map_location="cpu", weights_only=True)["best"]["weights"]
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        raise TrainingError(
            f"expected in {start} the same network with the same labels as the one to train; "
            f"use the network and scheme that it was trained with ({error})"
        ) from error


def _weights_of(module: nn.Module) -> dict[str, torch.Tensor]:
    return copy.deepcopy(module.state_dict())


def _save(
    path: Path,
    identity: str,
    module: nn.Module,
    optimizer: torch.optim.Optimizer | None,
    history: Sequence[Epoch],
    best: Mapping[str, Any],
) -> None:
    """Write beside and rename, so that a kill leaves the old checkpoint or the new one."""
    part = path.with_suffix(".part")
    torch.save(
        {
            "settings": identity,
            "network": module.state_dict(),
            "optimizer": {} if optimizer is None else optimizer.state_dict(),
            "history": [vars(epoch) for epoch in history],
            "best": dict(best),
        },
        part,
    )
    part.replace(path)
