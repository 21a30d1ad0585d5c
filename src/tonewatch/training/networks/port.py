"""What a whole-window network is to the rest of training: the port that each of them fills.

A network of this kind hears one window by itself (`stream_cnn` does not, and has a loop and an
export of its own). It is a frozen dataclass in a file of its own: its fields are its settings, and
these methods say how a window becomes an array, what is trained and how. Data, batches, losses over
corpora with fewer labels, folds, checkpoints, calibration, export, report and card are common to
all. `docs/reference/networks.md` tells how one is added.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tonewatch.audio.inputs import WindowInput
from tonewatch.core.signal import Samples


@dataclass(frozen=True)
class Recipe:
    """How a network learns, unless the command line says otherwise.

    Attributes:
        epochs: at most this many.
        batch_size: windows a step.
        learning_rate: of its optimizer.
        copies: copies of each recording.
        held_back: share of the speakers that do not teach the network's first stage, for networks
            that have a second.
    """

    epochs: int = 60
    batch_size: int = 32
    learning_rate: float = 1e-3
    copies: int = 8
    held_back: float = 0.0


@dataclass(frozen=True)
class Lesson:
    """One batch on the training device.

    Attributes:
        features: shape [B, ...], as `WindowNetwork.features` made them, float32.
        target: shape [B]: label index.
        allowed: shape [B, n_labels], bool: labels that the window's corpus knows.
        held_back: shape [B], bool: by a speaker that does not teach the first stage.
    """

    features: Tensor
    target: Tensor
    allowed: Tensor
    held_back: Tensor


class WindowNetwork(Protocol):
    """A whole-window network's settings and ways; either `Stepped` or `Solved`."""

    @property
    def name(self) -> str:
        """As in `--network NAME`."""

    @property
    def scheme(self) -> str:
        """The labels that it was published with."""

    @property
    def recipe(self) -> Recipe:
        """How it learns."""

    @property
    def input(self) -> WindowInput:
        """What its bundle takes of a window."""

    @property
    def window_s(self) -> float:
        """Usual length of a window."""

    @property
    def origin(self) -> str:
        """What its features, and the weights that it begins with, come from: names the cache."""

    def features(self, samples: Samples) -> NDArray[np.float32]:
        """What is kept of one window to learn from: `input.make`, or what follows from it alone."""

    def module(self, n_labels: int) -> nn.Module:
        """The part that is trained: features [B, ...] -> logits [B, n_labels]."""

    def exported(self, module: nn.Module) -> nn.Module:
        """The trained part as the bundle has it: `input` [B, *input.shape] -> logits."""


class Stepped(WindowNetwork, Protocol):
    """A network that learns step by step."""

    def optimizer(self, module: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
        """Its optimizer."""

    def loss(self, module: nn.Module, lesson: Lesson) -> tuple[Tensor, Tensor]:
        """The loss of a batch, and the logits [B, n_labels]."""


@runtime_checkable
class Solved(WindowNetwork, Protocol):
    """A network that is not trained by steps but solved at once."""

    def solve(
        self,
        module: nn.Module,
        features: NDArray[np.float32],
        target: NDArray[np.int64],
        counts: NDArray[np.float64],
        seed: int,
    ) -> None:
        """Set the weights of `module` from features [n, ...] and labels [n].

        `counts` [n], above 0 and 1 in the mean, tells how much each window counts.
        """
