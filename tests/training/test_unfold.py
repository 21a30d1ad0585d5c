from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch (the extra `train`)")

from tiny_bundle import FEATURES, LABELS, make_bundle, some_frames, tiny_network  # noqa: E402
from tonewatch.audio.features import FeatureSettings  # noqa: E402
from tonewatch.core.errors import TrainingError  # noqa: E402
from tonewatch.corpora import read_corpus  # noqa: E402
from tonewatch.corpora.table import Table  # noqa: E402
from tonewatch.inference.bundle import load_bundle  # noqa: E402
from tonewatch.inference.streaming import StreamingNetwork  # noqa: E402
from tonewatch.training.export import export  # noqa: E402
from tonewatch.training.material import Material, gather  # noqa: E402
from tonewatch.training.networks.stream_cnn import StreamCnnSettings  # noqa: E402
from tonewatch.training.networks.stream_ensemble import StreamEnsemble  # noqa: E402
from tonewatch.training.run import run  # noqa: E402
from tonewatch.training.unfold import checkpoint_from, unfolded  # noqa: E402
from training.small_run import SETTINGS  # noqa: E402

SMALL = SETTINGS.train.network


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of normalisations that do something, as after training."""
    network = tiny_network()
    torch.manual_seed(4)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias)
    folder = tmp_path_factory.mktemp("bundle")
    export(
        network,
        folder,
        name="tiny",
        version="1",
        scheme="emotion9",
        trained_labels=(*LABELS, "bored"),
        features=FEATURES,
        training={"speakers": ["theirs:a"], "corpora": ["theirs"]},
    )
    return folder


def test_an_unfolded_network_answers_as_the_bundle_and_keeps_to_it_in_training(
    bundle: Path,
) -> None:
    loaded = load_bundle(bundle)
    frames = some_frames(16, 96)
    network = unfolded(loaded, loaded.info.labels, SMALL, torch.from_numpy(frames))
    other = some_frames(3, 96, seed=5)
    runner = StreamingNetwork(loaded)
    step = runner.step(other, runner.begin(3), 24)
    with torch.no_grad():
        logits, speech = network(torch.from_numpy(other))
        np.testing.assert_allclose(logits.numpy(), step.logits, atol=1e-4)
        np.testing.assert_allclose(torch.sigmoid(speech).numpy(), step.speech, atol=1e-4)
        # A batch of what the normalisations were put back by is normalised as they are.
        before = network.embeddings(torch.from_numpy(frames), network.initial_state(16))[0]
        network.train()
        after = network.embeddings(torch.from_numpy(frames), network.initial_state(16))[0]
    np.testing.assert_allclose(after.numpy(), before.numpy(), atol=1e-3)
    assert before.std() > 0.01


def test_labels_are_known_by_their_names(bundle: Path) -> None:
    loaded, frames = load_bundle(bundle), torch.from_numpy(some_frames(4, 96))
    wanted = ("drunk", LABELS[3], "bored")
    whole = unfolded(loaded, loaded.info.labels, SMALL, frames).classify
    few = unfolded(loaded, wanted, SMALL, frames).classify
    assert few.out_features == 3
    rows = [loaded.info.labels.index(label) for label in wanted[1:]]
    assert torch.equal(few.weight[1:], whole.weight[rows])
    assert torch.equal(few.bias[1:], whole.bias[rows])
    assert not any(torch.equal(few.weight[0], row) for row in whole.weight)


def test_a_bundle_of_another_network_is_refused(bundle: Path, tmp_path: Path) -> None:
    frames = torch.from_numpy(some_frames(4, 96))
    loaded = load_bundle(bundle)
    for settings in (StreamCnnSettings(), replace(SMALL, baseline=False)):
        with pytest.raises(TrainingError, match="expected a bundle of one stream_cnn"):
            unfolded(loaded, LABELS, settings, frames)
    export(
        StreamEnsemble([tiny_network(8, 1), tiny_network(8, 2)]),
        tmp_path,
        name="two",
        version="1",
        scheme="ravdess8",
        trained_labels=LABELS,
        features=FEATURES,
    )
    with pytest.raises(TrainingError, match="came two 1, which has another network"):
        unfolded(load_bundle(tmp_path), LABELS, SMALL, frames)


def test_a_bundle_that_hears_otherwise_is_refused(
    bundle: Path, material: Material, tmp_path: Path
) -> None:
    deaf = replace(SETTINGS.dataset, features=FeatureSettings(n_pitches=40, low_hz=90.0))
    other = replace(SETTINGS, dataset=deaf)
    with pytest.raises(TrainingError, match=r"features are the run's, .*low_hz=90"):
        checkpoint_from(load_bundle(bundle), material, [0], other, tmp_path / "start.pt")


def test_labels_that_the_bundle_lacks_begin_alike_each_time(
    bundle: Path, material: Material, tmp_path: Path
) -> None:
    own = tmp_path / "own.toml"
    own.write_text('name = "own"\nlabels = ["calm", "drunk"]\n')
    settings = replace(SETTINGS, scheme=str(own))
    heads = []
    for name in ("first.pt", "second.pt"):
        file = checkpoint_from(load_bundle(bundle), material, [0, 1], settings, tmp_path / name)
        heads.append(torch.load(file, weights_only=True)["best"]["weights"]["classify.weight"])
        torch.rand(3)
    assert torch.equal(heads[0], heads[1])


def test_a_run_goes_on_from_a_bundle(bundle: Path, voices: Path, tmp_path: Path) -> None:
    material = gather(
        read_corpus("mine:folders", voices), Table(()), Table(()), SETTINGS, tmp_path / "frames"
    )
    still = replace(SETTINGS.train, epochs=1, steps=1, learning_rate=1e-9)
    settings = replace(SETTINGS, first_folds=1, start=str(bundle), train=still)
    report = run(material, settings, tmp_path / "run")
    assert f"Each network began with that of {bundle}, and whom" in report.protocol
    ours = load_bundle(tmp_path / "run" / "bundle")
    assert "theirs:a" in ours.info.training["speakers"]
    # One step at no rate leaves the network as it was, for the labels that both know.
    theirs = load_bundle(bundle)
    frames = some_frames(2, 96)
    logits = [
        runner.step(frames, runner.begin(2), 24).logits[:, : len(LABELS)]
        for runner in map(StreamingNetwork, (ours, theirs))
    ]
    np.testing.assert_allclose(logits[0], logits[1], atol=0.2)
    assert np.ptp(logits[1]) > 1


def test_a_bundle_that_heard_who_is_tested_is_refused(voices: Path, tmp_path: Path) -> None:
    table = read_corpus("mine:folders", voices)
    heard = {"speakers": sorted({u.speaker for u in table.utterances})}
    make_bundle(tmp_path / "b", training=heard)
    material = gather(table, Table(()), Table(()), SETTINGS, tmp_path / "frames")
    with pytest.raises(TrainingError, match=f"expected in {tmp_path / 'b'} for speaker-1"):
        run(material, replace(SETTINGS, start=str(tmp_path / "b")), tmp_path / "run")
