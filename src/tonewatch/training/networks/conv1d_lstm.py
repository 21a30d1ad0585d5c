"""`conv1d_lstm`: an LSTM and wide one-dimensional convolutions over a log-spectrogram.

One of Tonewatch's forerunners, a network of 9.6 million weights for twelve labels (the speaker's
sex and the emotion) on RAVDESS: the log-spectrogram of 70,000 samples at 22,050 Hz (20 ms windows,
10 ms steps), LSTM 256, convolutions of width 10 with 512 and 1024 filters, LSTMs 128 and 256, dense
layers 2048 and 512 whose weights are kept small by L1, RMSprop at 1e-4, copies with noise, shift,
pitch and speed. Its description does not say how strong L1 was: 1e-6 here, so that the penalty of
1.5 million weights begins well below the loss. Convolutions are not padded. Levels are standardised
first, by the mean and deviation of each band over the training windows.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tonewatch.audio.inputs import LogSpectrogram
from tonewatch.training.networks.base import Lstm, Standardise, Usual
from tonewatch.training.networks.port import Lesson, Recipe

_WIDTH = 10


class Conv1dLstmModule(nn.Module):
    """Log-spectrogram [B, T, n_bins] -> logits [B, n_labels]."""

    def __init__(self, n_labels: int, settings: "Conv1dLstm") -> None:
        super().__init__()
        s = settings
        n_bins = s.spectrogram.shape[-1]
        self.scale = Standardise(n_bins)
        self.first = Lstm(n_bins, s.hidden[0])
        self.convolutions = nn.Sequential(
            nn.Conv1d(s.hidden[0], s.filters[0], _WIDTH),
            nn.ReLU(),
            nn.Conv1d(s.filters[0], s.filters[1], _WIDTH),
            nn.ReLU(),
        )
        self.second = Lstm(s.filters[1], s.hidden[1])
        self.third = Lstm(s.hidden[1], s.hidden[2])
        self.dense = nn.ModuleList(
            [nn.Linear(s.hidden[2], s.dense[0]), nn.Linear(s.dense[0], s.dense[1])]
        )
        self.classify = nn.Linear(s.dense[1], n_labels)

    def forward(self, spectrogram: Tensor) -> Tensor:
        x, _ = self.first(self.scale(spectrogram))
        x = self.convolutions(x.transpose(1, 2)).transpose(1, 2)
        x, _ = self.second(x)
        x, _ = self.third(x)
        x = x[:, -1]
        for layer in self.dense:
            x = F.relu(layer(x))
        logits: Tensor = self.classify(x)
        return logits


@dataclass(frozen=True)
class Conv1dLstm(Usual):
    """Settings; the defaults are the published ones."""

    hidden: tuple[int, int, int] = (256, 128, 256)
    filters: tuple[int, int] = (512, 1024)
    dense: tuple[int, int] = (2048, 512)
    l1: float = 1e-6
    spectrogram: LogSpectrogram = field(default_factory=LogSpectrogram)
    recipe: ClassVar[Recipe] = Recipe(epochs=60, batch_size=32, learning_rate=1e-4, copies=8)
    name: ClassVar[str] = "conv1d_lstm"
    scheme: ClassVar[str] = "sex12"

    @property
    def input(self) -> LogSpectrogram:
        return self.spectrogram

    def module(self, n_labels: int) -> Conv1dLstmModule:
        return Conv1dLstmModule(n_labels, self)

    def optimizer(self, module: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
        return torch.optim.RMSprop(module.parameters(), learning_rate)

    def loss(self, module: nn.Module, lesson: Lesson) -> tuple[Tensor, Tensor]:
        loss, logits = super().loss(module, lesson)
        assert isinstance(module, Conv1dLstmModule)
        for layer in module.dense:
            loss = loss + self.l1 * layer.get_parameter("weight").abs().sum()
        return loss, logits
