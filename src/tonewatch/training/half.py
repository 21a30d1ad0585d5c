"""Weights in half precision, kept so in the file and made single again where they are used.

Rounding comes first, in torch, so that the file and torch have the same weights to the last bit
and the export's check need not be any looser. Normalisations are folded into their convolutions
before, as the exporter would fold them after and make other numbers of them. It does not know what
the network computes; its inputs, outputs and arithmetic stay in single precision.
"""

import copy
from typing import TypeVar

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

_FEW = 64  # numbers, below which a weight is left as it is

_Network = TypeVar("_Network", bound=nn.Module)


def rounded(network: _Network) -> _Network:
    """A copy, not training, whose weights half precision can hold."""
    fused = copy.deepcopy(network).eval()
    for module in fused.modules():
        conv, norm = getattr(module, "conv", None), getattr(module, "norm", None)
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            module.conv, module.norm = fuse_conv_bn_eval(conv, norm), nn.Identity()
    with torch.no_grad():
        for weight in fused.parameters():
            weight.copy_(weight.half())
    return fused


def halved(model: bytes) -> bytes:
    """The same ONNX model with each weight that half precision holds exactly kept so."""
    found = onnx.load_from_string(model)
    graph, casts = found.graph, []
    for weight in graph.initializer:
        if weight.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(weight)
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if values.size < _FEW or not np.array_equal(half.astype(np.float32), values):
            continue
        name = f"{weight.name}_half"
        casts.append(helper.make_node("Cast", [name], [weight.name], to=TensorProto.FLOAT))
        weight.CopyFrom(numpy_helper.from_array(half, name))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return bytes(found.SerializeToString())
