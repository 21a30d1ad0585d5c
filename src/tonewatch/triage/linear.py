"""A linear text model as plain data: n-grams weighed by tf-idf, and a weight a label for each.

A model is two files: `NAME.npz` (arrays only, read without pickle) and `NAME.json` (labels,
settings, calibration, what it learnt from, its scores with their protocol, the SHA-256 of the
arrays). Terms are weighed as 1 + ln(count) times the inverse document frequency; words and letters
are each brought to length 1 ("ltc", Salton and Buckley, 1988). It knows no labels' meaning.
"""

import hashlib
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonewatch.core.errors import BundleError
from tonewatch.triage.words import NgramSettings, Token, count

FORMAT = 1


@dataclass(frozen=True)
class LinearModel:
    """A model in memory.

    Attributes:
        name: of the model.
        labels: its answers, in order.
        ngrams: its features.
        hashes: the n-grams that it knows, ascending, shape [n], uint32.
        idf: their inverse document frequencies, shape [n], float32.
        weights: int8, shape [n, n_labels]; times `scale` they are the real ones.
        scale: shape [n_labels], float32.
        dense: weights of features that are not n-grams, shape [n_dense, n_labels], float32.
        bias: shape [n_labels], float32.
        card: all else that the JSON file says.
        sha256: of the arrays' file.
    """

    name: str
    labels: tuple[str, ...]
    ngrams: NgramSettings
    hashes: NDArray[np.uint32]
    idf: NDArray[np.float32]
    weights: NDArray[np.int8]
    scale: NDArray[np.float32]
    dense: NDArray[np.float32]
    bias: NDArray[np.float32]
    card: Mapping[str, Any]
    sha256: str

    def logits(self, found: Sequence[Token], dense: Sequence[float] = ()) -> NDArray[np.float64]:
        """The score of each label for a text, before calibration, shape [n_labels]."""
        z = self.bias.astype(np.float64)
        for counted in count(found, self.ngrams):
            at, x = self.terms(counted)
            z = z + (x @ self.weights[at].astype(np.float64)) * self.scale
        if len(self.dense):
            z = z + np.asarray(dense, np.float64) @ self.dense
        return z

    def terms(self, counted: Counter[int]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Where the known ones of some n-grams stand in `hashes`, and their weighed counts."""
        hashes, counts = known(counted, self.hashes)
        x = (1 + np.log(counts)) * self.idf[hashes].astype(np.float64)
        return hashes, x / max(float(np.sqrt(x @ x)), 1e-12)

    def knows(self, word: str) -> bool:
        """Whether a word occurred often enough in what the model learnt from."""
        counted, _ = count((Token(word, 0, len(word)),), self.ngrams)
        return bool(len(known(counted, self.hashes)[0]))


def known(
    counted: Counter[int], hashes: NDArray[np.uint32]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Which of the ascending `hashes` were counted (their places), and how often."""
    asked = np.fromiter(counted.keys(), np.uint32, len(counted))
    times = np.fromiter(counted.values(), np.float64, len(counted))
    at = np.searchsorted(hashes, asked)
    there = at < len(hashes)
    there[there] = hashes[at[there]] == asked[there]
    return at[there], times[there]


def shipped(name: str) -> LinearModel:
    """A model that comes with Tonewatch: `gravity` or `emotion`."""
    folder = files("tonewatch.triage") / "models"
    return parse(
        (folder / f"{name}.npz").read_bytes(),
        (folder / f"{name}.json").read_text(encoding="utf-8"),
        name,
    )


def parse(arrays: bytes, card: str, name: str) -> LinearModel:
    """A model from the content of its two files.

    Raises:
        BundleError: They do not belong together, or hold something else than a model.
    """
    sha256 = hashlib.sha256(arrays).hexdigest()
    try:
        says = json.loads(card)
        if says["format"] != FORMAT:
            raise BundleError(f"{name}: expected format {FORMAT}, came {says['format']!r}")
        if says["sha256"] != sha256:
            raise BundleError(
                f"{name}: expected arrays with the hash {says['sha256']}, came {sha256}; "
                "the two files are not of the same training, copy both again"
            )
        with np.load(io.BytesIO(arrays), allow_pickle=False) as held:
            model = LinearModel(
                name=name,
                labels=tuple(says["labels"]),
                ngrams=NgramSettings(**says["ngrams"]),
                hashes=held["hashes"],
                idf=held["idf"].astype(np.float32),
                weights=held["weights"],
                scale=held["scale"],
                dense=held["dense"],
                bias=held["bias"],
                card=says,
                sha256=sha256,
            )
    except (KeyError, TypeError, ValueError, OSError, EOFError) as error:
        raise BundleError(f"{name}: expected a text model, came {error!r}") from error
    _check(model)
    return model


def _check(model: LinearModel) -> None:
    n, k = len(model.hashes), len(model.labels)
    came = {
        "idf": model.idf.shape,
        "weights": model.weights.shape,
        "scale": model.scale.shape,
        "dense": model.dense.shape[1:],
        "bias": model.bias.shape,
    }
    expected = {"idf": (n,), "weights": (n, k), "scale": (k,), "dense": (k,), "bias": (k,)}
    if came != expected:
        raise BundleError(f"{model.name}: expected shapes {expected}, came {came}")
    if not (np.diff(model.hashes.astype(np.int64)) > 0).all():
        raise BundleError(f"{model.name}: expected ascending hashes, came others; train it again")
