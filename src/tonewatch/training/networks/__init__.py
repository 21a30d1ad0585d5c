"""Networks, one a file."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tonewatch.training.networks.port import Solved, Stepped

STREAMING = "stream_cnn"
"""The default network; it hears each frame once, and has a loop and an export of its own."""

WINDOW_NETWORKS = {
    "td_cnn_lstm": "TdCnnLstm",
    "conv1d_lstm": "Conv1dLstm",
    "mfcc_cnn": "MfccCnn",
    "stacked": "Stacked",
    "ssl": "Ssl",
    "egemaps_svm": "EgemapsSvm",
}
"""The networks that hear each window by itself: name and module -> class of its settings."""


def window_network(name: str, **settings: object) -> "Stepped | Solved":
    """A whole-window network by name, with its published settings but for those given.

    Raises:
        KeyError: there is none of that name.
    """
    kind = WINDOW_NETWORKS[name]
    module = import_module(f"tonewatch.training.networks.{name}")
    made: Stepped | Solved = getattr(module, kind)(**settings)
    return made
