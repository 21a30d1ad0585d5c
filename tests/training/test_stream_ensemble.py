import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tiny_bundle import make_bundle, some_frames, tiny_network  # noqa: E402
from tonewatch.core.labels import SCHEMES  # noqa: E402
from tonewatch.inference.bundle import load_bundle  # noqa: E402
from tonewatch.inference.streaming import StreamingNetwork  # noqa: E402
from tonewatch.training.export import TOLERANCE, check  # noqa: E402
from tonewatch.training.half import halved, rounded  # noqa: E402
from tonewatch.training.learn import member_seed  # noqa: E402
from tonewatch.training.material import Material  # noqa: E402
from tonewatch.training.networks.stream_cnn import StreamCnn  # noqa: E402
from tonewatch.training.networks.stream_ensemble import StreamEnsemble  # noqa: E402
from tonewatch.training.run import run  # noqa: E402
from training.small_run import SETTINGS  # noqa: E402


def usual(seed: int) -> StreamCnn:
    """A network of the usual widths that normalises as after training."""
    torch.manual_seed(seed)
    network = StreamCnn(9)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 2)
    return network.eval()


def test_members_answer_with_the_mean_of_their_logits() -> None:
    members = [tiny_network(seed=1), tiny_network(seed=2)]
    ensemble = StreamEnsemble(members)
    frames = torch.from_numpy(some_frames(3, 40))
    with torch.no_grad():
        window, _ = ensemble.embeddings(frames, ensemble.initial_state(3))
        logits, speech = ensemble.judge(window), ensemble.speech_logits(window)
        alone = [member(frames) for member in members]
    assert not torch.allclose(alone[0][0], alone[1][0])
    torch.testing.assert_close(logits, (alone[0][0] + alone[1][0]) / 2)
    torch.testing.assert_close(speech, (alone[0][1] + alone[1][1]) / 2)


def test_each_member_keeps_its_own_memory() -> None:
    ensemble = StreamEnsemble([tiny_network(seed=1), tiny_network(seed=2)])
    frames = torch.from_numpy(some_frames(1, 64))
    with torch.no_grad():
        whole, _ = ensemble.embeddings(frames, ensemble.initial_state())
        first, state = ensemble.embeddings(frames[:, :24], ensemble.initial_state())
        second, _ = ensemble.embeddings(frames[:, 24:], state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)


def test_two_members_fit_into_the_room_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensemble = StreamEnsemble([usual(1), usual(2)])
    monkeypatch.setattr("tiny_bundle.tiny_network", lambda: ensemble)
    bundled = StreamingNetwork(load_bundle(make_bundle(tmp_path)))
    assert len(bundled.bundle.model) < 4_000_000
    assert bundled.bundle.info.embedding_size == 2 * 192
    rows = [SCHEMES["emotion9"].labels.index(label) for label in bundled.bundle.info.labels]
    assert check(rounded(ensemble.with_labels(rows)), bundled) <= TOLERANCE


def test_rounding_moves_answers_little() -> None:
    network = usual(1)
    frames = torch.from_numpy(some_frames(2, 200))
    with torch.no_grad():
        before, after = network(frames)[0], rounded(network)(frames)[0]
    assert not torch.equal(before, after)
    torch.testing.assert_close(before, after, atol=0.02, rtol=0.0)


def test_only_weights_that_lose_nothing_are_halved() -> None:
    onnx = pytest.importorskip("onnx")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    exact = np.linspace(-8, 7.75, 64, dtype=np.float32)
    odd = exact + np.float32(1e-5)
    graph = helper.make_graph(
        [
            helper.make_node("Add", ["x", "exact"], ["y"]),
            helper.make_node("Add", ["y", "odd"], ["z"]),
        ],
        "sum",
        [helper.make_tensor_value_info("x", 1, [64])],
        [helper.make_tensor_value_info("z", 1, [64])],
        [numpy_helper.from_array(exact, "exact"), numpy_helper.from_array(odd, "odd")],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    kinds = {
        weight.name: weight.data_type
        for weight in onnx.load_from_string(halved(model)).graph.initializer
    }
    assert kinds == {"exact_half": onnx.TensorProto.FLOAT16, "odd": onnx.TensorProto.FLOAT}
    import onnxruntime as ort

    x = np.ones(64, np.float32)
    answers = [
        ort.InferenceSession(each, providers=["CPUExecutionProvider"]).run(["z"], {"x": x})[0]
        for each in (model, halved(model))
    ]
    np.testing.assert_array_equal(*answers)


def test_a_run_trains_members_and_goes_on_with_them(material: Material, tmp_path: Path) -> None:
    settings = replace(SETTINGS, members=2, first_folds=1, train=replace(SETTINGS.train, epochs=2))
    started: list[tuple[str, int]] = []
    run(material, settings, tmp_path, on_start=lambda name, n: started.append((name, n)))
    assert started == [("speaker-1", 4), ("final", 4)]
    kept = [
        torch.load(tmp_path / "speaker-1" / name, weights_only=True)
        for name in ("checkpoint.pt", "checkpoint-2.pt")
    ]
    weights = [each["best"]["weights"] for each in kept]
    for number, each in enumerate(kept):
        assert f", seed={member_seed(SETTINGS.train.seed, number)}, batch" in each["settings"]
    assert not torch.equal(weights[0]["classify.weight"], weights[1]["classify.weight"])
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert report["settings"]["members"] == 2
    assert "2 networks of different seeds" in report["protocol"]
    assert len(report["folds"][0]["history"]) == 2
    assert load_bundle(tmp_path / "bundle").info.embedding_size == 32
    # With the trained members there, only what is made of them is made again.
    (tmp_path / "speaker-1" / "fold.json").unlink()
    epochs: list[int] = []
    run(material, settings, tmp_path, resume=True, on_epoch=lambda e: epochs.append(e.number))
    assert epochs == []


def test_every_member_begins_with_the_one_network_there_is(
    material: Material, tmp_path: Path
) -> None:
    still = replace(SETTINGS.train, epochs=1, learning_rate=1e-9)
    alone = replace(SETTINGS, first_folds=1, final=False, train=still)
    run(material, alone, tmp_path / "alone")
    begun = replace(alone, members=2, start=str(tmp_path / "alone"))
    run(material, begun, tmp_path / "two")
    heads = [
        torch.load(file, weights_only=True)["best"]["weights"]["classify.weight"]
        for file in sorted(tmp_path.glob("*/speaker-1/checkpoint*.pt"))
    ]
    assert len(heads) == 3
    for head in heads[1:]:
        torch.testing.assert_close(head, heads[0], atol=1e-6, rtol=0)


def test_ensembles_of_other_seeds_share_no_member() -> None:
    seeds = [member_seed(seed, number) for seed in range(20) for number in range(5)]
    assert len(set(seeds)) == 100
    assert seeds[::5] == list(range(20)), "the first is the network alone"


def test_a_snapshot_begins_with_what_the_member_before_chose(
    material: Material, tmp_path: Path
) -> None:
    still = replace(SETTINGS.train, epochs=1, learning_rate=1e-9)
    settings = replace(SETTINGS, members=2, first_folds=1, final=False, train=still)
    far = {}
    for snapshots in (True, False):
        folder = tmp_path / str(snapshots)
        run(material, replace(settings, snapshots=snapshots), folder)
        first, second = (
            torch.load(folder / "speaker-1" / name, weights_only=True)["best"]["weights"]
            for name in ("checkpoint.pt", "checkpoint-2.pt")
        )
        far[snapshots] = float((first["classify.weight"] - second["classify.weight"]).abs().max())
    assert far[True] < 1e-6 < 0.01 < far[False]
    report = json.loads((tmp_path / "True" / "report.json").read_text("utf-8"))
    assert "begun with the weights of the one before" in report["protocol"]
