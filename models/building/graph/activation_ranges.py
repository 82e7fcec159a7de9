"""Measures the inputs of a graph's products: the least and greatest value of each channel over sample windows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort

from spanstream.models.arrays import Float32Array
from spanstream.models.building.graph.onnx_graph import Graph
from spanstream.models.inference.packing import TokenArrays


@dataclass(frozen=True, slots=True)
class ChannelRange:
    """(channels,) the least and the greatest value that each channel of a tensor took."""

    low: Float32Array
    high: Float32Array

    @property
    def magnitude(self) -> Float32Array:
        """(channels,) the greatest absolute values."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    def scaled(self, factors: Float32Array) -> ChannelRange:
        """Returns the ranges when channel i is multiplied by `factors[i]`, which is not negative."""
        return ChannelRange(self.low * factors, self.high * factors)


def measure_ranges(graph: Graph, batches: Iterable[TokenArrays]) -> dict[str, ChannelRange]:
    """Returns the range of every tensor that a product takes, by the tensor's name; batches must have no padding."""
    tensors = list(dict.fromkeys(product.tensor for product in graph.products()))
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(graph.tap(tensors), options, providers=["CPUExecutionProvider"])
    ranges: dict[str, ChannelRange] = {}
    for batch in batches:
        feed = {tensor.name: getattr(batch, tensor.name) for tensor in session.get_inputs()}
        for tensor, values in zip(tensors, session.run(tensors, feed), strict=True):
            if not values.size:
                continue
            others = tuple(range(values.ndim - 1))
            seen = ChannelRange(values.min(axis=others), values.max(axis=others))
            known = ranges.get(tensor, seen)
            ranges[tensor] = ChannelRange(np.minimum(known.low, seen.low), np.maximum(known.high, seen.high))
    return ranges
