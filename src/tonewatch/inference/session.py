"""A bundle's model in ONNX Runtime, on one thread, with the inputs and outputs that are due."""

from collections.abc import Mapping

import onnxruntime as ort

from tonewatch.core.errors import BundleError
from tonewatch.inference.bundle import Bundle

Shape = tuple[int | None, ...]


def open_session(bundle: Bundle) -> ort.InferenceSession:
    """Load the model.

    Raises:
        BundleError: ONNX Runtime cannot load it.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(bundle.model, options, providers=["CPUExecutionProvider"])
    # ONNX Runtime's exceptions share no narrower base than Exception.
    except Exception as error:
        raise BundleError(
            f"bundle {bundle.info.name!r}: expected a model that ONNX Runtime "
            f"{ort.__version__} can load, came: {error}"
        ) from error


def check_shapes(
    session: ort.InferenceSession,
    bundle: str,
    inputs: Mapping[str, Shape | None],
    outputs: Mapping[str, Shape | None],
) -> None:
    """Compare names and shapes with what the bundle says; None stands for any.

    Raises:
        BundleError: they differ.
    """
    for what, expected, nodes in (
        ("inputs", inputs, session.get_inputs()),
        ("outputs", outputs, session.get_outputs()),
    ):
        came = {node.name: node for node in nodes}
        if sorted(expected) != sorted(came):
            raise BundleError(
                f"bundle {bundle!r}: expected the {what} {', '.join(expected)}, came "
                f"{', '.join(came)}; the model and bundle.json do not belong together"
            )
        for name, shape in expected.items():
            if shape is None:
                continue
            node = came[name]
            fits = len(node.shape) == len(shape) and all(
                want is None or have == want for have, want in zip(node.shape, shape, strict=True)
            )
            if not fits or node.type != "tensor(float)":
                raise BundleError(
                    f"bundle {bundle!r}: expected {name} as float of shape "
                    f"{['any' if n is None else n for n in shape]}, came {node.type} "
                    f"{node.shape}; the model and bundle.json do not belong together"
                )
