import numpy as np
import onnxruntime as ort
import pytest

from tonewatch.core.errors import TrainingError
from tonewatch.training import ensemble
from tonewatch.training.ensemble import Ensemble, fit, to_onnx

CENTRES = np.array([[0, 0, 900.0], [4, 0, 900], [0, 4, 900]])


def blobs(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=n)
    return CENTRES[y] + rng.normal(size=(n, 3)) * [1, 1, 50], y


@pytest.fixture(scope="module")
def fitted() -> Ensemble:
    x, y = blobs(240, 1)
    return fit(x, y, np.arange(240) // 3)


def test_it_tells_classes_apart(fitted: Ensemble) -> None:
    x, y = blobs(300, 2)
    p = fitted.probabilities(x)
    assert p.sum(axis=1) == pytest.approx(np.ones(300))
    # Bayes' own rule has about 0.96 here.
    assert (p.argmax(axis=1) == y).mean() > 0.92


def test_the_graph_answers_as_the_models(fitted: Ensemble) -> None:
    x = blobs(200, 3)[0].astype(np.float32)
    session = ort.InferenceSession(to_onnx(fitted, input_name="input", output_name="logits"))
    z = session.run(["logits"], {"input": x})[0].astype(np.float64)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(p, fitted.probabilities(x.astype(np.float64)), atol=1e-4)


def test_a_graph_that_answers_otherwise_is_refused(
    fitted: Ensemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = ensemble._gaussians
    monkeypatch.setattr(ensemble, "_gaussians", lambda *a: (*honest(*a)[:2], np.array([9.0, 0, 0])))
    with pytest.raises(TrainingError, match="differ by"):
        to_onnx(fitted, input_name="input", output_name="logits")


def test_rows_of_a_group_never_vouch_for_each_other() -> None:
    # Noise, of which each row comes three times: only what saw the copies can know the answer.
    rng = np.random.default_rng(5)
    x, y = np.repeat(rng.normal(size=(60, 3)), 3, axis=0), np.repeat(rng.integers(2, size=60), 3)
    together, apart = fit(x, y, np.arange(180) // 3), fit(x, y, np.arange(180))
    assert together.probabilities(x).max(axis=1).mean() < apart.probabilities(x).max(axis=1).mean()
