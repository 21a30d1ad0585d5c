"""From a trained network to a bundle: ONNX, settings and card, written only if both agree.

The exported graph takes the new frames of a step, the embeddings that the window had before and
the convolutions' memory (`inference.bundle` states the contract). Before the bundle is written,
ONNX Runtime and torch run the same random streams, over steps of uneven length, with and without a
past, and must agree to `TOLERANCE`. This module does not know how the network was trained.

It uses torch's TorchScript-based exporter: the newer one (torch 2.13) cannot decompose a GRU.
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

from tonewatch.audio.features import FeatureSettings
from tonewatch.audio.vad import VadSettings
from tonewatch.core.errors import ExportError
from tonewatch.inference.bundle import Bundle, BundleInfo, write_bundle
from tonewatch.inference.calibration import Calibration
from tonewatch.inference.streaming import StreamingNetwork
from tonewatch.training.half import halved, rounded
from tonewatch.training.networks.stream_cnn import StreamCnn
from tonewatch.training.networks.stream_ensemble import StreamEnsemble

TOLERANCE = 1e-4
"""Largest difference allowed between ONNX Runtime and torch, in every output."""

OPSET = 17
"""Of the exported graphs."""

_USUAL_LEVEL = -9.0  # of log-mel bands


class _Streaming(nn.Module):
    """One step of the network as the bundle's contract has it."""

    def __init__(self, network: StreamCnn | StreamEnsemble) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor, past: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        embeddings, after = self.network.embeddings(features, list(state))
        logits = self.network.judge(torch.cat([past, embeddings], dim=1))
        speech = torch.sigmoid(self.network.speech_logits(embeddings))
        return logits, embeddings, speech, *after


def export(
    network: StreamCnn | StreamEnsemble,
    folder: Path,
    *,
    name: str,
    version: str,
    scheme: str,
    trained_labels: Sequence[str],
    features: FeatureSettings,
    labels: Sequence[str] | None = None,
    calibration: Calibration | None = None,
    speech: VadSettings | None = None,
    window_s: float = 3.0,
    hop_s: float = 1.0,
    languages: Sequence[str] = (),
    training: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    licence: str = "",
    card: str = "",
) -> Bundle:
    """Write a network as a bundle.

    The weights of an ensemble are rounded to half precision and kept so: two of its members weigh
    as much as one network. It computes in single precision like any other.

    Args:
        network: the trained network; it is left as it is.
        folder: where the bundle goes; what was in it is replaced.
        name: of the bundle.
        version: of the model.
        scheme: of the bundle's labels.
        trained_labels: of the network's outputs, in order.
        features: as the network was trained with.
        labels: those of `trained_labels` that the bundle has, in the order wanted; all by default.
        calibration: fitted for `labels`.
        speech: from speech probabilities to speech.
        window_s: usual window.
        hop_s: usual hop.
        languages: ISO 639-1 codes.
        training: corpora, folds and recipe.
        metrics: scores, each with its protocol.
        licence: of the weights.
        card: the model card, Markdown.

    Raises:
        ExportError: the labels do not fit, or ONNX Runtime and torch do not agree.
        BundleError: the metadata contradict themselves.
    """
    labels = tuple(trained_labels if labels is None else labels)
    chosen = _with_labels(network, tuple(trained_labels), labels)
    if isinstance(chosen, StreamEnsemble):
        chosen = rounded(chosen)
        model = halved(to_onnx(chosen))
    else:
        model = to_onnx(chosen)
    info = BundleInfo(
        name=name,
        version=version,
        scheme=scheme,
        labels=labels,
        features=features,
        frames_per_embedding=network.frames_per_embedding,
        embedding_size=network.embedding_size,
        state_shapes=tuple(tuple(s.shape[1:]) for s in chosen.initial_state()),
        model_sha256=hashlib.sha256(model).hexdigest(),
        calibration=calibration or Calibration(),
        speech=speech or VadSettings(),
        window_s=window_s,
        hop_s=hop_s,
        languages=tuple(languages),
        training=dict(training or {}),
        metrics=dict(metrics or {}),
        licence=licence,
    )
    bundle = Bundle(info, model, card)
    check(chosen, StreamingNetwork(bundle))
    write_bundle(bundle, folder)
    return bundle


def to_onnx(network: StreamCnn | StreamEnsemble) -> bytes:
    """The bytes of `model.onnx`; batch, new frames and past may have any length."""
    step = _Streaming(network).eval()
    state = network.initial_state(2)
    states = [f"state_{i}" for i in range(len(state))]
    n_features, size = network.n_features, network.embedding_size
    example = (torch.zeros(2, 100, n_features), torch.zeros(2, 50, size), *state)
    with (
        tempfile.TemporaryDirectory() as folder,
        warnings.catch_warnings(),
        torch.no_grad(),
    ):
        file = Path(folder) / "model.onnx"
        warnings.filterwarnings("ignore", "You are using the legacy", DeprecationWarning)
        warnings.filterwarnings("ignore", "The feature will be removed", DeprecationWarning)
        # A trace keeps Python's branches on shapes, which are the same for every length here.
        warnings.filterwarnings("ignore", "Converting a tensor to a Python boolean")
        warnings.filterwarnings("ignore", "Exporting a model to ONNX with a batch_size")
        torch.onnx.export(
            step,
            example,
            file,
            input_names=["features", "past", *states],
            output_names=["logits", "embeddings", "speech", *(f"{s}_next" for s in states)],
            dynamic_axes={
                "features": {0: "batch", 1: "frames"},
                "past": {0: "batch", 1: "past"},
                "logits": {0: "batch"},
                "embeddings": {0: "batch", 1: "new"},
                "speech": {0: "batch", 1: "new"},
                **{s: {0: "batch"} for s in states},
                **{f"{s}_next": {0: "batch"} for s in states},
            },
            opset_version=OPSET,
            dynamo=False,
        )
        return file.read_bytes()


def check(network: StreamCnn | StreamEnsemble, bundled: StreamingNetwork, seed: int = 0) -> float:
    """Run both over random streams; return their largest difference.

    Raises:
        ExportError: it is larger than `TOLERANCE`.
    """
    rng = np.random.default_rng(seed)
    step = _Streaming(network).eval()
    per, window, largest = network.frames_per_embedding, 75, 0.0
    spread = network.spread.cpu().numpy()
    usual = np.where(np.arange(network.n_features) < network.n_bands, _USUAL_LEVEL, 0.0)
    for batch in (1, 3):
        memory = bundled.begin(batch)
        # Two embeddings without a past, one with, uneven ones, a second, a whole window, a second.
        for n_new in (2, 1, 7, 25, 13, 75, 25):
            shape = (batch, n_new * per, network.n_features)
            frames = (usual + spread * rng.standard_normal(shape)).astype(np.float32)
            past = memory.past[:, max(0, memory.past.shape[1] - (window - n_new)) :]
            inputs = [torch.from_numpy(x.copy()) for x in (frames, past, *memory.state)]
            with torch.no_grad():
                expected = step(*inputs)
            came = bundled.step(frames, memory, window)
            memory = came.memory
            outputs = (came.logits, memory.past[:, -n_new:], came.speech, *memory.state)
            for want, have in zip(expected, outputs, strict=True):
                difference = np.abs(want.numpy() - have)
                largest = max(largest, float(np.nan_to_num(difference, nan=np.inf).max(initial=0)))
    if largest > TOLERANCE:
        raise ExportError(
            f"expected ONNX Runtime and torch to agree to {TOLERANCE}, they differ by "
            f"{largest:.3g}; no bundle was written: look for a layer that does not export"
        )
    return largest


def _with_labels(
    network: StreamCnn | StreamEnsemble, trained: tuple[str, ...], labels: tuple[str, ...]
) -> StreamCnn | StreamEnsemble:
    """A copy on the CPU whose outputs are `labels` alone."""
    if len(trained) != network.n_labels:
        raise ExportError(
            f"expected a label for each of the network's {network.n_labels} outputs, came "
            f"{len(trained)}: {list(trained)}; give the labels that it was trained with"
        )
    if missing := [label for label in labels if label not in trained]:
        raise ExportError(
            f"expected labels that the network was trained with ({', '.join(trained)}), came "
            f"{missing}; leave these out or train with them"
        )
    return network.with_labels([trained.index(label) for label in labels])
