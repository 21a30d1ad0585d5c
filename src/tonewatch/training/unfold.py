"""From a bundle back to a `stream_cnn` that can be trained further.

The exporter folds each normalisation into its convolution and turns some weights round; its nodes
keep the names of the modules that they come from. Here weights are put back by these names, and
normalisations by what recordings make of the convolutions before them, so that the network answers
as the bundle does and learns as one that was never folded. Both must agree as in `export`, or
nothing comes of it.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import NodeProto, numpy_helper
from torch import Tensor, nn

from tonewatch.core.errors import ExportError, TrainingError
from tonewatch.core.labels import scheme
from tonewatch.inference.bundle import Bundle
from tonewatch.inference.streaming import StreamingNetwork
from tonewatch.training.batches import crop
from tonewatch.training.dataset import Dataset
from tonewatch.training.export import check
from tonewatch.training.material import Material, RunSettings
from tonewatch.training.networks.stream_cnn import CausalConv, StreamCnn, StreamCnnSettings

_FEW = 128
"""Recordings that normalisations are put back by; their statistics go on changing in training."""


def checkpoint_from(
    bundle: Bundle, material: Material, learn: Sequence[int], settings: RunSettings, file: Path
) -> Path:
    """Write the bundle's network as a checkpoint of the run to begin with.

    Args:
        bundle: of one `stream_cnn`.
        material: the run's.
        learn: recordings to learn from.
        settings: of the run.
        file: to write.

    Returns:
        `file`.

    Raises:
        TrainingError: the bundle has another network or other features than the run.
    """
    dataset, features = material.dataset, settings.dataset.features
    if not isinstance(dataset, Dataset) or bundle.info.features != features:
        raise TrainingError(
            f"expected a bundle of a stream_cnn whose features are the run's, {features}, to begin "
            f"with, came {bundle.info.name} {bundle.info.version} with {bundle.info.features}, and "
            f"{settings.network} to train; begin with another one, or from scratch"
        )
    length = settings.train.batch.longest_frames // 4 * 4
    some = learn[:: max(1, len(learn) // _FEW)]
    frames = np.stack([crop(dataset, i, 0, length, None)[0] for i in some])
    labels = scheme(settings.scheme).labels
    torch.manual_seed(settings.train.seed)  # labels that the bundle does not have begin at random
    network = unfolded(bundle, labels, settings.train.network, torch.from_numpy(frames))
    torch.save({"best": {"weights": network.state_dict()}}, file)
    return file


def unfolded(
    bundle: Bundle, labels: Sequence[str], settings: StreamCnnSettings, frames: Tensor
) -> StreamCnn:
    """The bundle's network, for the labels to learn.

    Args:
        bundle: of one `stream_cnn`.
        labels: what the network is to answer; those that the bundle does not have begin at random.
        settings: the network's.
        frames: of recordings like those to learn from, shape [n, T, n_features].

    Raises:
        TrainingError: the bundle has another network.
    """
    network = StreamCnn(len(bundle.info.labels), settings).eval()
    try:
        with torch.no_grad():
            _fill(network, bundle)
            check(network, StreamingNetwork(bundle))
            _unfold_norms(network, frames)
    except (ExportError, RuntimeError, KeyError, ValueError) as error:
        raise TrainingError(
            f"expected a bundle of one stream_cnn of these settings to begin with, came "
            f"{bundle.info.name} {bundle.info.version}, which has another network; use the "
            "settings that it was trained with"
        ) from error
    return _for_labels(network, bundle.info.labels, labels)


def _fill(network: StreamCnn, bundle: Bundle) -> None:
    """Fold the normalisations away as in the graph, and put its weights where they came from."""
    graph = onnx.load_from_string(bundle.model).graph
    arrays = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    weights = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    for conv in _convs(network):
        conv.conv.bias = nn.Parameter(torch.zeros(conv.conv.out_channels))
        conv.norm = nn.Identity()  # type: ignore[assignment]
    modules = dict(network.named_modules())
    network.scale.copy_(weights["network.scale"])
    for node in graph.node:
        # /blocks.0/first/conv/Conv, and in an nn.Sequential /attention/attention.0/MatMul
        place = node.name.split("/")[1:-1]
        module = modules.get(".".join(place)) or modules.get("".join(place[-1:]))
        found = [weights[name] for name in node.input if name in weights]
        if found and isinstance(module, nn.Conv2d | nn.Linear | nn.GRU):
            _put(module, node, found)


def _convs(network: StreamCnn) -> list[CausalConv]:
    return [module for module in network.modules() if isinstance(module, CausalConv)]


def _put(module: nn.Conv2d | nn.Linear | nn.GRU, node: NodeProto, found: list[Tensor]) -> None:
    if isinstance(module, nn.GRU):
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        inputs, recurrent, biases = found
        for way, suffix in enumerate(("_l0", "_l0_reverse")):
            parts = (inputs[way], recurrent[way], *biases[way].chunk(2))
            for kind, part in zip(kinds, parts, strict=True):
                update, reset, new = part.chunk(3)
                getattr(module, kind + suffix).copy_(torch.cat([reset, update, new]))
    elif node.op_type == "Add":
        module.bias.copy_(found[0])  # type: ignore[union-attr]
    elif node.op_type == "MatMul":
        module.weight.copy_(found[0].T)
    else:
        weight, bias = found
        module.weight.copy_(weight)
        module.bias.copy_(bias)  # type: ignore[union-attr]


def _unfold_norms(network: StreamCnn, frames: Tensor) -> None:
    """Give each convolution a normalisation that knows what comes and undoes what it does to it."""
    convs = _convs(network)
    seen: dict[nn.Module, Tensor] = {}
    hooks = [
        each.conv.register_forward_hook(lambda conv, _, out: seen.__setitem__(conv, out))
        for each in convs
    ]
    network.embeddings(frames, network.initial_state(len(frames)))
    for each, hook in zip(convs, hooks, strict=True):
        hook.remove()
        variance, mean = torch.var_mean(seen[each.conv], dim=(0, 2, 3), correction=0)
        norm = nn.BatchNorm2d(each.conv.out_channels).eval()
        norm.running_mean = mean - each.conv.bias  # type: ignore[operator]
        norm.running_var = variance
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.copy_(mean)
        each.conv.bias, each.norm = None, norm


def _for_labels(network: StreamCnn, known: Sequence[str], labels: Sequence[str]) -> StreamCnn:
    """The same network with an output for each of `labels`."""
    head = nn.Linear(network.classify.in_features, len(labels))
    with torch.no_grad():
        for row, label in enumerate(labels):
            if label in known:
                its = known.index(label)
                head.weight[row] = network.classify.weight[its]
                head.bias[row] = network.classify.bias[its]
    network.classify = head
    return network
