"""Quantizes the products of a graph to static int8: one scale an activation tensor, one a column of the weights.

With static scales a window's logits depend neither on the windows of its batch nor on padding, as they do with dynamic
scales (one for the whole batch).

How the weights' scales are chosen: `spanstream.models.building.graph.weight_quantization`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from spanstream.models.building.graph.activation_ranges import ChannelRange
from spanstream.models.building.graph.onnx_graph import MICROSOFT, Graph, Product
from spanstream.models.building.graph.outliers import is_kept_in_float
from spanstream.models.building.graph.weight_quantization import quantize_weight

_UINT8_MOST: Final = 255


def quantize_products(graph: Graph, ranges: dict[str, ChannelRange]) -> None:
    """Quantizes every product of a tensor in `ranges`; tensors that no sample reached are missing there: fp32."""
    quantized: dict[str, str] = {}
    for product in graph.products():
        tensor = product.tensor
        if is_kept_in_float(product) or tensor not in ranges:
            continue
        if tensor not in quantized:
            quantized[tensor] = _quantize_activation(graph, tensor, ranges[tensor])
        _quantize_product(graph, product, quantized[tensor])


def _quantize_activation(graph: Graph, tensor: str, channels: ChannelRange) -> str:
    low, high = min(float(channels.low.min()), 0.0), max(float(channels.high.max()), 0.0)
    scale = np.float32((high - low) / _UINT8_MOST) or np.float32(1)
    zero_point = np.uint8(np.clip(np.rint(-low / scale), 0, _UINT8_MOST))
    names = [
        graph.add_constant(f"{tensor}_scale", np.array(scale)),
        graph.add_constant(f"{tensor}_zero_point", np.array(zero_point)),
    ]
    return graph.add("QuantizeLinear", [tensor, *names], f"{tensor}_quantized")


def _quantize_product(graph: Graph, product: Product, quantized: str) -> None:
    """Replaces a product, and the bias behind it if there is one, by one MatMulIntegerToFloat."""
    name, tensor = product.node.input[1], product.tensor
    weight, scales = quantize_weight(product.weight)
    inputs = [
        quantized,
        graph.add_constant(f"{name}_int8", weight),
        f"{tensor}_scale",
        graph.add_constant(f"{name}_scales", scales),
        f"{tensor}_zero_point",
        graph.add_constant(f"{name}_zero_points", np.zeros(len(scales), dtype=np.int8)),
    ]
    output = product.output
    graph.remove(product.node)
    if bias_node := graph.bias_of(product):
        add, bias = bias_node
        graph.remove(add)
        inputs, output = [*inputs, bias], add.output[0]
    graph.add("MatMulIntegerToFloat", inputs, output, domain=MICROSOFT)
