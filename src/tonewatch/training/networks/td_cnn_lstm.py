"""`td_cnn_lstm`: convolutions over five squares of a log-mel spectrogram, then an LSTM over them.

The time-distributed network of the multimodal emotion recognition made at Telecom Paris for the
French employment agency (2018-2019): the local feature learning blocks of Zhao, Mao and Chen,
"Speech emotion recognition using deep 1D & 2D CNN LSTM networks" (Biomedical Signal Processing and
Control 47, 2019) are applied to each square, the LSTM reads the five results, its last output is
classified. Windows of 49,100 samples, seven labels without calm,
SGD with momentum 0.8 and a rate of 0.01.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from tonewatch.audio.inputs import LogMelFrames
from tonewatch.training.networks.base import Lstm, Usual
from tonewatch.training.networks.port import Recipe

_POOLS = (2, 4, 4, 4)  # 128 bands and 128 spectra become 1 and 1


class FeatureBlocks(nn.Sequential):
    """Four local feature learning blocks: [N, 1, 128, 128] -> [N, 128, 1, 1]."""

    def __init__(self, filters: tuple[int, ...], dropout: float) -> None:
        layers: list[nn.Module] = []
        for n_in, n_out, pool in zip((1, *filters), filters, _POOLS, strict=False):
            layers += [
                nn.Conv2d(n_in, n_out, 3, padding=1),
                nn.BatchNorm2d(n_out),
                nn.MaxPool2d(pool),
                nn.ELU(),  # grows with its input, so the largest is the largest before or after
                nn.Dropout(dropout),
            ]
        super().__init__(*layers)


class TdCnnLstmModule(nn.Module):
    """Squares [B, 5, 128, 128] in decibels -> logits [B, n_labels]."""

    def __init__(self, n_labels: int, settings: "TdCnnLstm") -> None:
        super().__init__()
        self.n_squares = settings.frames.shape[0]
        self.blocks = FeatureBlocks(settings.filters, settings.dropout)
        self.drop = nn.Dropout(settings.dropout)
        self.lstm = Lstm(settings.filters[-1], settings.hidden)
        self.classify = nn.Linear(settings.hidden, n_labels)

    def forward(self, squares: Tensor) -> Tensor:
        heard = self.blocks(squares.flatten(0, 1).unsqueeze(1))
        in_order = heard.reshape(-1, self.n_squares, heard.shape[1])
        steps, _ = self.lstm(self.drop(in_order))
        logits: Tensor = self.classify(steps[:, -1])
        return logits


@dataclass(frozen=True)
class TdCnnLstm(Usual):
    """Settings; the defaults are the published ones."""

    filters: tuple[int, int, int, int] = (64, 64, 128, 128)
    hidden: int = 256
    dropout: float = 0.2
    frames: LogMelFrames = field(default_factory=LogMelFrames)
    recipe: ClassVar[Recipe] = Recipe(epochs=100, batch_size=64, learning_rate=0.01, copies=4)
    name: ClassVar[str] = "td_cnn_lstm"
    scheme: ClassVar[str] = "ekman7"

    @property
    def input(self) -> LogMelFrames:
        return self.frames

    def module(self, n_labels: int) -> nn.Module:
        return TdCnnLstmModule(n_labels, self)

    def optimizer(self, module: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
        return torch.optim.SGD(module.parameters(), learning_rate, momentum=0.8)
