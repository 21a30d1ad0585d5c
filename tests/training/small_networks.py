"""The whole-window networks, narrow enough for a test: the published forms with fewer of each."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tonewatch.audio.inputs import LogMelFrames, LogSpectrogram, RawSamples
from tonewatch.training.networks import window_network
from tonewatch.training.networks.port import Solved, Stepped

SMALL: dict[str, dict[str, Any]] = {
    "td_cnn_lstm": {
        "filters": (2, 2, 4, 4),
        "hidden": 4,
        "frames": LogMelFrames(n_samples=16_000, hop_samples=64),
    },
    "conv1d_lstm": {
        "hidden": (8, 4, 8),
        "filters": (8, 8),
        "dense": (8, 8),
        "spectrogram": LogSpectrogram(n_samples=11_025),
    },
    "mfcc_cnn": {"filters": (4, 8)},
    "stacked": {"branches": ((2, 3), (4, 3), (2, 5), (4, 7))},
    "ssl": {"hidden": 8, "samples": RawSamples(8_000)},
    "ssl, fine-tuned": {"hidden": 8, "samples": RawSamples(8_000), "fine_tune": True},
    "egemaps_svm": {},
}
"""Name -> settings."""

NEEDS = {"ssl": "transformers", "egemaps_svm": "opensmile"}


def write_backbone(folder: Path, kind: str = "wav2vec2") -> Path:
    """A pretrained network that nobody trained: two layers of random weights."""
    transformers = pytest.importorskip("transformers", reason="needs the extra `ssl`")
    names = {"wav2vec2": "Wav2Vec2", "hubert": "Hubert", "wavlm": "WavLM"}
    torch.manual_seed(5)
    config = getattr(transformers, f"{names[kind]}Config")(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8, 8),
        conv_kernel=(20, 20),
        conv_stride=(16, 20),
        num_feat_extract_layers=2,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
    )
    getattr(transformers, f"{names[kind]}Model")(config).save_pretrained(folder)
    return folder


def small(name: str, backbone: Callable[[], Path]) -> Stepped | Solved:
    """One of `SMALL`; skips where its extra is not installed."""
    plain = name.partition(",")[0]
    if plain in NEEDS:
        pytest.importorskip(NEEDS[plain], reason=f"needs {NEEDS[plain]}")
    settings = dict(SMALL[name])
    if plain == "ssl":
        settings["backbone"] = str(backbone())
    return window_network(plain, **settings)


@pytest.fixture(scope="session")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes the folder of a small wav2vec 2.0 once it is asked for."""
    made: list[Path] = []

    def folder() -> Path:
        if not made:
            made.append(write_backbone(tmp_path_factory.mktemp("backbone")))
        return made[0]

    return folder
