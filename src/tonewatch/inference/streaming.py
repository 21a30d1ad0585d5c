"""Runs a network of kind `streaming`, which hears each frame once.

A network never changes once made, so many streams share one; what a stream remembers is a
`Memory`, a value that its owner hands in and gets back. It does not know seconds or probabilities
of emotion: frames in, logits out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonewatch.audio.features import FeatureStream, extract
from tonewatch.core.signal import Frames, Samples
from tonewatch.inference.bundle import Bundle
from tonewatch.inference.session import Shape, check_shapes, open_session

Array = NDArray[np.float32]

_AT_ONCE = 75
"""Embeddings (3 s) that the network makes at once at most: its memory grows with them."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a stream remembers between two steps; the network never changes it in place.

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


class StreamingNetwork:
    """The network of a bundle of kind `streaming`, ready to run.

    Attributes:
        samples_each: samples that one embedding, and one probability of speech, stand for.

    Raises:
        BundleError: the model cannot be loaded, or its inputs and outputs are not what the bundle
            says.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        info = bundle.info
        self.samples_each = info.frames_per_embedding * info.features.hop_samples
        self._session = open_session(bundle)
        states = {f"state_{i}": (None, *shape) for i, shape in enumerate(info.state_shapes)}
        inputs: dict[str, Shape | None] = {
            "features": (None, None, info.features.n_features),
            "past": (None, None, info.embedding_size),
            **states,
        }
        outputs: dict[str, Shape | None] = {
            "logits": (None, len(info.labels)),
            "embeddings": (None, None, info.embedding_size),
            "speech": (None, None),
            **{f"{name}_next": None for name in states},
        }
        check_shapes(self._session, info.name, inputs, outputs)
        self._outputs = list(outputs)

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

    def judge_windows(self, windows: Samples, before: Samples) -> Array:
        """Samples of windows, [B, n], each after the samples `before` -> logits, [B, n_labels]."""
        size = windows.shape[1] // self.samples_each
        listener = self.listen(size)
        before = before[len(before) % self.samples_each :]
        if before.size:
            listener.push(before)
        memory = Memory(
            np.repeat(listener.memory.past, len(windows), axis=0),
            tuple(np.repeat(part, len(windows), axis=0) for part in listener.memory.state),
        )
        features = self.bundle.info.features
        tail = np.pad(before, (features.lead_samples, 0))[len(before) :]
        frames = [extract(np.concatenate([tail, window]), features) for window in windows]
        return self.step(np.stack(frames), memory, size).logits

    def listen(self, window: int) -> "StreamingListener":
        """Begin a stream whose windows have `window` embeddings."""
        return StreamingListener(self, window)


class StreamingListener:
    """One stream of a `StreamingNetwork`."""

    def __init__(self, network: StreamingNetwork, window: int) -> None:
        self._network = network
        self._window = window
        features = network.bundle.info.features
        self._features = FeatureStream(features)
        # A lead of zeros: a frame is then whole as soon as its hop is, at every 10 ms.
        self._features.push(np.zeros(features.lead_samples, np.float32))
        # In memory that is taken once: a hundred streams' new arrays at each step, none of which
        # lives as long as its neighbours, would leave it full of holes.
        self.memory = network.begin()
        self._past = np.empty((1, window, network.bundle.info.embedding_size), np.float32)
        self._logits: Array = np.zeros(len(network.bundle.info.labels), np.float32)

    def push(self, samples: Samples) -> Sequence[float]:
        """Take samples, a multiple of `samples_each`; return the probabilities of speech."""
        frames = self._features.push(samples)
        size = min(_AT_ONCE, self._window) * self._network.bundle.info.frames_per_embedding
        speech: list[float] = []
        for start in range(0, len(frames), size):
            part = frames[None, start : start + size]
            step = self._network.step(part, self.memory, self._window)
            self._remember(step.memory)
            self._logits = step.logits[0].copy()
            speech += step.speech[0].tolist()
        return speech

    def logits(self) -> Array:
        """Of the window that ends with the last sample, shape [n_labels]."""
        return self._logits

    def _remember(self, memory: Memory) -> None:
        past = self._past[:, : memory.past.shape[1]]
        past[...] = memory.past
        for kept, new in zip(self.memory.state, memory.state, strict=True):
            kept[...] = new
        self.memory = Memory(past, self.memory.state)
