import io
import json

import numpy as np
import pytest

from tonewatch.core.errors import BundleError
from tonewatch.triage.linear import LinearModel, parse, shipped
from tonewatch.triage.words import NgramSettings, count, tokens


def files(**changed: object) -> tuple[bytes, str]:
    """A model that knows the word "fire" alone."""
    words, _ = count(tokens("fire"), NgramSettings())
    arrays: dict[str, object] = {
        "hashes": np.array(sorted(words), np.uint32),
        "idf": np.ones(1, np.float16),
        "weights": np.array([[100, -50]], np.int8),
        "scale": np.array([0.02, 0.02], np.float32),
        "dense": np.array([[1.0, 0.0]], np.float32),
        "bias": np.array([0.0, 0.5], np.float32),
        **changed,
    }
    held = io.BytesIO()
    np.savez(held, **arrays)  # type: ignore[arg-type]
    content = held.getvalue()
    from hashlib import sha256

    card = {
        "format": 1,
        "labels": ["yes", "no"],
        "ngrams": {"words": 2, "letters_from": 3, "letters_to": 4, "signs": False},
        "sha256": sha256(content).hexdigest(),
    }
    return content, json.dumps(card)


def tiny() -> LinearModel:
    return parse(*files(), "tiny")


def test_known_answer() -> None:
    z = tiny().logits(tokens("a fire"), [0.25])
    np.testing.assert_allclose(z, [2.25, -0.5], rtol=1e-6)


def test_what_it_does_not_know_changes_nothing() -> None:
    np.testing.assert_allclose(tiny().logits(tokens("a xyz"), [0.0]), [0.0, 0.5])
    np.testing.assert_allclose(tiny().logits((), [0.0]), [0.0, 0.5])


def test_knows() -> None:
    assert tiny().knows("fire")
    assert not tiny().knows("water")


def test_arrays_of_another_training_are_refused() -> None:
    content, card = files()
    with pytest.raises(BundleError, match="hash"):
        parse(content + b" ", card, "tiny")


@pytest.mark.parametrize(
    "changed",
    [
        {"bias": np.zeros(3, np.float32)},
        {"weights": np.zeros((2, 2), np.int8)},
        {"bias": np.array([None, None], object)},
    ],
)
def test_models_that_do_not_fit_are_refused(changed: dict[str, object]) -> None:
    with pytest.raises(BundleError):
        parse(*files(**changed), "tiny")


@pytest.mark.parametrize("card", ["", "{}", "[]", '{"format": 2}'])
def test_wrong_cards_are_refused(card: str) -> None:
    with pytest.raises(BundleError):
        parse(files()[0], card, "tiny")


@pytest.mark.parametrize("name", ["gravity", "emotion"])
def test_shipped_models_state_protocol_and_scores(name: str) -> None:
    card = shipped(name).card
    assert card["protocol"]
    assert card["metrics"]
    assert card["learnt_from"]
