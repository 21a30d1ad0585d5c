"""A small bundle, made anew for each test run: random weights, and ears for loudness only."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tonewatch.audio.features import FeatureSettings
from tonewatch.core.labels import SCHEMES
from tonewatch.inference.calibration import Calibration

if TYPE_CHECKING:
    from tonewatch.training.networks.stream_cnn import StreamCnn

LABELS = SCHEMES["ravdess8"].labels


def tiny_network(n_labels: int = 9, seed: int = 0) -> "StreamCnn":
    """A StreamCnn of random weights whose speech head tells noise from digital silence."""
    torch = pytest.importorskip("torch", reason="needs torch (the extra `train`) to make a bundle")
    from tonewatch.training.networks.stream_cnn import StreamCnn, StreamCnnSettings

    torch.manual_seed(seed)
    network = StreamCnn(n_labels, StreamCnnSettings(widths=(4, 4, 8, 8), embedding=16, hidden=8))
    network = network.eval()
    network.get_buffer("mean").fill_(-9.0)
    network.get_buffer("scale").fill_(0.3)
    with torch.no_grad():
        silence = torch.full((1, 100, 64), -18.4)
        noise = -6 + torch.randn(1, 100, 64)
        quiet, loud = (
            network.embeddings(frames, network.initial_state())[0][0, 10:].mean(0)
            for frames in (silence, noise)
        )
        direction = loud - quiet
        network.speech.weight.copy_(8 * direction / direction.square().sum())
        network.speech.bias.copy_(-(network.speech.weight @ (loud + quiet) / 2))
        network.classify.weight.mul_(20)
    return network


def make_bundle(folder: Path, **changes: object) -> Path:
    """Export a tiny network with the labels of ravdess8; return its folder."""
    from tonewatch.training.export import export

    settings: dict[str, object] = {
        "name": "tiny",
        "version": "0.1",
        "scheme": "ravdess8",
        "trained_labels": SCHEMES["emotion9"].labels,
        "labels": LABELS,
        "features": FeatureSettings(),
        "calibration": Calibration(temperature=2.0, certain_threshold=0.4, certain_error=0.1),
        "languages": ("en",),
        "training": {"corpora": ["none"]},
        "metrics": {"uar": 0.125},
        "licence": "CC0-1.0",
        "card": "# Tiny\n\nRandom weights & no use.\n",
    }
    export(tiny_network(), folder, **(settings | changes))  # type: ignore[arg-type]
    return folder


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny bundle; not to be changed."""
    return make_bundle(tmp_path_factory.mktemp("bundles") / "tiny")
