"""Exports, fuses, rewrites and quantizes an ONNX graph."""
