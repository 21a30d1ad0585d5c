"""Train one network on one fold: losses, schedule, moving average, early stopping, resume.

Each recording's softmax runs over the labels that its corpus knows: a corpus without `calm` says
nothing of how its `neutral` differs from calm. Label smoothing stays inside the same labels.
What is kept is the exponential moving average of the weights at the epoch that was best on the
inner validation speakers. This module does not know files of audio, bundles or reports.
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
from torch import Tensor, nn

from tonewatch.core.errors import TrainingError
from tonewatch.training.batches import (
    Batch,
    BatchSettings,
    Labelling,
    ahead,
    batches,
    draw_weights,
)
from tonewatch.training.dataset import Dataset
from tonewatch.training.differences import told_apart
from tonewatch.training.losses import masked_loss, speech_loss
from tonewatch.training.networks.stream_cnn import StreamCnn, StreamCnnSettings
from tonewatch.training.resident import ResidentFrames
from tonewatch.training.validation import Judged, has_bfloat16

_PLAIN = 0.9  # of a mixture, from which share on it counts as one recording


@dataclass(frozen=True)
class TrainSettings:
    """How one fold is trained.

    Attributes:
        epochs: at most this many.
        steps: batches an epoch.
        learning_rate: peak of the one-cycle schedule (Smith and Topin, 2018).
        weight_decay: AdamW's.
        smoothing: label smoothing over the labels allowed.
        mixup: parameter of the Beta distribution (Zhang et al., ICLR 2018); 0 for none.
        speech_weight: weight of the speech head's loss.
        noise_weight: how much more a recording without any speech counts in it, for there are few.
        average: decay a step of the moving average of weights.
        patience: epochs without improvement after which training stops.
        first_choice: share of the epochs before which no checkpoint is chosen.
        seed: of everything random.
        corpus_weights: drawing weight by corpus name; 1 where not named.
        late: share of the epochs, the last ones, in which `late_weights` hold.
        late_weights: drawing weight by corpus name then; that of `corpus_weights` where not named,
            and where that is 0. With any no checkpoint is chosen before.
    """

    epochs: int = 60
    steps: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    smoothing: float = 0.1
    mixup: float = 0.2
    speech_weight: float = 0.4
    noise_weight: float = 4.0
    average: float = 0.995
    patience: int = 20
    first_choice: float = 0.4
    seed: int = 1
    batch: BatchSettings = field(default_factory=BatchSettings)
    network: StreamCnnSettings = field(default_factory=StreamCnnSettings)
    corpus_weights: Mapping[str, float] = field(default_factory=dict)
    late: float = 0.3
    late_weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Epoch:
    """One epoch's figures; `validation_*` are on the inner validation speakers, moving average."""

    number: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    validation_uar: float
    seconds: float


@dataclass
class Trained:
    """The chosen network and how it came to be."""

    network: StreamCnn
    history: list[Epoch]
    best_epoch: int


def train(
    dataset: Dataset,
    labelling: Labelling,
    corpora: Sequence[str],
    learn: Sequence[int],
    validate: Sequence[int],
    settings: TrainSettings,
    checkpoint: Path,
    *,
    start: Path | None = None,
    device: str = "cpu",
    resume: bool = False,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> Trained:
    """Train on the recordings `learn`, choose the epoch on `validate`.

    Args:
        dataset: frames of all recordings.
        labelling: answers of all recordings.
        corpora: names of the corpora, as numbered in `labelling`.
        learn: indices of the recordings to learn from, unlabelled ones included.
        validate: indices of labelled recordings by speakers that are neither in `learn` nor tested;
            with none that are `askable`, the last epoch is kept.
        settings: how.
        checkpoint: file written after every epoch; with `resume`, read first.
        start: checkpoint of another training whose chosen weights to begin with, not random ones.
        device: `cpu` or `cuda`.
        resume: go on from `checkpoint` where there is one.
        on_epoch: called after every epoch.

    Raises:
        TrainingError: the checkpoint was made with other settings, `start` is of a network of
            other widths or labels, or training diverged.
    """
    torch.manual_seed(settings.seed)
    network = StreamCnn(labelling.allowed.shape[1], settings.network)
    spread = dataset.spread(learn[:: max(1, len(learn) // 2000)])
    network.scale.copy_(1 / torch.from_numpy(spread))
    if start is not None:
        _begin_with(network, start)
    network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(network).eval()
    optimizer = torch.optim.AdamW(
        network.parameters(),
        settings.learning_rate,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, settings.epochs * settings.steps, pct_start=0.1
    )
    history: list[Epoch] = []
    best: dict[str, Any] = {"score": -math.inf, "epoch": -1, "weights": average.state_dict()}
    if resume and checkpoint.exists():
        saved = torch.load(checkpoint, map_location=device, weights_only=True)
        if saved["settings"] != str(settings):
            raise TrainingError(
                f"expected to resume with the settings of {checkpoint}, came "
                f"{told_apart(saved['settings'], str(settings))}; use the same, or another folder"
            )
        network.load_state_dict(saved["network"])
        average.load_state_dict(saved["average"])
        optimizer.load_state_dict(saved["optimizer"])
        schedule.load_state_dict(saved["schedule"])
        history = [Epoch(**epoch) for epoch in saved["history"]]
        best = saved["best"]
    early = {name: settings.corpus_weights.get(name, 1.0) for name in corpora}
    late = {name: weight for name, weight in settings.late_weights.items() if early.get(name)}
    early_odds, late_odds = (
        draw_weights(labelling, learn, {i: by_name[name] for i, name in enumerate(corpora)})
        for by_name in (early, early | late)
    )
    late_from = min(round((1 - settings.late) * settings.epochs), settings.epochs - 1)
    resident = ResidentFrames(dataset, labelling, device) if device != "cpu" else None
    judged = Judged(dataset, labelling, validate)
    for number in range(len(history), settings.epochs):
        if best["epoch"] >= 0 and number - best["epoch"] > settings.patience:
            break
        started = time.monotonic()
        rng = np.random.default_rng([settings.seed, number])
        torch.manual_seed(int(rng.integers(2**31)))  # dropout; the same after a resume
        drawing, mixing = rng.spawn(2)
        weights = early_odds if number < late_from else late_odds
        if resident is not None:
            drawn = resident.batches(learn, weights, settings.batch, drawing, settings.steps)
        else:
            drawn = ahead(
                batches(dataset, labelling, learn, weights, settings.batch, drawing, settings.steps)
            )
        loss, accuracy = _epoch(
            network, average, drawn, optimizer, schedule, settings, mixing, device
        )
        scores = judged.scores(average, device)
        epoch = Epoch(number, loss, accuracy, *scores, time.monotonic() - started)
        history.append(epoch)
        score = epoch.validation_uar - 0.1 * epoch.validation_loss
        late_enough = number + 1 >= settings.first_choice * settings.epochs
        late_enough &= not late or number >= late_from
        if not len(judged) or (late_enough and score > best["score"]):
            best = {"score": score, "epoch": number, "weights": _weights_of(average)}
        _save(checkpoint, settings, network, average, optimizer, schedule, history, best)
        on_epoch(epoch)
    refuse_diverged(best, settings.learning_rate)
    average.load_state_dict(best["weights"])
    return Trained(average, history, best["epoch"])


def refuse_diverged(best: Mapping[str, Any], learning_rate: float) -> None:
    """Refuse what is kept of a training, where no epoch left weights that answer with numbers.

    Raises:
        TrainingError: it diverged.
    """
    whole = all(bool(torch.isfinite(value).all()) for value in best["weights"].values())
    if best["epoch"] < 0 or not whole:
        raise TrainingError(
            "expected an epoch to keep whose loss is a number, none has one: training diverged "
            f"at the learning rate {learning_rate:g}; lower it, in another folder"
        )


def _epoch(
    network: StreamCnn,
    average: StreamCnn,
    drawn: Iterable[Batch],
    optimizer: torch.optim.Optimizer,
    schedule: Any,
    settings: TrainSettings,
    rng: np.random.Generator,
    device: str,
) -> tuple[float, float]:
    network.train()
    # Numbers stay where they are until the epoch's end: to read one is to wait for the device.
    losses, right, seen = [], [], []
    shares, partners = _mixtures(settings, rng, device)
    for batch, share, other in zip(drawn, shares, partners, strict=True):
        frames, speech = batch.frames.to(device), batch.speech.to(device)
        target, allowed = batch.target.to(device), batch.allowed.to(device)
        mixed = torch.lerp(frames[other], frames, share[:, None, None])
        with torch.autocast(device, torch.bfloat16, enabled=has_bfloat16(device)):
            logits, speech_logits = network(mixed)
        logits, speech_logits = logits.float(), speech_logits.float()
        first = masked_loss(logits, target, allowed, settings.smoothing)
        second = masked_loss(logits, target[other], allowed[other], settings.smoothing)
        # Mixed logarithms are neither speech nor pause.
        heard = speech_loss(speech_logits, speech, settings.noise_weight, share > _PLAIN)
        labelled = (target >= 0).sum().clamp(min=1)
        loss = (share * first + (1 - share) * second).sum() / labelled
        total = loss + settings.speech_weight * heard
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimizer.step()
        schedule.step()
        _follow(average, network, settings.average)
        losses.append(loss.detach())
        guess = logits.detach().masked_fill(~allowed, -1e4).argmax(1)
        right.append((guess == target).sum())  # where there is no target, it is no label
        seen.append((target >= 0).sum())
    n_right, n_seen = torch.stack(right).sum().item(), torch.stack(seen).sum().item()
    return torch.stack(losses).mean().item(), n_right / max(1, n_seen)


def _mixtures(
    settings: TrainSettings, rng: np.random.Generator, device: str
) -> tuple[Tensor, Tensor]:
    """For every step and row of an epoch, what is mixed in: [steps, size] both.

    How much of each recording is kept, from 0.5 to 1, and the row that the rest comes from.
    """
    shape = (settings.steps, settings.batch.size)
    share = rng.beta(settings.mixup, settings.mixup, shape) if settings.mixup else np.ones(shape)
    kept = np.maximum(share, 1 - share).astype(np.float32)
    other = rng.permuted(np.tile(np.arange(shape[1]), (shape[0], 1)), axis=1)
    return torch.from_numpy(kept).to(device), torch.from_numpy(other).to(device)


@torch.no_grad()
def _follow(average: StreamCnn, network: StreamCnn, decay: float) -> None:
    pairs = zip(average.state_dict().values(), network.state_dict().values(), strict=True)
    followed = []
    for mine, its in pairs:
        if mine.dtype.is_floating_point:
            followed.append((mine, its))
        else:
            mine.copy_(its)
    mines, others = zip(*followed, strict=True)
    torch._foreach_lerp_(mines, others, 1 - decay)


def _begin_with(network: StreamCnn, start: Path) -> None:
    if not start.exists():
        raise TrainingError(f"expected a checkpoint to start from at {start}, there is none")
    weights = torch.load(start, map_location="cpu", weights_only=True)["best"]["weights"]
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise TrainingError(
            f"expected in {start} a stream_cnn of the same widths and labels as the one "
            "to train, came another network; use the scheme and settings that it was trained with"
        ) from error


def _weights_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _save(
    path: Path,
    settings: TrainSettings,
    network: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: Any,
    history: list[Epoch],
    best: dict[str, Any],
) -> None:
    """Write beside and rename, so that a kill leaves the old checkpoint or the new one."""
    part = path.with_suffix(".part")
    torch.save(
        {
            "settings": str(settings),
            "network": network.state_dict(),
            "average": average.state_dict(),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
            "history": [vars(epoch) for epoch in history],
            "best": best,
        },
        part,
    )
    part.replace(path)
