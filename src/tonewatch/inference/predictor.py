"""A bundle's network of either kind, ready to hear streams.

A predictor never changes once made, so many streams share one. What each kind of network does is
in `streaming` and `whole_window`; everything else asks a predictor and need not know the kind.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tonewatch.core.signal import Samples
from tonewatch.inference.bundle import Bundle, load_bundle
from tonewatch.inference.streaming import StreamingNetwork
from tonewatch.inference.whole_window import WindowNetwork


class Listener(Protocol):
    """One stream of a predictor."""

    def push(self, samples: Samples) -> Sequence[float]:
        """Take samples, a multiple of `samples_each`; return the probability of speech in each."""

    def logits(self) -> NDArray[np.float32]:
        """Of the window that ends with the last sample, shape [n_labels]."""


class Predictor:
    """The network of a bundle, ready to run.

    Attributes:
        bundle: whose network it is.
        samples_each: samples that one probability of speech stands for; steps and windows are
            multiples of it.

    Raises:
        BundleError: the model cannot be loaded, or its inputs and outputs are not what the bundle
            says.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        streaming = bundle.info.kind == "streaming"
        self._network = StreamingNetwork(bundle) if streaming else WindowNetwork(bundle)
        self.samples_each = self._network.samples_each

    @classmethod
    def load(cls, name_or_path: Any) -> "Predictor":
        """The predictor of an installed bundle, or of a folder or zip; see `load_bundle`."""
        return cls(load_bundle(name_or_path))

    def judge(self, windows: Samples, before: Samples) -> NDArray[np.float32]:
        """Judge variants of one window, each as if it alone followed the same samples.

        Args:
            windows: shape [B, n], n a multiple of `samples_each`, two of them at least.
            before: shape [m], what the stream heard before; empty at its beginning.

        Returns:
            Logits, shape [B, n_labels].
        """
        return self._network.judge_windows(windows, before)

    def listen(self, window: int) -> Listener:
        """Begin a stream.

        Args:
            window: length of its windows in units of `samples_each`. While the stream is shorter,
                the window is all of it; it must have two of them.

        Raises:
            SettingsError: the network cannot hear a window that long.
        """
        return self._network.listen(window)
