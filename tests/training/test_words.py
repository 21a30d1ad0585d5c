from pathlib import Path

import numpy as np
import pytest

from tonewatch.training.words import count_all, matrix, save, vocabulary
from tonewatch.triage.words import NgramSettings, tokens

TEXTS = ["there is a fire", "a fire at home", "no fire here", "my home is loud"]


def test_training_and_use_see_the_same(tmp_path: Path) -> None:
    ngrams = NgramSettings()
    counted = count_all(TEXTS, ngrams)
    words = vocabulary(counted, ngrams, 2)
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(len(words.hashes), 3))
    bias = np.array([0.1, 0.2, 0.3])
    model = save(tmp_path, "tiny", ["a", "b", "c"], words, weights, bias, {})
    expected = matrix(counted, words) @ (model.weights * model.scale) + model.bias
    for text, row in zip(TEXTS, expected, strict=True):
        np.testing.assert_allclose(model.logits(tokens(text)), row, rtol=1e-5, atol=1e-6)
    # Eight bits are enough.
    exact = matrix(counted, words) @ weights + bias
    assert np.abs(exact - expected).max() < 0.05


def test_idf_known_answer() -> None:
    ngrams = NgramSettings(words=1, letters_from=2, letters_to=1)
    words = vocabulary(count_all(TEXTS, ngrams), ngrams, 3)
    assert len(words.hashes) == 1  # "fire"
    assert words.idf[0] == pytest.approx(np.log(5 / 4) + 1, abs=1e-3)
