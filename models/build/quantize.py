"""Turns the products of a graph into static int8: one scale an activation tensor, one a column of the weights.

Static scales make a window's logits its own: they depend neither on the windows it shares a batch with nor on padding,
as dynamic scales (one for the whole batch) do.

The weights' scales keep every CPU exact. x86 CPUs without VNNI multiply u8 by s8 in pairs and add each pair in 16 bits
(vpmaddubsw), which saturates: 255 x 127 x 2 does not fit. Here no two weights that meet in a pair add up to more than
128 in magnitude with one sign, so that no activation can overflow them; it costs a fraction of a bit on few columns.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from models.build.activations import ChannelRange
from models.build.graph import MICROSOFT, Array, Graph, Product
from models.build.outliers import is_kept_in_float

_UINT8_MOST: Final = 255
_INT8_MOST: Final = 127
# 255 x 128 = 32,640 is the greatest multiple below 2 ** 15.
_PAIR_MOST: Final = 128
_SCALE_STEP: Final = 1.004


def quantize(graph: Graph, ranges: dict[str, ChannelRange]) -> None:
    """Quantize every product of a tensor in `ranges`."""
    quantized: dict[str, str] = {}
    for product in graph.products():
        if is_kept_in_float(product):
            continue
        tensor = product.tensor
        if tensor not in quantized:
            quantized[tensor] = _quantize_activation(graph, tensor, ranges[tensor])
        _quantize_product(graph, product, quantized[tensor])


def quantize_weight(weight: Array) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """(inputs, outputs) fp32 -> the same in int8, and (outputs,) scales; no pair can overflow 16 bits."""
    scales = np.maximum(np.abs(weight).max(axis=0) / _INT8_MOST, _greatest_pair(weight) / _PAIR_MOST)
    scales[scales == 0] = 1
    while True:
        rounded = np.clip(np.rint(weight / scales), -_INT8_MOST, _INT8_MOST)
        # Rounding up both of a pair can pass the limit by one.
        over = _greatest_pair(rounded) > _PAIR_MOST
        if not over.any():
            return rounded.astype(np.int8), scales.astype(np.float32)
        scales = np.where(over, scales * _SCALE_STEP, scales)


def _greatest_pair(weight: Array) -> Array:
    """(outputs,): the greatest sum, in magnitude, of the weights of one sign in a pair of neighbouring inputs."""
    even = np.vstack([weight, np.zeros_like(weight[: len(weight) % 2])])
    positive, negative = np.maximum(even, 0), np.maximum(-even, 0)
    sums: Array = np.maximum(positive[0::2] + positive[1::2], negative[0::2] + negative[1::2])
    greatest: Array = sums.max(axis=0)
    return greatest


def _quantize_activation(graph: Graph, tensor: str, channels: ChannelRange) -> str:
    low, high = min(float(channels.low.min()), 0.0), max(float(channels.high.max()), 0.0)
    scale = np.float32((high - low) / _UINT8_MOST)
    zero_point = np.uint8(np.clip(np.rint(-low / scale), 0, _UINT8_MOST))
    names = [
        graph.add_constant(f"{tensor}_scale", np.array(scale)),
        graph.add_constant(f"{tensor}_zero_point", np.array(zero_point)),
    ]
    return graph.add("QuantizeLinear", [tensor, *names], f"{tensor}_quantized")


def _quantize_product(graph: Graph, product: Product, quantized: str) -> None:
    """Product and the bias behind it become one MatMulIntegerToFloat."""
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
    add, bias = graph.bias_of(product)
    graph.remove(product.node)
    graph.remove(add)
    graph.add("MatMulIntegerToFloat", [*inputs, bias], add.output[0], domain=MICROSOFT)
