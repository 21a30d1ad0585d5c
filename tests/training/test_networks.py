"""What every whole-window network must do, whichever it is; each from random weights to events."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tonewatch import Analyser, Predictor
from tonewatch.core.errors import BadSamplesError, BundleError, ExportError, SettingsError
from tonewatch.core.events import EmotionEstimated, Event, NoSpeech, SpeechEnded
from tonewatch.core.labels import SCHEMES
from tonewatch.inference.bundle import Bundle, load_bundle
from tonewatch.inference.whole_window import WindowNetwork
from tonewatch.training.batches import Labelling
from tonewatch.training.export import TOLERANCE
from tonewatch.training.networks.base import Standardise
from tonewatch.training.networks.port import Solved, Stepped
from tonewatch.training.window_export import check_windows, export_windows
from tonewatch.training.window_loop import WindowTraining, train_windows
from tonewatch.training.windows import WindowDataset
from training.small_networks import SMALL, small

ROOT = Path(__file__).parents[2]
CALL = soundfile.read(ROOT / "samples" / "sample_call.ogg", dtype="float32")[0][: 9 * 16_000]
LABELS = ("angry", "calm", "sad")
TRAINED = SCHEMES["ravdess8"].labels


def made(network: Stepped | Solved, seed: int = 3) -> torch.nn.Module:
    """Its module as after training: normalisation that does something, answers that differ."""
    torch.manual_seed(seed)
    module = network.module(len(TRAINED))
    heard = np.stack([network.features(CALL[at : at + 16_000]) for at in (0, 30_000, 90_000)])
    for layer in module.modules():
        if isinstance(layer, Standardise):
            layer.fit([heard])
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.2)  # type: ignore[union-attr]
            layer.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
    return module.eval()


@pytest.fixture(scope="module", params=SMALL)
def network(request: pytest.FixtureRequest, backbone: Callable[[], Path]) -> Stepped | Solved:
    return small(request.param, backbone)


@pytest.fixture(scope="module")
def bundle(network: Stepped | Solved, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundle") / "b"
    export_windows(
        network,
        made(network),
        folder,
        name="small",
        version="1",
        scheme="ravdess8",
        trained_labels=TRAINED,
        labels=LABELS,
        window_s=network.input.longest_s or 1.0,
        hop_s=0.48,
    )
    return load_bundle(folder)


@pytest.fixture(scope="module")
def predictor(bundle: Bundle) -> Predictor:
    return Predictor(bundle)


def hear(
    predictor: Predictor, samples: NDArray[np.float32], chunks: list[int] | None = None
) -> list[Event]:
    analyser = Analyser(predictor)
    events: list[Event] = []
    at = 0
    for size in chunks or []:
        events += analyser.push(samples[at : at + size])
        at += size
    return events + analyser.push(samples[at:]) + analyser.finish()


def test_the_bundle_says_what_the_network_takes(network: Stepped | Solved, bundle: Bundle) -> None:
    info = bundle.info
    assert (info.kind, info.labels) == ("window", LABELS)
    assert info.input == network.input
    assert info.to_json()["input"]["kind"] == network.input.kind
    assert not {"features", "state_shapes"} & set(info.to_json())


def test_torch_and_onnx_runtime_agree_and_labels_are_their_rows(
    network: Stepped | Solved, bundle: Bundle
) -> None:
    whole = network.exported(made(network)).eval()
    windows = [CALL[at : at + 16_000] for at in (4_000, 60_000)] + [np.zeros(2_000, np.float32)]
    inputs = np.stack([network.input.make(window) for window in windows])
    with torch.no_grad():
        logits = whole(torch.from_numpy(inputs)).numpy()
    came = WindowNetwork(bundle).judge(inputs)
    rows = [TRAINED.index(label) for label in LABELS]
    np.testing.assert_allclose(came, logits[:, rows], atol=TOLERANCE)
    assert np.abs(came[0] - came[1]).max() > 10 * TOLERANCE  # else the equality shows nothing


def test_it_learns_from_a_few_windows(network: Stepped | Solved, tmp_path: Path) -> None:
    starts = range(4_000, 100_000, 16_000)
    features = np.stack([network.features(CALL[at : at + 16_000]) for at in starts])
    n = len(starts) // 2
    dataset = WindowDataset(features, np.arange(2 * n).reshape(n, 2), np.ones((n, 2), int), ())
    labelling = Labelling(np.arange(n) % 2, np.zeros(n, int), np.ones((1, 2), bool))
    training = WindowTraining(epochs=2, steps=2, batch_size=2, learning_rate=0.01, held_back=0.4)
    trained = train_windows(
        network,
        dataset,
        labelling,
        ["mine"],
        [f"s{i}" for i in range(n)],
        range(n),
        range(n),
        training,
        tmp_path / "state.pt",
    )
    assert len(trained.history) == (1 if isinstance(network, Solved) else 2)
    assert all(math.isfinite(epoch.validation_loss) for epoch in trained.history)
    torch.manual_seed(training.seed)
    untrained = dict(network.module(2).named_parameters())
    moved = [
        name
        for name, value in trained.module.named_parameters()
        if not torch.equal(value, untrained[name])
    ]
    assert any("classify" in name or "meta" in name for name in moved)
    assert (trained.module.state_dict().keys()) == network.module(2).state_dict().keys()


def test_another_network_is_noticed(network: Stepped | Solved, bundle: Bundle) -> None:
    whole = network.exported(made(network, seed=4)).eval()
    chosen = torch.nn.Sequential(whole, torch.nn.Linear(len(TRAINED), len(LABELS))).eval()
    with pytest.raises(ExportError, match="differ by"):
        check_windows(chosen, WindowNetwork(bundle))


@settings(max_examples=3)
@given(st.lists(st.integers(0, 30_000), max_size=12), st.integers(30_000, 60_000))
def test_chunks_change_nothing(predictor: Predictor, chunks: list[int], length: int) -> None:
    samples = CALL[:length]
    assert hear(predictor, samples, chunks) == hear(predictor, samples)


def test_speech_is_judged_window_by_window(predictor: Predictor) -> None:
    events = hear(predictor, np.concatenate([CALL[:64_000], np.zeros(40_000, np.float32)]))
    judged = [event for event in events if isinstance(event, EmotionEstimated)]
    assert len({event.confidence for event in judged}) > 3
    for event in judged:
        assert tuple(event.probabilities) == LABELS
        assert sum(event.probabilities.values()) == pytest.approx(1)
    assert any(isinstance(event, NoSpeech) for event in events[-3:])
    assert any(isinstance(event, SpeechEnded) for event in events)


@pytest.mark.parametrize("n", [0, 1, 1279, 9_000])
def test_almost_nothing_and_silence_are_no_emotion(predictor: Predictor, n: int) -> None:
    events = hear(predictor, np.zeros(n, np.float32))
    assert [type(event) for event in events] == [NoSpeech] * bool(n)


def test_bad_samples_are_refused_and_leave_no_trace(predictor: Predictor) -> None:
    analyser = Analyser(predictor)
    events = analyser.push(CALL[:20_000])
    bad: list[Any] = [np.array([0, np.nan], np.float32), np.zeros((5, 2), np.float32)]
    for samples in [*bad, np.array([np.inf], np.float32), np.zeros(5, np.int16)]:
        with pytest.raises(BadSamplesError, match="expected"):
            analyser.push(samples)
    events += analyser.push(CALL[20_000:40_000]) + analyser.finish()
    assert events == hear(predictor, CALL[:40_000])


def test_a_window_longer_than_the_network_hears_is_refused(predictor: Predictor) -> None:
    info = predictor.bundle.info
    assert info.input is not None
    if info.input.longest_s is None:
        assert Analyser(predictor, window_s=20.0).grid.window == 500
        return
    with pytest.raises(SettingsError, match=r"at most .* s for the bundle 'small'"):
        Analyser(predictor, window_s=info.input.longest_s + 0.2)


def test_a_model_that_does_not_belong_to_its_bundle_is_refused(bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="logits"):
        Predictor(Bundle(replace(bundle.info, labels=("calm", "sad")), bundle.model))
    with pytest.raises(BundleError, match="'nobody'"):
        Predictor(Bundle(replace(bundle.info, speech_from="nobody"), bundle.model))


def test_wrong_labels_are_refused(network: Stepped | Solved, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="drunk"):
        export_windows(
            network,
            made(network),
            tmp_path / "b",
            name="small",
            version="1",
            scheme="ravdess8",
            trained_labels=TRAINED,
            labels=("sad", "drunk"),
        )
    assert not (tmp_path / "b").exists()
