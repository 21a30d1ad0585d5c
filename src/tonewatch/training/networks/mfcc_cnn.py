"""`mfcc_cnn`: two one-dimensional convolutions over the means of 40 MFCCs.

The network of the tutorials in Keras on RAVDESS (M. G. de Pinto and others, "Emotions understanding
model from spoken language using deep neural networks and mel-frequency cepstral coefficients",
EAIS 2020): convolutions of width 5 with 64 and 128 filters, ReLU, dropout 0.1, a pool of 8 between
them, softmax over eight labels; RMSprop and sparse cross-entropy. The tutorials read 22,050 Hz;
here it is 16 kHz (`audio.inputs.MfccMean` says why), and coefficients are standardised first, so
that the first one, a hundred times the others, does not drown them.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from tonewatch.audio.inputs import MfccMean
from tonewatch.training.networks.base import Standardise, Usual
from tonewatch.training.networks.port import Recipe

_WIDTH, _POOL = 5, 8


class MfccCnnModule(nn.Module):
    """Means [B, n_coefficients] -> logits [B, n_labels]."""

    def __init__(self, n_labels: int, settings: "MfccCnn") -> None:
        super().__init__()
        n, (first, second) = settings.means.n_coefficients, settings.filters
        self.scale = Standardise(n)
        self.convolutions = nn.Sequential(
            nn.Conv1d(1, first, _WIDTH, padding=_WIDTH // 2),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
            nn.MaxPool1d(_POOL),
            nn.Conv1d(first, second, _WIDTH, padding=_WIDTH // 2),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
        )
        self.classify = nn.Linear(second * (n // _POOL), n_labels)

    def forward(self, means: Tensor) -> Tensor:
        heard = self.convolutions(self.scale(means).unsqueeze(1))
        logits: Tensor = self.classify(heard.flatten(1))
        return logits


@dataclass(frozen=True)
class MfccCnn(Usual):
    """Settings; the defaults are the published ones."""

    filters: tuple[int, int] = (64, 128)
    dropout: float = 0.1
    means: MfccMean = field(default_factory=lambda: MfccMean(40))
    recipe: ClassVar[Recipe] = Recipe(batch_size=32, learning_rate=5e-4)
    name: ClassVar[str] = "mfcc_cnn"
    scheme: ClassVar[str] = "ravdess8"

    @property
    def input(self) -> MfccMean:
        return self.means

    def module(self, n_labels: int) -> nn.Module:
        return MfccCnnModule(n_labels, self)

    def optimizer(self, module: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
        return torch.optim.RMSprop(module.parameters(), learning_rate)
