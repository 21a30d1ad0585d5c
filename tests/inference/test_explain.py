import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import soundfile

from tonewatch.audio.inputs import LogSpectrogram
from tonewatch.core.errors import SettingsError
from tonewatch.core.events import EmotionEstimated
from tonewatch.core.signal import Samples
from tonewatch.inference.analyser import Analyser
from tonewatch.inference.bundle import Bundle, BundleInfo
from tonewatch.inference.explain import ExplainSettings, _hidden, explain
from tonewatch.inference.explain_plot import draw_explanations
from tonewatch.inference.predictor import Predictor
from tonewatch.inference.recording import explain_recording

INPUT = LogSpectrogram(rate_hz=16_000, n_samples=48_000, window_samples=320, hop_samples=160)
FROM_S, TO_S, LOW_HZ, HIGH_HZ = 1.2, 1.6, 1000.0, 2000.0


@pytest.fixture(scope="module")
def one_cell() -> Predictor:
    """A network whose first label is the level of one time and band, and nothing else."""
    pytest.importorskip("onnx", reason="needs onnx (the extra `train`) to make a network")
    from onnx import TensorProto, helper

    begin = [round(FROM_S * 100), round(LOW_HZ / 50)]
    end = [round(TO_S * 100), round(HIGH_HZ / 50)]

    def constant(name: str, kind: int, values: Sequence[float]) -> TensorProto:
        return helper.make_tensor(name, kind, [len(values)], values)

    nodes = [
        helper.make_node("Slice", ["input", "begin", "end", "axes"], ["cell"]),
        helper.make_node("ReduceMean", ["cell", "axes"], ["level"], keepdims=0),
        helper.make_node("Unsqueeze", ["level", "last"], ["column"]),
        helper.make_node("Mul", ["column", "gains"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offsets"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "one_cell",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["B", *INPUT.shape])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["B", 2])],
        [
            constant("begin", TensorProto.INT64, begin),
            constant("end", TensorProto.INT64, end),
            constant("axes", TensorProto.INT64, [1, 2]),
            constant("last", TensorProto.INT64, [1]),
            constant("gains", TensorProto.FLOAT, [1.0, 0.0]),
            constant("offsets", TensorProto.FLOAT, [19.0, 0.0]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    content = model.SerializeToString()
    info = BundleInfo(
        name="one-cell",
        version="1",
        scheme="own",
        labels=("lit", "dark"),
        model_sha256=hashlib.sha256(content).hexdigest(),
        kind="window",
        input=INPUT,
    )
    return Predictor(Bundle(info, content))


def burst(seconds: float = 5.0, at_s: float = 1.0 + FROM_S) -> Samples:
    """Faint noise, and 60 dB louder noise from 1 to 2 kHz for 0.4 s."""
    rng = np.random.default_rng(0)
    n = round(seconds * 16_000)
    spectrum = np.fft.rfft(rng.standard_normal(n))
    hz = np.fft.rfftfreq(n, 1 / 16_000)
    loud = np.fft.irfft(spectrum * ((hz > LOW_HZ) & (hz < HIGH_HZ)), n)
    t = np.arange(n) / 16_000
    inside = (t >= at_s) & (t < at_s + TO_S - FROM_S)
    return (1e-4 * rng.standard_normal(n) + 0.1 * loud * inside).astype(np.float32)


def test_the_one_cell_that_matters_lights_up(one_cell: Predictor) -> None:
    found = explain(burst(), one_cell, 1.0)
    assert (found.start_s, found.end_s, found.label) == (1.0, 4.0, "lit")
    assert found.probability > 0.9 > 0.1 > found.baseline
    assert found.falls.shape == (8, 15)
    times_s, bands_hz = found.times_s, found.bands_hz
    for band, time in np.ndindex(found.falls.shape):
        within = times_s[time] > 0.99 + FROM_S and times_s[time + 1] < 1.01 + TO_S
        touches_time = times_s[time + 1] > 0.99 + FROM_S and times_s[time] < 1.01 + TO_S
        touches_band = bands_hz[band + 1] > LOW_HZ - 50 and bands_hz[band] < HIGH_HZ + 50
        fall = found.falls[band, time]
        if within and bands_hz[band] > LOW_HZ - 50 and bands_hz[band + 1] < HIGH_HZ + 50:
            assert fall > 0.005, (band, time)
        elif not (touches_time and touches_band):
            assert abs(fall) < 1e-3, (band, time)
    best = np.unravel_index(int(found.falls.argmax()), found.falls.shape)
    assert LOW_HZ < bands_hz[best[0] : best[0] + 2].mean() < HIGH_HZ
    assert 1.0 + FROM_S < times_s[best[1] : best[1] + 2].mean() < 1.0 + TO_S
    assert 1.0 + FROM_S < times_s[found.by_time.argmax() :][:2].mean() < 1.0 + TO_S
    assert LOW_HZ < bands_hz[found.by_band.argmax() :][:2].mean() < HIGH_HZ


def test_the_other_label_falls_by_what_this_one_rises(one_cell: Predictor) -> None:
    lit = explain(burst(), one_cell, 1.0)
    dark = explain(burst(), one_cell, 1.0, label="dark")
    np.testing.assert_allclose(dark.falls, -lit.falls, atol=1e-6)
    assert dark.probability == pytest.approx(1 - lit.probability)


def test_everything_hidden_is_the_baseline_however_it_is_cut(one_cell: Predictor) -> None:
    found = explain(burst(), one_cell, 1.0, settings=ExplainSettings(n_bands=1))
    assert found.probability - found.by_band[0] == pytest.approx(found.baseline, abs=1e-6)
    np.testing.assert_allclose(found.falls[0], found.by_time, atol=1e-6)
    again = explain(burst(), one_cell, 1.0, settings=ExplainSettings(cell_s=0.5, batch=3))
    assert again.baseline == pytest.approx(found.baseline, abs=1e-6)


def test_nothing_hidden_changes_nothing() -> None:
    samples = burst(1.0, 0.3)
    edges_s, edges_hz = np.linspace(0, 1, 6), np.linspace(0, 8000, 4)
    (same,) = _hidden(samples, np.zeros((1, 3, 5), bool), edges_s, edges_hz)
    np.testing.assert_allclose(same, samples, atol=1e-6)


def test_what_is_explained_is_what_the_analyser_heard(tiny_bundle: Path) -> None:
    predictor = Predictor.load(tiny_bundle)
    rng = np.random.default_rng(1)
    samples = (0.2 * rng.standard_normal(16_000 * 6)).astype(np.float32)
    analyser = Analyser(predictor)
    heard = [*analyser.push(samples), *analyser.finish()]
    windows = [event for event in heard if isinstance(event, EmotionEstimated)]
    assert len(windows) >= 3
    coarse = ExplainSettings(cell_s=1.0, n_bands=1)
    for window in windows[:3]:
        found = explain(samples, predictor, window.start_s, settings=coarse)
        assert (found.start_s, found.end_s) == (window.start_s, window.end_s)
        assert found.label == window.label
        assert found.probability == pytest.approx(window.confidence, abs=1e-4)


def test_of_a_long_recording_only_what_is_near_the_window_is_heard(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    predictor = Predictor.load(tiny_bundle)
    rng = np.random.default_rng(2)
    samples = (0.1 * rng.standard_normal(16_000 * 50)).astype(np.float32)
    soundfile.write(tmp_path / "long.wav", samples, 16_000, "FLOAT")
    whole = explain(samples, predictor, 41.0)
    read: list[int] = []
    path = tmp_path / "long.wav"
    near = explain_recording(path, 41.0, predictor, on_block=lambda block: read.append(block.size))
    assert (near.start_s, near.end_s) == (whole.start_s, whole.end_s) == (41.0, 44.0)
    assert near.label == whole.label
    np.testing.assert_allclose(near.times_s, whole.times_s)
    np.testing.assert_allclose(near.falls, whole.falls, atol=1e-5)
    assert sum(read) < 49 * 16_000, "it stops after the window"
    named = explain_recording(path, 0.5, predictor, label="sad")
    assert (named.label, named.start_s) == ("sad", 0.48)


def test_a_short_recording_is_one_window_and_silence_has_no_reasons(tiny_bundle: Path) -> None:
    predictor = Predictor.load(tiny_bundle)
    coarse = ExplainSettings(cell_s=0.5, n_bands=2)
    found = explain(np.zeros(17_000, np.float32), predictor, 0.0, settings=coarse)
    assert (found.start_s, found.end_s) == (0.0, 1.04)
    np.testing.assert_allclose(found.falls, 0, atol=1e-6)
    assert found.baseline == pytest.approx(found.probability, abs=1e-6)


@pytest.mark.parametrize("start_s", [-1.0, 0.9, 7.0])
def test_a_start_without_a_window_is_refused(tiny_bundle: Path, start_s: float) -> None:
    with pytest.raises(SettingsError, match="expected a start from 0"):
        explain(np.zeros(16_000, np.float32), Predictor.load(tiny_bundle), start_s)


def test_a_label_or_settings_that_cannot_be_are_refused(tiny_bundle: Path) -> None:
    with pytest.raises(SettingsError, match="expected a label of"):
        explain(np.zeros(48_000, np.float32), Predictor.load(tiny_bundle), 0.0, label="bored")
    with pytest.raises(SettingsError, match="expected cells"):
        ExplainSettings(cell_s=0.0)


def test_the_picture_shows_and_the_plain_values_are_json(one_cell: Predictor) -> None:
    found = explain(burst(), one_cell, 1.0, settings=ExplainSettings(cell_s=0.5, n_bands=4))
    one = matplotlib.image.imread(io.BytesIO(draw_explanations([("a $call: ", found)])))
    two = matplotlib.image.imread(io.BytesIO(draw_explanations([("", found), ("", found)])))
    assert two.shape[0] == pytest.approx(2 * one.shape[0], abs=2)
    plain = found.to_dict()
    assert set(plain) == {
        "start_s", "end_s", "label", "probability", "baseline", "times_s", "bands_hz", "falls",
        "by_time", "by_band",
    }  # fmt: skip
    assert len(plain["falls"]) == 4 and len(plain["falls"][0]) == 6
