"""Keeps the few channels with extreme activations from spoiling the int8 products, exactly.

One scale quantizes a whole activation tensor, and a BERT's activations hold a few channels an order of magnitude above
the rest (Dettmers et al. 2022, "LLM.int8()", section 3): they would leave the others a handful of steps. Neither of
the two remedies changes what the graph computes in fp32:

- `_smooth`: a channel is divided by a factor, and the weights it meets are multiplied by it (Xiao et al. 2023,
  "SmoothQuant"). For the inputs of the attention and of the feed-forward block; costs one multiplication of a row.
- `_split_neurons`: the feed-forward neurons with the greatest outputs are computed beside the others in fp32. For the
  inner side of the feed-forward block, which is too wide for `_smooth` to be cheap.

Weights that layers share (ALBERT's) stay as they are: each layer would need a copy of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from spanstream.models.building.graph.activation_ranges import ChannelRange
from spanstream.models.building.graph.onnx_graph import MICROSOFT, Graph, Product

Ranges = dict[str, ChannelRange]

# Channels are brought down to this many times the median channel; lower gains nothing any more.
_TIMES_MEDIAN: Final = 1.5
# Of a layer's neurons (1,536 in MiniLM). 8 are too few for the lower layers, 32 gain nothing more.
_SPLIT_NEURONS: Final = 16
_FLOAT_PREFIX: Final = "outlier/"
# A product this narrow (the head's start and end logits) takes less time than quantizing its input would.
_NARROW: Final = 16
_GELUS: Final = frozenset({"Gelu", "FastGelu"})


def is_kept_in_float(product: Product) -> bool:
    """Returns whether a product stays fp32: it belongs to neurons that were split off, or is too narrow to gain."""
    return str(product.node.name).startswith(_FLOAT_PREFIX) or product.weight.shape[1] <= _NARROW


def tame_outliers(graph: Graph, ranges: Ranges) -> Ranges:
    """Applies both remedies to every layer they fit; returns the ranges as they are then."""
    ranges = dict(ranges)
    for tensor in list(ranges):
        products = [product for product in graph.products() if product.tensor == tensor]
        if len(products) == 1 and (block := _feed_forward(graph, products[0])):
            ranges[tensor] = _split_neurons(graph, block, ranges[tensor])
    for tensor, channels in list(ranges.items()):
        products = [
            product for product in graph.products() if product.tensor == tensor and not is_kept_in_float(product)
        ]
        is_normalized = graph.producer(tensor).op_type == "LayerNormalization"
        if products and is_normalized and not any(graph.is_shared(product) for product in products):
            smoothed, smoothed_range = _smooth(graph, tensor, products, channels)
            del ranges[tensor]
            ranges[smoothed] = smoothed_range
    return ranges


@dataclass(frozen=True, slots=True)
class _FeedForward:
    """A feed-forward block: `inner`, its bias, a Gelu, `outer`, and the node `outer_add` that adds a bias to it."""

    inner: Product
    inner_bias: str
    gelu: str
    outer: Product
    outer_add: Any


def _feed_forward(graph: Graph, outer: Product) -> _FeedForward | None:
    """Returns the block that ends with this product; None where it is no such block, or its weights are shared."""
    activation, outer_bias = graph.producer(outer.tensor), graph.bias_of(outer)
    if activation.op_type not in _GELUS or outer_bias is None or graph.is_shared(outer):
        return None
    products = graph.products()
    inner = next((product for product in products if activation.input[0] in _biased(graph, product)), None)
    if inner is None or graph.is_shared(inner):
        return None
    _, inner_bias = graph.bias_of(inner) or (None, "")
    return _FeedForward(inner, inner_bias, activation.op_type, outer, outer_bias[0])


def _biased(graph: Graph, product: Product) -> list[str]:
    """Returns the output of the product's bias, if it has one."""
    bias = graph.bias_of(product)
    return list(bias[0].output) if bias else []


def _smooth(graph: Graph, tensor: str, products: list[Product], channels: ChannelRange) -> tuple[str, ChannelRange]:
    magnitude = channels.magnitude
    factors = np.maximum(magnitude / (_TIMES_MEDIAN * np.median(magnitude)), 1).astype(np.float32)
    smoothed = graph.add("Mul", [tensor, graph.add_constant(f"{tensor}_factors", 1 / factors)], f"{tensor}_smooth")
    for product in products:
        name = f"{product.node.input[1]}_smooth"
        product.node.input[1] = graph.add_constant(name, product.weight * factors[:, None])
        product.node.input[0] = smoothed
    return smoothed, channels.scaled(1 / factors)


def _split_neurons(graph: Graph, block: _FeedForward, channels: ChannelRange) -> ChannelRange:
    split = np.argsort(-channels.magnitude, kind="stable")[:_SPLIT_NEURONS]
    kept = np.ones(len(channels.magnitude), dtype=np.float32)
    kept[split] = 0
    inner, outer = block.inner, block.outer

    name = f"{_FLOAT_PREFIX}{outer.tensor}"
    bias = graph.value(block.inner_bias)
    neurons = graph.add(
        "MatMul", [inner.tensor, graph.add_constant(f"{name}/inner", inner.weight[:, split])], f"{name}/product"
    )
    neurons = graph.add("Add", [neurons, graph.add_constant(f"{name}/bias", bias[split])], f"{name}/sum")
    neurons = graph.add(block.gelu, [neurons], f"{name}/gelu", domain=MICROSOFT)
    part = graph.add("MatMul", [neurons, graph.add_constant(f"{name}/outer", outer.weight[split])], f"{name}/part")

    result = block.outer_add.output[0]
    whole = f"{result}_whole"
    graph.redirect(result, whole)
    graph.add("Add", [result, part], whole)
    # Neurons without weights and bias give Gelu(0) = 0 and stretch no range.
    inner.node.input[1] = graph.add_constant(f"{inner.node.input[1]}_kept", inner.weight * kept)
    graph.add_constant(block.inner_bias, bias * kept)
    outer.node.input[1] = graph.add_constant(f"{outer.node.input[1]}_kept", outer.weight * kept[:, None])
    return channels.scaled(kept)
