"""`ssl`: a pretrained speech network from a folder, frozen or fine-tuned, under a small head.

wav2vec 2.0 (Baevski and others, 2020), HuBERT (Hsu and others, 2021) and WavLM (Chen and others,
2022) as transformers keeps them. All hidden layers are summed with learnt weights and averaged over
time before two linear layers, as SUPERB does for emotion (Yang and others, Interspeech 2021). With
the network frozen, only averages over time are kept of each window, as averaging and weighing may
change places: the network is run once a window, training takes seconds. The bundle contains the
pretrained network, whose licence holds for it (docs/reference/networks.md lists the usual ones).

Needs transformers, the extra `ssl`. Nothing is downloaded.
"""

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from tonewatch.audio.inputs import RawSamples
from tonewatch.core.errors import TrainingError
from tonewatch.core.signal import Samples
from tonewatch.training.networks.base import Standardise, Usual
from tonewatch.training.networks.port import Recipe

KINDS = ("wav2vec2", "hubert", "wavlm")
"""The kinds of network that the folder may hold (`model_type` in its config.json)."""


def load_backbone(folder: str) -> Any:
    """The pretrained network of a folder, in evaluation mode.

    Raises:
        TrainingError: transformers is not installed, or the folder holds no such network.
    """
    try:
        from transformers import AutoConfig, AutoModel
    except ModuleNotFoundError as error:
        raise TrainingError(
            "expected transformers for the network ssl, it is not installed: pip install "
            "'tonewatch[ssl]'"
        ) from error
    if not (Path(folder) / "config.json").is_file():
        raise TrainingError(
            f"expected a folder with config.json and weights of a {', '.join(KINDS)} network, came "
            f"{folder!r}; give it by --backbone"
        )
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        if config.model_type not in KINDS:
            raise TrainingError(
                f"expected a network of {', '.join(KINDS)} in {folder}, came {config.model_type}; "
                "choose another folder"
            )
        config.mask_time_prob = config.mask_feature_prob = config.layerdrop = 0.0
        config.apply_spec_augment = False
        backbone = AutoModel.from_pretrained(
            folder, config=config, local_files_only=True, attn_implementation="eager"
        )
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError(
            f"expected a pretrained network in {folder}, it cannot be loaded: {error}"
        ) from error
    return backbone.float().eval()


class Layers(nn.Module):
    """Samples [B, n_samples] -> the mean over time of each layer, [B, n_layers, size]."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, samples: Tensor) -> Tensor:
        hidden = self.backbone(samples, output_hidden_states=True).hidden_states
        return torch.stack([layer.mean(1) for layer in hidden], dim=1)


class Head(nn.Module):
    """Means of layers [B, n_layers, size] -> logits [B, n_labels]."""

    def __init__(self, n_labels: int, n_layers: int, size: int, settings: "Ssl") -> None:
        super().__init__()
        self.scale = nn.Identity() if settings.fine_tune else Standardise(n_layers, size)
        self.weights = nn.Parameter(torch.zeros(n_layers))
        self.project = nn.Linear(size, settings.hidden)
        self.drop = nn.Dropout(settings.dropout)
        self.classify = nn.Linear(settings.hidden, n_labels)

    def forward(self, layers: Tensor) -> Tensor:
        shares = torch.softmax(self.weights, dim=0)
        summed = (self.scale(layers) * shares[:, None]).sum(1)
        logits: Tensor = self.classify(self.drop(F.relu(self.project(self.drop(summed)))))
        return logits


@dataclass(frozen=True)
class Ssl(Usual):
    """Settings.

    Attributes:
        backbone: folder of the pretrained network.
        fine_tune: train it too, at a fiftieth of the head's rate; else it stays as it is.
        hidden: width of the head.
        dropout: in the head.
        samples: the input.
    """

    backbone: str = ""
    fine_tune: bool = False
    hidden: int = 256
    dropout: float = 0.2
    samples: RawSamples = field(default_factory=RawSamples)
    recipe: ClassVar[Recipe] = Recipe(epochs=40, batch_size=32, copies=3)
    name: ClassVar[str] = "ssl"
    scheme: ClassVar[str] = "ravdess8"

    @property
    def input(self) -> RawSamples:
        return self.samples

    @property
    def origin(self) -> str:
        return f"{self.samples} {self.fine_tune} {_digest(Path(self.backbone))}"

    def features(self, samples: Samples) -> NDArray[np.float32]:
        made = self.input.make(samples)
        if self.fine_tune:
            return made
        with torch.no_grad():
            return np.asarray(_frozen(self.backbone)(torch.from_numpy(made[None]))[0].numpy())

    def module(self, n_labels: int) -> nn.Module:
        layers = Layers(load_backbone(self.backbone))
        config: Any = layers.backbone.config
        head = Head(n_labels, config.num_hidden_layers + 1, config.hidden_size, self)
        return nn.Sequential(layers, head) if self.fine_tune else head

    def optimizer(self, module: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
        if not self.fine_tune:
            return torch.optim.AdamW(module.parameters(), learning_rate)
        assert isinstance(module, nn.Sequential)
        layers, head = module
        assert isinstance(layers, Layers)
        layers.backbone.get_submodule("feature_extractor").requires_grad_(False)
        own = [p for p in layers.parameters() if p.requires_grad]
        groups: list[dict[str, Any]] = [
            {"params": own, "lr": learning_rate / 50},
            {"params": list(head.parameters())},
        ]
        return torch.optim.AdamW(groups, learning_rate)

    def exported(self, module: nn.Module) -> nn.Module:
        if self.fine_tune:
            return module
        return nn.Sequential(Layers(load_backbone(self.backbone)), module)


@lru_cache(maxsize=1)
def _frozen(folder: str) -> Layers:
    """The frozen network of this process."""
    return Layers(load_backbone(folder)).eval()


def _digest(folder: Path) -> str:
    """Of what is loaded from a folder, wherever it lies: other weights may take the same place."""
    digest = hashlib.sha256()
    for name in ("config.json", "*.safetensors", "*.bin"):
        for path in sorted(folder.glob(name)):
            with path.open("rb") as file:
                own = hashlib.file_digest(file, "sha256").hexdigest()
            digest.update(f"{path.name} {own}\n".encode())
    return digest.hexdigest()[:16]
