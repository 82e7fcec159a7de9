"""An ONNX graph: exported, fused, rewritten and quantized."""
