import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tiny_bundle import some_frames
from tonewatch.core.errors import BundleError
from tonewatch.core.signal import RATE_HZ
from tonewatch.inference.bundle import Bundle, load_bundle
from tonewatch.inference.predictor import Predictor
from tonewatch.inference.streaming import StreamingNetwork


@pytest.fixture(scope="module")
def network(tiny_bundle: Path) -> StreamingNetwork:
    return StreamingNetwork(load_bundle(tiny_bundle))


def frames(n: int, batch: int = 1, seed: int = 0) -> Any:
    return some_frames(batch, n, seed)


def test_steps_agree_with_the_whole(network: StreamingNetwork) -> None:
    x = frames(300)
    whole = network.step(x, network.begin(), 75)
    memory, speech = network.begin(), []
    for start, end in ((0, 8), (8, 12), (12, 100), (100, 300)):
        step = network.step(x[:, start:end], memory, 75)
        memory = step.memory
        speech.append(step.speech)
    np.testing.assert_allclose(step.logits, whole.logits, atol=1e-5)
    np.testing.assert_allclose(np.concatenate(speech, 1), whole.speech, atol=1e-5)


def test_a_long_step_is_made_in_parts(
    network: StreamingNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    samples = (0.1 * rng.standard_normal(20 * RATE_HZ)).astype(np.float32)
    fine, coarse = network.listen(250), network.listen(250)
    expected = [p for part in np.split(samples, 20) for p in fine.push(part)]
    longest, step = [0], StreamingNetwork.step

    def seen(self: StreamingNetwork, x: Any, *rest: Any) -> Any:
        longest[0] = max(longest[0], x.shape[1])
        return step(self, x, *rest)

    monkeypatch.setattr(StreamingNetwork, "step", seen)
    np.testing.assert_allclose(coarse.push(samples), expected, atol=1e-5)
    np.testing.assert_allclose(coarse.logits(), fine.logits(), atol=1e-5)
    assert longest[0] <= 300, "frames at once, which memory grows with"


def test_window_forgets_what_is_before_it(network: StreamingNetwork) -> None:
    steps = []
    for seed in (1, 2):
        first = network.step(frames(400, seed=seed), network.begin(), 50)
        # As long as the window: the past is not used, the convolutions' memory still is.
        fresh = replace(first.memory, state=network.begin().state)
        steps.append(network.step(frames(200), fresh, 50))
    np.testing.assert_array_equal(steps[0].logits, steps[1].logits)
    assert steps[0].memory.past.shape == (1, 50, 16)


def test_streams_of_a_batch_do_not_mix(network: StreamingNetwork) -> None:
    x = frames(100, batch=3)
    together = network.step(x, network.begin(3), 25)
    for i in range(3):
        alone = network.step(x[i : i + 1], network.begin(), 25)
        np.testing.assert_allclose(together.logits[i], alone.logits[0], atol=1e-5)


def test_a_memory_can_be_used_twice(network: StreamingNetwork) -> None:
    memory = network.step(frames(100), network.begin(), 75).memory
    kept = [array.copy() for array in (memory.past, *memory.state)]
    one, two = (network.step(frames(40, seed=5), memory, 75) for _ in range(2))
    np.testing.assert_array_equal(one.logits, two.logits)
    for array, before in zip((memory.past, *memory.state), kept, strict=True):
        np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"labels": ("calm", "sad")}, "logits"),
        ({"embedding_size": 17}, "17"),
        ({"state_shapes": ((1, 1, 64),)}, "state_1"),
    ],
)
def test_a_bundle_of_other_shapes_is_refused(
    tiny_bundle: Path, changes: dict[str, Any], says: str
) -> None:
    bundle = load_bundle(tiny_bundle)
    wrong = Bundle(replace(bundle.info, **changes), bundle.model)
    with pytest.raises(BundleError, match=says):
        Predictor(wrong)


def test_a_model_that_is_none_is_refused(tiny_bundle: Path) -> None:
    info = load_bundle(tiny_bundle).info
    model = b"no ONNX"
    wrong = Bundle(replace(info, model_sha256=hashlib.sha256(model).hexdigest()), model)
    with pytest.raises(BundleError, match="can load"):
        Predictor(wrong)
