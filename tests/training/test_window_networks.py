"""What is particular to each whole-window network; what all do is in `test_networks`."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tonewatch import Predictor
from tonewatch.audio import inputs
from tonewatch.cli.train_settings import Network
from tonewatch.core.errors import SettingsError, TrainingError
from tonewatch.core.labels import SCHEMES
from tonewatch.inference.whole_window import WindowNetwork
from tonewatch.training.networks import STREAMING, WINDOW_NETWORKS, window_network
from tonewatch.training.networks.base import Lstm
from tonewatch.training.networks.conv1d_lstm import Conv1dLstm
from tonewatch.training.networks.egemaps_svm import EgemapsSvm
from tonewatch.training.networks.mfcc_cnn import MfccCnn
from tonewatch.training.networks.port import Lesson, Recipe
from tonewatch.training.networks.ssl import KINDS, Layers, Ssl, load_backbone
from tonewatch.training.networks.stacked import Stacked
from tonewatch.training.networks.td_cnn_lstm import TdCnnLstm
from tonewatch.training.window_export import export_windows
from training.small_networks import write_backbone

RNG = np.random.default_rng(0)


def n_trained(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def n_normalisation(module: torch.nn.Module) -> int:
    """Moving means and variances, which Keras counts as parameters."""
    norms = [m for m in module.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    return sum(2 * m.num_features for m in norms)


def test_every_network_has_its_name_a_scheme_and_a_choice_on_the_command_line() -> None:
    assert {network.value for network in Network} == {STREAMING, *WINDOW_NETWORKS}
    for name in WINDOW_NETWORKS:
        network = window_network(name)
        assert network.name == name
        assert network.scheme in SCHEMES
        assert isinstance(network.recipe, Recipe)


def test_td_cnn_lstm_has_the_published_number_of_parameters() -> None:
    module = TdCnnLstm().module(7)
    # Convolutions 3x3: 9*1*64+64 = 640, 9*64*64+64 = 36,928, 9*64*128+128 = 73,856,
    # 9*128*128+128 = 147,584; normalisation 4 a filter: 256, 256, 512, 512, half of it trained;
    # LSTM 4*256*(128+256+1) = 394,240; dense 256*7+7 = 1,799.
    trained = 640 + 36_928 + 73_856 + 147_584 + (256 + 256 + 512 + 512) // 2 + 394_240 + 1_799
    assert n_trained(module) == trained == 655_815
    assert n_trained(module) + n_normalisation(module) == 656_583
    assert TdCnnLstm().input.shape == (5, 128, 128)


def test_conv1d_lstm_has_the_published_number_of_parameters() -> None:
    module = Conv1dLstm().module(12)
    # 441 samples are 221 bins. LSTM 4*256*(221+256+1) = 489,472; convolutions 10*256*512+512 =
    # 1,311,232 and 10*512*1024+1024 = 5,243,904; LSTMs 4*128*(1024+128+1) = 590,336 and
    # 4*256*(128+256+1) = 394,240; dense 256*2048+2048 = 526,336, 2048*512+512 = 1,049,088 and
    # 512*12+12 = 6,156.
    assert n_trained(module) == (
        489_472 + 1_311_232 + 5_243_904 + 590_336 + 394_240 + 526_336 + 1_049_088 + 6_156
    )
    assert n_trained(module) == 9_610_764
    assert Conv1dLstm().input.shape == (315, 221)


def test_mfcc_cnn_has_the_published_number_of_parameters() -> None:
    # 5*1*64+64 = 384, 5*64*128+128 = 41,088, of 40 coefficients a pool of 8 leaves 5: 640*8+8.
    assert n_trained(MfccCnn().module(8)) == 384 + 41_088 + 5_128


def test_an_lstm_with_one_bias_is_torch_s_with_the_other_at_zero() -> None:
    one, other = Lstm(3, 4), torch.nn.LSTM(3, 4, batch_first=True)
    other.load_state_dict(one.state_dict())
    x = torch.randn(2, 5, 3)
    torch.testing.assert_close(one(x)[0], other(x)[0])
    optimizer = torch.optim.AdamW(one.parameters(), 0.1)
    one(x)[0].sum().backward()
    optimizer.step()
    assert not one.get_parameter("bias_hh_l0").any()


def test_optimizers_are_the_published_ones() -> None:
    td, conv = TdCnnLstm(filters=(2, 2, 2, 2)), Conv1dLstm(filters=(8, 8), dense=(8, 8))
    sgd = td.optimizer(td.module(2), td.recipe.learning_rate)
    assert isinstance(sgd, torch.optim.SGD)
    assert (sgd.param_groups[0]["lr"], sgd.param_groups[0]["momentum"]) == (0.01, 0.8)
    rms = conv.optimizer(conv.module(2), conv.recipe.learning_rate)
    assert isinstance(rms, torch.optim.RMSprop)
    assert rms.param_groups[0]["lr"] == 1e-4


def test_l1_counts_the_weights_of_the_dense_layers_alone() -> None:
    plain, small = (Conv1dLstm(filters=(8, 8), dense=(8, 8), l1=l1) for l1 in (0.0, 0.5))
    module = plain.module(2).eval()
    features = torch.randn(2, *plain.input.shape)
    lesson = Lesson(
        features,
        torch.tensor([0, 1]),
        torch.ones(2, 2, dtype=torch.bool),
        torch.zeros(2, dtype=torch.bool),
    )
    with torch.no_grad():
        difference = small.loss(module, lesson)[0] - plain.loss(module, lesson)[0]
        weights = sum(float(p.abs().sum()) for n, p in module.named_parameters() if "dense" in n and "weight" in n)  # fmt: skip # noqa: E501
    assert float(difference) == pytest.approx(0.5 * weights, rel=1e-5)


def test_a_stack_says_what_its_meta_learner_makes_of_four_opinions() -> None:
    module = Stacked().module(3).eval()
    means = torch.randn(2, 20)
    with torch.no_grad():
        opinions = [torch.softmax(opinion, 1) for opinion in module.opinions(means)]
        assert len(opinions) == 4
        torch.testing.assert_close(module(means), module.meta(torch.cat(opinions, 1)))


def test_an_svm_of_made_up_functionals_is_sklearn_s() -> None:
    svm = pytest.importorskip("sklearn.svm")
    target = np.arange(90) % 3
    features = RNG.normal(0, 1, (90, 88)).astype(np.float32)
    features[np.arange(90), target] += 3
    network = EgemapsSvm()
    module = network.module(5)
    module.scale.fit([features])
    scaled = module.scale(torch.from_numpy(features)).clamp(-5, 5).numpy()
    # Labels 0, 1 and 3 of five.
    answers = np.array([0, 1, 3])[target]
    network.solve(module, features, answers, np.ones(len(answers)), seed=1)
    with torch.no_grad():
        margins = module(torch.from_numpy(features)).numpy()
    machine = svm.LinearSVC(C=0.01, class_weight="balanced", dual=False).fit(scaled, answers)
    np.testing.assert_allclose(margins[:, [0, 1, 3]], machine.decision_function(scaled), atol=1e-3)
    assert (margins.argmax(1) == answers).mean() > 0.9
    assert (margins[:, [2, 4]] == -10).all()


def test_an_svm_of_two_labels_has_a_margin_for_each() -> None:
    pytest.importorskip("sklearn")
    features = RNG.normal(0, 1, (40, 88)).astype(np.float32)
    answers = np.arange(40) % 2
    features[:, 0] += 4 * answers
    network = EgemapsSvm()
    module = network.module(2)
    module.scale.fit([features])
    network.solve(module, features, answers, np.ones(len(answers)), seed=1)
    with torch.no_grad():
        margins = module(torch.from_numpy(features)).numpy()
    np.testing.assert_allclose(margins[:, 0], -margins[:, 1], atol=1e-6)
    np.testing.assert_array_equal(margins.argmax(1), answers)


def test_solving_an_svm_moves_no_part_of_it_to_another_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("sklearn")
    network = EgemapsSvm()
    module = network.module(2).to("cuda" if torch.cuda.is_available() else "cpu")
    moved: list[torch.nn.Module] = []

    def move(part: torch.nn.Module, *_: object) -> torch.nn.Module:
        moved.append(part)
        return part

    monkeypatch.setattr(torch.nn.Module, "_apply", move)  # behind `to`, `cpu` and `cuda`
    features = RNG.normal(0, 1, (40, 88)).astype(np.float32)
    network.solve(module, features, np.arange(40) % 2, np.ones(40), seed=1)
    assert not moved


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_backbone_is_exported_as_it_was_kept(kind: str, tmp_path: Path) -> None:
    folder = write_backbone(tmp_path / "backbone", kind)
    network = Ssl(str(folder), hidden=8)
    torch.manual_seed(0)
    head = network.module(2).eval()
    window = RNG.normal(0, 0.1, 48_000).astype(np.float32)
    kept = network.features(window)
    assert kept.shape == (3, 16)  # two layers, and what goes into the first
    bundle = export_windows(
        network,
        head,
        tmp_path / "b",
        name="small",
        version="1",
        scheme="own",
        trained_labels=("one", "other"),
    )
    with torch.no_grad():
        expected = head(torch.from_numpy(kept[None]))
    came = WindowNetwork(bundle).judge(network.input.make(window)[None])
    np.testing.assert_allclose(came, expected, atol=1e-4)


def test_the_weights_of_layers_are_learnt_and_the_frozen_backbone_is_not(
    backbone: Callable[[], Path],
) -> None:
    frozen = Ssl(str(backbone()), hidden=8)
    module = frozen.module(2)
    assert "weights" in dict(module.named_parameters())
    assert not any("backbone" in name for name, _ in module.named_parameters())
    tuned = Ssl(str(backbone()), hidden=8, fine_tune=True)
    whole = tuned.module(2)
    groups = tuned.optimizer(whole, 1e-3).param_groups
    assert [group["lr"] for group in groups] == [2e-5, 1e-3]
    names = [name for name, p in whole.named_parameters() if p.requires_grad]
    assert any("encoder" in name for name in names)
    assert not any("feature_extractor" in name for name in names)


def test_averaging_over_time_is_that_of_the_backbone_s_hidden_states(
    backbone: Callable[[], Path],
) -> None:
    loaded = load_backbone(str(backbone()))
    samples = torch.from_numpy(RNG.normal(0, 1, (1, 8_000)).astype(np.float32))
    with torch.no_grad():
        hidden = loaded(samples, output_hidden_states=True).hidden_states
        came = Layers(loaded)(samples)
    torch.testing.assert_close(came[0, 1], hidden[1][0].mean(0))


def test_folders_without_a_backbone_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs the extra `ssl`")
    with pytest.raises(TrainingError, match=r"config\.json"):
        load_backbone(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(TrainingError, match="came bert"):
        load_backbone(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "hubert"}')
    with pytest.raises(TrainingError, match="cannot be loaded"):
        load_backbone(str(tmp_path))


def test_a_bundle_whose_input_cannot_be_made_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("opensmile", reason="needs openSMILE (the extra `egemaps`)")
    network = EgemapsSvm()
    bundle = export_windows(
        network,
        network.module(2),
        tmp_path / "b",
        name="small",
        version="1",
        scheme="own",
        trained_labels=("one", "other"),
    )
    inputs._smile.cache_clear()
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(SettingsError, match=r"tonewatch\[egemaps\]"):
        Predictor(bundle)
    inputs._smile.cache_clear()
