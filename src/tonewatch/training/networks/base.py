"""What most whole-window networks do alike, for them to inherit."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tonewatch.audio.inputs import WindowInput
from tonewatch.core.signal import Samples
from tonewatch.training.losses import masked_loss
from tonewatch.training.networks.port import Lesson


class Usual(ABC):
    """Features are the bundle's input, the loss is the masked cross-entropy, all is exported."""

    @property
    @abstractmethod
    def input(self) -> WindowInput:
        """What the bundle takes of a window."""

    @property
    def window_s(self) -> float:
        return self.input.longest_s or 3.0

    @property
    def origin(self) -> str:
        return str(self.input)

    def features(self, samples: Samples) -> NDArray[np.float32]:
        return self.input.make(samples)

    def loss(self, module: nn.Module, lesson: Lesson) -> tuple[Tensor, Tensor]:
        logits: Tensor = module(lesson.features)
        return masked_loss(logits, lesson.target, lesson.allowed, 0.0).mean(), logits

    def exported(self, module: nn.Module) -> nn.Module:
        return module


class Standardise(nn.Module):
    """Each feature less its mean, over its deviation; both are set before training begins.

    Args:
        shape: of the features, the last axes of what comes; the others are averaged over.
    """

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.mean: Tensor
        self.spread: Tensor
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("spread", torch.ones(shape))

    def fit(self, batches: Iterable[NDArray[np.float32]]) -> None:
        """Take mean and deviation of features, each batch of shape [..., *shape]."""
        shape = tuple(self.mean.shape)
        count, total, squares = 0, np.zeros(shape), np.zeros(shape)
        for batch in batches:
            wide = batch.astype(np.float64).reshape(-1, *shape)
            count += len(wide)
            total += wide.sum(0)
            squares += np.square(wide).sum(0)
        mean = total / count
        self.mean.copy_(torch.from_numpy(mean))
        self.spread.copy_(torch.from_numpy(np.sqrt(np.maximum(squares / count - mean**2, 1e-6))))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.spread


class Lstm(nn.LSTM):
    """An LSTM with one bias a gate, as Keras has it, and with as many parameters to train.

    Torch adds two biases; the second is kept at zero here. The forget gates begin open.
    """

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(n_in, n_out, batch_first=True)
        second, first = self.get_parameter("bias_hh_l0"), self.get_parameter("bias_ih_l0")
        nn.init.zeros_(second).requires_grad_(False)
        with torch.no_grad():
            first[n_out : 2 * n_out] = 1.0
