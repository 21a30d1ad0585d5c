"""A small bundle, made anew for each test run: random weights, and ears for loudness only."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from tonewatch.audio.features import FeatureSettings, extract
from tonewatch.core.labels import SCHEMES
from tonewatch.inference.calibration import Calibration

if TYPE_CHECKING:
    from tonewatch.training.networks.stream_cnn import StreamCnn

FEATURES = FeatureSettings(n_pitches=40)
"""What a `StreamCnn` hears."""

LABELS = SCHEMES["ravdess8"].labels


def tiny_network(n_labels: int = 9, seed: int = 0) -> "StreamCnn":
    """A StreamCnn of random weights whose speech head tells noise from digital silence."""
    torch = pytest.importorskip("torch", reason="needs torch (the extra `train`) to make a bundle")
    from tonewatch.training.networks.stream_cnn import StreamCnn, StreamCnnSettings

    torch.manual_seed(seed)
    network = StreamCnn(
        n_labels,
        StreamCnnSettings(widths=(4, 4, 8, 8), pitch_widths=(4, 4, 4), embedding=16, hidden=8),
    )
    network = network.eval()
    network.get_buffer("scale").fill_(1.0)
    # Fitted on pauses short and long, as the network's running mean makes silence a matter of time.
    rng, features = np.random.default_rng(seed), FEATURES
    loud = np.repeat([0, 1, 0, 1, 0, 1, 0, 1], np.array([4, 2, 1, 6, 9, 1, 2, 3]) * 16_000)
    level = loud * np.repeat(rng.uniform(0.1, 0.4, len(loud) // 4_000), 4_000)
    frames = extract((level * rng.standard_normal(len(loud))).astype(np.float32), features)
    frames = frames[None, : len(frames) // 4 * 4]
    with torch.no_grad():
        heard = network.embeddings(torch.from_numpy(frames), network.initial_state())[0][0]
        known = torch.cat([heard, torch.ones(len(heard), 1)], dim=1).double()
        wanted = torch.from_numpy(loud[:: 4 * features.hop_samples][: len(heard)] * 16.0 - 8.0)
        ridge = len(known) * 1e-5 * torch.eye(known.shape[1])
        fitted = torch.linalg.solve(known.T @ known + ridge, known.T @ wanted).float()
        network.speech.weight.copy_(fitted[None, :-1])
        network.speech.bias.copy_(fitted[-1:] + 2)  # a fall in level is no pause
        network.classify.weight.mul_(20)
    return network


def some_frames(batch: int, n: int, seed: int = 0) -> NDArray[np.float32]:
    """Frames as of quiet noise, shape [batch, n, FEATURES.n_features]."""
    rng = np.random.default_rng(seed)
    bands = rng.normal(-9, 1, (batch, n, FEATURES.n_bands))
    pitches = rng.normal(0, 0.05, (batch, n, FEATURES.n_pitches))
    return np.concatenate([bands, pitches], axis=2).astype(np.float32)


def make_bundle(folder: Path, **changes: object) -> Path:
    """Export a tiny network with the labels of ravdess8; return its folder."""
    from tonewatch.training.export import export

    settings: dict[str, object] = {
        "name": "tiny",
        "version": "0.1",
        "scheme": "ravdess8",
        "trained_labels": SCHEMES["emotion9"].labels,
        "labels": LABELS,
        "features": FEATURES,
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
