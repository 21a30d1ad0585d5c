"""From samples to emotion, with a bundle and ONNX Runtime; no torch."""
