"""Matrices of n-grams for training text models, and their export as plain data.

Counts with `triage.words` and weighs as `triage.linear` does, so that a model reads in training
what it reads in use. It knows no corpus and no labels.
"""

import hashlib
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from tonewatch.triage.linear import FORMAT, LinearModel, known
from tonewatch.triage.words import NgramSettings, count, tokens


@dataclass(frozen=True)
class Vocabulary:
    """The n-grams that a model knows.

    Attributes:
        ngrams: of which kind.
        hashes: ascending, shape [n], uint32.
        idf: shape [n], float32.
    """

    ngrams: NgramSettings
    hashes: NDArray[np.uint32]
    idf: NDArray[np.float32]


Counted = tuple[Counter[int], Counter[int]]


def count_all(texts: Sequence[str], ngrams: NgramSettings) -> list[Counted]:
    """The n-grams of each text."""
    return [count(tokens(text), ngrams) for text in texts]


def vocabulary(counted: Sequence[Counted], ngrams: NgramSettings, at_least: int) -> Vocabulary:
    """The n-grams that are in `at_least` texts, with ln((1 + n) / (1 + df)) + 1."""
    df: Counter[int] = Counter()
    for pair in counted:
        for block in pair:
            df.update(block.keys())
    hashes = np.array(sorted(h for h, n in df.items() if n >= at_least), np.uint32)
    n_in = np.array([df[int(h)] for h in hashes], np.float64)
    # Half precision is what is stored, so it is what is trained with.
    idf = (np.log((1 + len(counted)) / (1 + n_in)) + 1).astype(np.float16).astype(np.float32)
    return Vocabulary(ngrams, hashes, idf)


def matrix(counted: Sequence[Counted], words: Vocabulary) -> csr_matrix:
    """One row a text: n-grams of words and of letters, each of length 1."""
    return sum(
        (_block([pair[which] for pair in counted], words) for which in (0, 1)),
        start=csr_matrix((len(counted), len(words.hashes))),
    )


def _block(counted: Sequence[Counter[int]], words: Vocabulary) -> csr_matrix:
    ends, places, values = [0], [], []
    for each in counted:
        at, times = known(each, words.hashes)
        x = (1 + np.log(times)) * words.idf[at]
        places.append(at)
        values.append(x / max(float(np.sqrt(x @ x)), 1e-12))
        ends.append(ends[-1] + len(at))
    return csr_matrix(
        (np.concatenate(values), np.concatenate(places), ends),
        shape=(len(counted), len(words.hashes)),
    )


def beside(left: csr_matrix, right: NDArray[np.float64]) -> csr_matrix:
    """Features that are not n-grams, beside those that are."""
    return hstack([left, csr_matrix(right)]).tocsr()


def save(
    folder: Path,
    name: str,
    labels: Sequence[str],
    words: Vocabulary,
    weights: NDArray[np.float64],
    bias: NDArray[np.float64],
    card: dict[str, Any],
) -> LinearModel:
    """Write a model's two files; weights come as [n + n_dense, n_labels], those of n-grams first.

    Weights of n-grams are rounded to 8 bits, a label at a time.
    """
    from tonewatch.triage.linear import parse

    n = len(words.hashes)
    scale = np.maximum(np.abs(weights[:n]).max(axis=0), 1e-9) / 127
    arrays = {
        "hashes": words.hashes,
        "idf": words.idf.astype(np.float16),
        "weights": np.rint(weights[:n] / scale).astype(np.int8),
        "scale": scale.astype(np.float32),
        "dense": weights[n:].astype(np.float32),
        "bias": np.asarray(bias, np.float32),
    }
    held = io.BytesIO()
    np.savez_compressed(held, **arrays)
    content = held.getvalue()
    full = {
        "format": FORMAT,
        "name": name,
        "labels": list(labels),
        "ngrams": asdict(words.ngrams),
        **card,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    text = json.dumps(full, indent=2, ensure_ascii=False) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.npz").write_bytes(content)
    (folder / f"{name}.json").write_text(text, encoding="utf-8")
    return parse(content, text, name)
