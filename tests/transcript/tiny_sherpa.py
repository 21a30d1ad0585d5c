"""A CTC model of three words, by the loudest of three bands: low, mid, high."""

from pathlib import Path

import numpy as np

_BANDS = (slice(0, 25), slice(25, 55), slice(55, 80))


def tiny_ctc(folder: Path) -> Path:
    """Write `model.onnx`, in the form of NeMo's CTC models, and `tokens.txt`."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = np.zeros((80, len(_BANDS) + 1), np.float32)
    for k, band in enumerate(_BANDS):
        weights[band, k] = 1 / (band.stop - band.start)
    bias = np.array([0, 0, 0, -100], np.float32)  # never blank
    graph = helper.make_graph(
        [
            helper.make_node("Transpose", ["audio_signal"], ["frames"], perm=[0, 2, 1]),
            helper.make_node("MatMul", ["frames", "weights"], ["levels"]),
            helper.make_node("Add", ["levels", "bias"], ["scores"]),
            helper.make_node("LogSoftmax", ["scores"], ["logprobs"], axis=-1),
        ],
        "tiny",
        [
            helper.make_tensor_value_info("audio_signal", TensorProto.FLOAT, ["N", 80, "T"]),
            helper.make_tensor_value_info("length", TensorProto.INT64, ["N"]),
        ],
        [helper.make_tensor_value_info("logprobs", TensorProto.FLOAT, ["N", "T", 4])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(bias, "bias")],
    )
    opset = helper.make_opsetid("", 13)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    about = {
        "vocab_size": "3",
        "subsampling_factor": "1",
        "normalize_type": "",
        "model_type": "EncDecCTCModel",
        "version": "1",
    }
    helper.set_model_props(model, about)
    onnx.save(model, folder / "model.onnx")
    (folder / "tokens.txt").write_text("▁low 0\n▁mid 1\n▁high 2\n<blk> 3\n", encoding="utf-8")
    return folder
