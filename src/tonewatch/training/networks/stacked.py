"""`stacked`: four small CNNs on the means of 20 MFCCs, under a logistic meta-learner.

The stack of the prototype of caller states (angry, drunk, painful, stressful), after Wolpert,
"Stacked generalization" (Neural Networks 5, 1992): the meta-learner weighs what the four say, so it
must learn from recordings that they did not learn from, or it would trust the one that learnt by
heart most. A quarter of the training speakers is held back for it; of the others only the four
learn. Both go on step by step beside each other, as no gradient passes from one to the other. The
four differ in filters and width; what the prototype's were is not known.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tonewatch.audio.inputs import MfccMean
from tonewatch.training.losses import masked_loss
from tonewatch.training.networks.base import Standardise, Usual
from tonewatch.training.networks.port import Lesson, Recipe


def _branch(n_in: int, filters: int, width: int, dropout: float, n_labels: int) -> nn.Module:
    """Means [B, 1, n_in] -> logits [B, n_labels]."""
    return nn.Sequential(
        nn.Conv1d(1, filters, width, padding=width // 2),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.MaxPool1d(2),
        nn.Conv1d(filters, 2 * filters, width, padding=width // 2),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Flatten(),
        nn.Linear(2 * filters * (n_in // 2), n_labels),
    )


class StackedModule(nn.Module):
    """Means [B, n_coefficients] -> logits [B, n_labels]."""

    def __init__(self, n_labels: int, settings: "Stacked") -> None:
        super().__init__()
        n = settings.means.n_coefficients
        self.scale = Standardise(n)
        self.branches = nn.ModuleList(
            [
                _branch(n, filters, width, settings.dropout, n_labels)
                for filters, width in settings.branches
            ]
        )
        self.meta = nn.Linear(n_labels * len(settings.branches), n_labels)

    def opinions(self, means: Tensor) -> list[Tensor]:
        """The logits of each CNN."""
        scaled = self.scale(means).unsqueeze(1)
        return [branch(scaled) for branch in self.branches]

    def weigh(self, opinions: list[Tensor]) -> Tensor:
        """The logits of the meta-learner."""
        said = torch.cat([F.softmax(logits.detach(), dim=1) for logits in opinions], dim=1)
        logits: Tensor = self.meta(said)
        return logits

    def forward(self, means: Tensor) -> Tensor:
        return self.weigh(self.opinions(means))


@dataclass(frozen=True)
class Stacked(Usual):
    """Settings.

    Attributes:
        branches: filters and width of each CNN.
        dropout: in each.
        means: the input.
    """

    branches: tuple[tuple[int, int], ...] = ((32, 3), (64, 3), (32, 5), (64, 7))
    dropout: float = 0.2
    means: MfccMean = field(default_factory=lambda: MfccMean(20))
    recipe: ClassVar[Recipe] = Recipe(held_back=0.25)
    name: ClassVar[str] = "stacked"
    scheme: ClassVar[str] = "helpline4"

    @property
    def input(self) -> MfccMean:
        return self.means

    def module(self, n_labels: int) -> StackedModule:
        return StackedModule(n_labels, self)

    def optimizer(self, module: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
        assert isinstance(module, StackedModule)
        # Softmaxes differ by little, so the meta-learner needs larger steps.
        slow = [p for name, p in module.named_parameters() if not name.startswith("meta.")]
        fast = list(module.meta.parameters())
        groups: list[dict[str, Any]] = [
            {"params": slow},
            {"params": fast, "lr": 10 * learning_rate},
        ]
        return torch.optim.Adam(groups, learning_rate)

    def loss(self, module: nn.Module, lesson: Lesson) -> tuple[Tensor, Tensor]:
        assert isinstance(module, StackedModule)
        opinions = module.opinions(lesson.features)
        logits = module.weigh(opinions)

        def mean_over(rows: Tensor, of: Tensor) -> Tensor:
            every = masked_loss(of, lesson.target, lesson.allowed, 0.0)
            return (every * rows).sum() / rows.sum().clamp(min=1)

        own = [mean_over(~lesson.held_back, of) for of in opinions]
        return torch.stack([*own, mean_over(lesson.held_back, logits)]).sum(), logits
