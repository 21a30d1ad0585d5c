"""`egemaps_svm`: the classical baseline, a linear SVM on openSMILE's eGeMAPS functionals.

88 functionals (Eyben and others, "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for voice
research and affective computing", IEEE Trans. Affective Computing 7, 2016), standardised, one
linear classifier a label against the others with the same weight for each label. The margins are
the logits, which calibration divides by its temperature. What is stored is the weights: a linear
layer, no pickle. A corpus that lacks a label counts against that label here.

openSMILE's licence allows research and private use only, and so may a bundle that needs it; it is
the extra `egemaps`.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tonewatch.audio.inputs import Egemaps
from tonewatch.training.networks.base import Standardise, Usual
from tonewatch.training.networks.port import Recipe

_NEVER = -10.0  # margin of a label that training had no recording of


class LinearModule(nn.Module):
    """Functionals [B, 88] -> margins [B, n_labels]."""

    def __init__(self, n_labels: int) -> None:
        super().__init__()
        self.scale = Standardise(88)
        self.classify = nn.Linear(88, n_labels)

    def forward(self, functionals: Tensor) -> Tensor:
        # Values far outside training (openSMILE's in silence) must not decide alone.
        logits: Tensor = self.classify(self.scale(functionals).clamp(-5, 5))
        return logits


@dataclass(frozen=True)
class EgemapsSvm(Usual):
    """Settings.

    Attributes:
        cost: the SVM's C.
        functionals: the input.
    """

    cost: float = 0.01
    functionals: Egemaps = field(default_factory=Egemaps)
    recipe: ClassVar[Recipe] = Recipe(epochs=1, copies=4)
    name: ClassVar[str] = "egemaps_svm"
    scheme: ClassVar[str] = "ravdess8"

    @property
    def input(self) -> Egemaps:
        return self.functionals

    def module(self, n_labels: int) -> LinearModule:
        return LinearModule(n_labels)

    def solve(
        self,
        module: nn.Module,
        features: NDArray[np.float32],
        target: NDArray[np.int64],
        counts: NDArray[np.float64],
        seed: int,
    ) -> None:
        from sklearn.svm import LinearSVC

        assert isinstance(module, LinearModule)
        device = module.classify.weight.device
        with torch.no_grad():
            there = module.scale(torch.from_numpy(features).to(device))
        scaled = there.clamp(-5, 5).cpu().numpy()
        machine = LinearSVC(
            C=self.cost, class_weight="balanced", dual=False, max_iter=5000, random_state=seed
        ).fit(scaled, target, sample_weight=counts)
        weight, bias = machine.coef_, machine.intercept_
        if len(machine.classes_) == 2:  # one machine for both
            weight, bias = np.vstack([-weight, weight]), np.concatenate([-bias, bias])
        with torch.no_grad():
            module.classify.weight.zero_()
            module.classify.bias.fill_(_NEVER)
            labels = torch.from_numpy(machine.classes_).to(device)
            module.classify.weight[labels] = torch.from_numpy(weight).float().to(device)
            module.classify.bias[labels] = torch.from_numpy(bias).float().to(device)
