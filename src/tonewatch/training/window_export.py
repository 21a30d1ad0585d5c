"""From a trained whole-window network to a bundle, written only if ONNX Runtime and torch agree.

The graph takes what `input` in `bundle.json` makes of a window and gives logits; which windows have
speech is told by the speech head of an installed bundle (`inference.whole_window`). Both are run on
inputs made from noise, tones, silence and clipping and must agree to `TOLERANCE`. This module does
not know how the network was trained.
"""

import hashlib
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tonewatch.audio.vad import VadSettings
from tonewatch.core.errors import ExportError
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.inference.bundle import Bundle, BundleInfo, write_bundle
from tonewatch.inference.calibration import Calibration
from tonewatch.inference.whole_window import WindowNetwork as BundledNetwork
from tonewatch.training.export import OPSET, TOLERANCE
from tonewatch.training.networks.port import WindowNetwork


class _Chosen(nn.Module):
    """A network's logits of some of its labels."""

    def __init__(self, module: nn.Module, rows: Sequence[int]) -> None:
        super().__init__()
        self.module = module
        self.rows: Tensor
        self.register_buffer("rows", torch.tensor(rows))

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.module(inputs)
        return logits.index_select(1, self.rows)


def export_windows(
    network: WindowNetwork,
    module: nn.Module,
    folder: Path,
    *,
    name: str,
    version: str,
    scheme: str,
    trained_labels: Sequence[str],
    labels: Sequence[str] | None = None,
    calibration: Calibration | None = None,
    speech: VadSettings | None = None,
    speech_from: str = "voice",
    window_s: float | None = None,
    hop_s: float = 1.0,
    languages: Sequence[str] = (),
    training: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    licence: str = "",
    card: str = "",
    experimental: bool = False,
) -> Bundle:
    """Export `module` into the bundle `folder`.

    Args:
        network: its settings.
        module: the trained part; left as it is.
        folder: written when all is well, and only then.
        name: of the bundle.
        version: of the model.
        scheme: of the bundle's labels.
        trained_labels: of the module's outputs, in order.
        labels: those of `trained_labels` that the bundle has, in the order wanted; all by default.
        calibration: fitted for `labels`.
        speech: from probabilities of speech to speech.
        speech_from: the installed bundle whose speech head gives these.
        window_s: usual window; the network's by default.
        hop_s: usual hop.
        languages: ISO 639-1 codes.
        training: corpora, folds and recipe.
        metrics: scores, each with its protocol.
        licence: of the weights.
        card: the model card, Markdown.
        experimental: whether every place that shows its answers must say so.

    Raises:
        ExportError: the labels do not fit, or ONNX Runtime and torch do not agree.
        BundleError: the metadata contradict themselves.
    """
    labels = tuple(trained_labels if labels is None else labels)
    if missing := [label for label in labels if label not in trained_labels]:
        raise ExportError(
            f"expected labels that the network was trained with ({', '.join(trained_labels)}), "
            f"came {missing}; leave these out or train with them"
        )
    rows = [list(trained_labels).index(label) for label in labels]
    training_mode = module.training
    chosen = _Chosen(network.exported(module), rows).cpu().eval()
    try:
        model = to_onnx(chosen, network.input.shape)
        info = BundleInfo(
            name=name,
            version=version,
            scheme=scheme,
            labels=labels,
            model_sha256=hashlib.sha256(model).hexdigest(),
            kind="window",
            input=network.input,
            speech_from=speech_from,
            experimental=experimental,
            calibration=calibration or Calibration(),
            speech=speech or VadSettings(),
            window_s=network.window_s if window_s is None else window_s,
            hop_s=hop_s,
            languages=tuple(languages),
            training=dict(training or {}),
            metrics=dict(metrics or {}),
            licence=licence,
        )
        bundle = Bundle(info, model, card)
        check_windows(chosen, BundledNetwork(bundle))
    finally:
        module.train(training_mode)
    write_bundle(bundle, folder)
    return bundle


def to_onnx(module: nn.Module, shape: Sequence[int]) -> bytes:
    """The bytes of `model.onnx` for inputs [B, *shape] of any B."""
    with (
        tempfile.TemporaryDirectory() as folder,
        warnings.catch_warnings(),
        torch.no_grad(),
    ):
        file = Path(folder) / "model.onnx"
        warnings.simplefilter("ignore", DeprecationWarning)  # of torch's older exporter
        # A trace keeps Python's branches on shapes, which are the same for every batch here.
        for beginning in ("Converting a tensor to a Python", "Iterating over a tensor"):
            warnings.filterwarnings("ignore", beginning)
        warnings.filterwarnings("ignore", "Exporting a model to ONNX with a batch_size")
        torch.onnx.export(
            module,
            (torch.zeros(2, *shape),),
            file,
            input_names=["input"],
            output_names=["logits"],
            dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
        return file.read_bytes()


@torch.no_grad()
def check_windows(module: nn.Module, bundled: BundledNetwork, seed: int = 0) -> float:
    """Run both over made-up windows, one at a time and together; return the largest difference.

    Raises:
        ExportError: it is larger than `TOLERANCE`.
    """
    inputs = np.stack([bundled.input.make(window) for window in _made_up(seed)])
    largest = 0.0
    for batch in (inputs, inputs[:1], inputs[1:2]):
        expected = module(torch.from_numpy(batch)).numpy()
        try:
            came = bundled.judge(batch)
        # ONNX Runtime's exceptions share no narrower base than Exception.
        except Exception as error:
            raise ExportError(
                f"expected a graph that takes any number of windows, came: {error}; no bundle was "
                "written: look for a shape that was traced as a constant"
            ) from error
        difference = np.abs(expected - came)
        largest = max(largest, float(np.nan_to_num(difference, nan=np.inf).max()))
    if largest > TOLERANCE:
        raise ExportError(
            f"expected ONNX Runtime and torch to agree to {TOLERANCE}, they differ by "
            f"{largest:.3g}; no bundle was written: look for a layer that does not export"
        )
    return largest


def _made_up(seed: int) -> list[Samples]:
    rng = np.random.default_rng(seed)
    t = np.arange(3 * RATE_HZ) / RATE_HZ
    tone = 0.3 * np.sin(2 * np.pi * (150 + 40 * t) * t) + 0.01 * rng.standard_normal(len(t))
    noise, nothing = 0.1 * rng.standard_normal(len(t)), np.zeros(len(t))
    windows = [tone, noise, np.sign(tone), nothing, tone[:8_000]]
    return [np.asarray(window, np.float32) for window in windows]
