"""Runs a network of kind `window`, which hears each window by itself.

It has no speech head. Where speech is comes from the speech head of an installed streaming bundle,
named in the bundle (`speech_from`), so that silence, noise and short bursts are gated for all
networks alike; an energy gate would take noise for speech. The network itself is asked only for
windows with enough speech. It does not know seconds or probabilities of emotion.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tonewatch.core.errors import BundleError, SettingsError
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.inference.bundle import Bundle, installed_bundles, load_bundle
from tonewatch.inference.session import check_shapes, open_session
from tonewatch.inference.streaming import StreamingNetwork

Array = NDArray[np.float32]


class WindowNetwork:
    """The network of a bundle of kind `window`, ready to run.

    Attributes:
        samples_each: samples that one probability of speech stands for; windows are multiples.

    Raises:
        BundleError: the model cannot be loaded, its input and output are not what the bundle says,
            or the bundle with the speech head is not installed.
        SettingsError: its input needs a library that is not installed.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        info = bundle.info
        assert info.input is not None
        self.input = info.input
        self.input.make(np.zeros(RATE_HZ, np.float32))  # what is not installed is refused here
        self._session = open_session(bundle)
        check_shapes(
            self._session,
            info.name,
            {"input": (None, *self.input.shape)},
            {"logits": (None, len(info.labels))},
        )
        self.ears = StreamingNetwork(_speech_bundle(info.name, info.speech_from))
        self.samples_each = self.ears.samples_each

    def judge(self, inputs: Array) -> Array:
        """Inputs of windows, shape [B, *input.shape] -> logits, shape [B, n_labels]."""
        (logits,) = self._session.run(["logits"], {"input": inputs})
        return np.asarray(logits, np.float32)

    def judge_windows(self, windows: Samples, before: Samples) -> Array:
        """Samples of windows, shape [B, n], whatever came `before` -> logits, [B, n_labels]."""
        return self.judge(np.stack([self.input.make(window) for window in windows]))

    def listen(self, window: int) -> "WindowListener":
        """Begin a stream whose windows have `window` times `samples_each` samples.

        Raises:
            SettingsError: the network cannot hear a window that long.
        """
        length_s, longest_s = window * self.samples_each / RATE_HZ, self.input.longest_s
        # Windows are rounded to `samples_each`, so half of it may be too much.
        if longest_s is not None and length_s > longest_s + self.samples_each / 2 / RATE_HZ:
            raise SettingsError(
                f"expected a window of at most {longest_s:.2f} s for the bundle "
                f"{self.bundle.info.name!r}, came {length_s:.2f} s; it would not hear the rest"
            )
        return WindowListener(self, window)


class WindowListener:
    """One stream of a `WindowNetwork`; it keeps the samples of one window."""

    def __init__(self, network: WindowNetwork, window: int) -> None:
        self._network = network
        self._n_samples = window * network.samples_each
        self._ears = network.ears.listen(window)
        self._kept: Samples = np.zeros(0, np.float32)

    def push(self, samples: Samples) -> Sequence[float]:
        """Take samples, a multiple of `samples_each`; return the probabilities of speech."""
        self._kept = np.concatenate([self._kept, samples])[-self._n_samples :]
        return self._ears.push(samples)

    def logits(self) -> Array:
        """Of the window that ends with the last sample, shape [n_labels]."""
        (logits,) = self._network.judge(self._network.input.make(self._kept)[None])
        return np.asarray(logits)


def _speech_bundle(name: str, speech_from: str) -> Bundle:
    # Only by name: a bundle that came from elsewhere must not make this machine read its files.
    home = installed_bundles().get(speech_from)
    if home is None:
        raise BundleError(
            f"bundle {name!r}: expected an installed bundle {speech_from!r} to tell where speech "
            f"is, there are {', '.join(installed_bundles()) or 'none'}; install it"
        )
    bundle = load_bundle(home)
    if bundle.info.kind != "streaming":
        raise BundleError(
            f"bundle {name!r}: expected {speech_from!r} to have a speech head, it is of kind "
            f"{bundle.info.kind}; export the bundle again with another"
        )
    return bundle
