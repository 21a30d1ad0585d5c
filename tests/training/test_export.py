from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tiny_bundle import FEATURES, LABELS, make_bundle, some_frames, tiny_network  # noqa: E402
from tonewatch.core.errors import ExportError  # noqa: E402
from tonewatch.core.labels import SCHEMES  # noqa: E402
from tonewatch.inference.bundle import load_bundle  # noqa: E402
from tonewatch.inference.streaming import StreamingNetwork  # noqa: E402
from tonewatch.training.export import TOLERANCE, check  # noqa: E402
from tonewatch.training.networks.stream_cnn import StreamCnn  # noqa: E402


def test_default_network_survives_its_export(tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = StreamCnn(9)
    with torch.no_grad():  # as after training: normalisation that does something
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    from tonewatch.training.export import export

    network.train()
    labels = SCHEMES["emotion9"].labels
    export(
        network,
        tmp_path / "b",
        name="full",
        version="1",
        scheme="emotion9",
        trained_labels=labels,
        features=FEATURES,
    )
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    bundled = StreamingNetwork(load_bundle(tmp_path / "b"))
    assert check(network.eval(), bundled, seed=7) <= TOLERANCE
    assert (tmp_path / "b" / "model.onnx").stat().st_size < 4_000_000


def test_chosen_labels_are_their_rows_of_the_network(tmp_path: Path) -> None:
    labels = ("angry", "calm", "sad")
    trained = SCHEMES["emotion9"].labels
    bundled = StreamingNetwork(load_bundle(make_bundle(tmp_path, labels=labels)))
    frames = some_frames(1, 100)
    step = bundled.step(frames, bundled.begin(), 75)
    with torch.no_grad():
        logits, speech = tiny_network()(torch.from_numpy(frames))
    rows = [trained.index(label) for label in labels]
    np.testing.assert_allclose(step.logits, logits[:, rows], atol=TOLERANCE)
    np.testing.assert_allclose(step.speech, torch.sigmoid(speech), atol=TOLERANCE)
    assert bundled.bundle.info.labels == labels


def test_metadata_come_back(tmp_path: Path) -> None:
    bundle = load_bundle(make_bundle(tmp_path, window_s=2.4, hop_s=0.8))
    info = bundle.info
    assert (info.name, info.scheme, info.labels) == ("tiny", "ravdess8", LABELS)
    assert (info.window_s, info.hop_s, info.languages) == (2.4, 0.8, ("en",))
    assert info.metrics == {"uar": 0.125}
    assert bundle.card.startswith("# Tiny")


def test_another_network_is_noticed(tmp_path: Path) -> None:
    bundled = StreamingNetwork(load_bundle(make_bundle(tmp_path, scheme="emotion9", labels=None)))
    other = tiny_network(seed=1).eval()
    with pytest.raises(ExportError, match="differ by"):
        check(other, bundled)


def test_nothing_is_written_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = tiny_network()
    with torch.no_grad():
        network.embed.weight[0, 0] = float("nan")
    monkeypatch.setattr("tiny_bundle.tiny_network", lambda: network)
    with pytest.raises(ExportError, match="no bundle was written"):
        make_bundle(tmp_path / "b")
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    "wrong", [{"trained_labels": ("sad", "calm")}, {"labels": ("sad", "drunk")}]
)
def test_wrong_labels_are_refused(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(ExportError, match="expected"):
        make_bundle(tmp_path, **wrong)
