"""Runs a bundle's network with ONNX Runtime, on one thread.

A predictor never changes once made, so many streams share one; what a stream remembers is a
`Memory`, a value that its owner hands in and gets back. It does not know samples, seconds or
probabilities of emotion: frames in, logits out.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from tonewatch.core.errors import BundleError
from tonewatch.core.signal import Frames
from tonewatch.inference.bundle import Bundle, load_bundle

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Memory:
    """What a stream remembers between two steps; never changed in place.

    Attributes:
        past: the last embeddings, shape [B, P, embedding_size].
        state: the convolutions' memory, one array for each `state_i`.
    """

    past: Array
    state: tuple[Array, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """What one step gave.

    Attributes:
        logits: of the window that ends with the new frames, shape [B, n_labels].
        speech: probability of speech for each new embedding, shape [B, N].
        memory: for the next step.
    """

    logits: Array
    speech: Array
    memory: Memory


class Predictor:
    """A network of kind `streaming`, ready to run.

    Raises:
        BundleError: the model cannot be loaded, or its inputs and outputs are not what the bundle
            says.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(
                bundle.model, options, providers=["CPUExecutionProvider"]
            )
        # ONNX Runtime's exceptions share no narrower base than Exception.
        except Exception as error:
            raise BundleError(
                f"bundle {bundle.info.name!r}: expected a model that ONNX Runtime "
                f"{ort.__version__} can load, came: {error}"
            ) from error
        self._check()

    @classmethod
    def load(cls, name_or_path: Any) -> "Predictor":
        """The predictor of an installed bundle, or of a folder or zip; see `load_bundle`."""
        return cls(load_bundle(name_or_path))

    def begin(self, batch: int = 1) -> Memory:
        """The memory of streams that have not begun."""
        info = self.bundle.info
        past = np.zeros((batch, 0, info.embedding_size), np.float32)
        state = tuple(np.zeros((batch, *shape), np.float32) for shape in info.state_shapes)
        return Memory(past, state)

    def step(self, features: Frames, memory: Memory, window: int) -> Step:
        """Take new frames and judge the window that ends with them.

        Args:
            features: shape [B, T, n_features], T a multiple of frames_per_embedding.
            memory: of the same streams, from `begin` or the step before.
            window: length of the window in embeddings, at least those of the new frames. While
                the stream is shorter, the window is all of it; it must have two embeddings.
        """
        past = memory.past
        n_new = features.shape[1] // self.bundle.info.frames_per_embedding
        used = past[:, max(0, past.shape[1] - (window - n_new)) :]
        feed = {"features": features, "past": used}
        feed |= {f"state_{i}": array for i, array in enumerate(memory.state)}
        logits, embeddings, speech, *state = self._session.run(self._outputs, feed)
        kept = np.concatenate([past, embeddings], axis=1)[:, -window:]
        return Step(logits, speech, Memory(kept, tuple(state)))

    def _check(self) -> None:
        info = self.bundle.info
        states = [f"state_{i}" for i in range(len(info.state_shapes))]
        self._outputs = ["logits", "embeddings", "speech", *(f"{name}_next" for name in states)]
        expected: dict[str, tuple[int | None, ...]] = {
            "features": (None, None, info.features.n_features),
            "past": (None, None, info.embedding_size),
            **{name: (None, *shape) for name, shape in zip(states, info.state_shapes, strict=True)},
            "logits": (None, len(info.labels)),
            "embeddings": (None, None, info.embedding_size),
            "speech": (None, None),
        }
        came = {node.name: node for node in self._session.get_inputs()}
        _same_names("inputs", info.name, ["features", "past", *states], list(came))
        outputs = {node.name: node for node in self._session.get_outputs()}
        _same_names("outputs", info.name, self._outputs, list(outputs))
        for name, node in (came | outputs).items():
            shape = expected.get(name)
            if shape is None:
                continue
            fits = len(node.shape) == len(shape) and all(
                want is None or have == want for have, want in zip(node.shape, shape, strict=True)
            )
            if not fits or node.type != "tensor(float)":
                raise BundleError(
                    f"bundle {info.name!r}: expected {name} as float of shape "
                    f"{['any' if n is None else n for n in shape]}, came {node.type} "
                    f"{node.shape}; the model and bundle.json do not belong together"
                )


def _same_names(what: str, bundle: str, expected: list[str], came: list[str]) -> None:
    if sorted(expected) != sorted(came):
        raise BundleError(
            f"bundle {bundle!r}: expected the {what} {', '.join(expected)}, came "
            f"{', '.join(came)}; the model and bundle.json do not belong together"
        )
