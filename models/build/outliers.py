"""Takes the few channels with extreme activations out of the int8 products' way, exactly.

One scale quantizes a whole activation tensor, and a BERT's activations hold a few channels an order of magnitude above
the rest (Dettmers et al. 2022, "LLM.int8()", section 3): they would leave the others a handful of steps. Two remedies,
neither of which changes what the graph computes in fp32:

- `smooth`: a channel is divided by a factor, and the weights it meets are multiplied by it (Xiao et al. 2023,
  "SmoothQuant"). For the inputs of the attention and of the feed-forward block; costs one multiplication of a row.
- `split_neurons`: the feed-forward neurons with the greatest outputs are computed beside the others in fp32. For the
  inner side of the feed-forward block, which is too wide for `smooth` to be cheap.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from models.build.activations import ChannelRange
from models.build.graph import MICROSOFT, Graph, Product

Ranges = dict[str, ChannelRange]

# Channels are brought down to this many times the median channel; lower gains nothing any more.
_TIMES_MEDIAN: Final = 1.5
# Of a layer's neurons (1,536 in MiniLM). 8 are too few for the lower layers, 32 gain nothing more.
_SPLIT_NEURONS: Final = 16
_FLOAT_PREFIX: Final = "outlier/"
# A product this narrow (the head's start and end logits) takes less time than quantizing its input would.
_NARROW: Final = 16


def is_kept_in_float(product: Product) -> bool:
    """Whether a product stays fp32: it belongs to neurons that were split off, or it is too narrow to gain."""
    return str(product.node.name).startswith(_FLOAT_PREFIX) or product.weight.shape[1] <= _NARROW


def tame(graph: Graph, ranges: Ranges) -> Ranges:
    """Apply both remedies to every layer; returns the ranges as they are then."""
    ranges = dict(ranges)
    for tensor in list(ranges):
        products = [product for product in graph.products() if product.tensor == tensor]
        if graph.producer(tensor).op_type == "Gelu":
            [product] = products
            ranges[tensor] = _split_neurons(graph, product, ranges[tensor])
    for tensor, channels in list(ranges.items()):
        is_quantized = any(not is_kept_in_float(product) for product in graph.products() if product.tensor == tensor)
        if is_quantized and graph.producer(tensor).op_type == "LayerNormalization":
            smoothed, smoothed_range = _smooth(graph, tensor, channels)
            del ranges[tensor]
            ranges[smoothed] = smoothed_range
    return ranges


def _smooth(graph: Graph, tensor: str, channels: ChannelRange) -> tuple[str, ChannelRange]:
    magnitude = channels.magnitude
    factors = np.maximum(magnitude / (_TIMES_MEDIAN * np.median(magnitude)), 1).astype(np.float32)
    products = [product for product in graph.products() if product.tensor == tensor and not is_kept_in_float(product)]
    smoothed = graph.add("Mul", [tensor, graph.add_constant(f"{tensor}_factors", 1 / factors)], f"{tensor}_smooth")
    for product in products:
        name = f"{product.node.input[1]}_smooth"
        product.node.input[1] = graph.add_constant(name, product.weight * factors[:, None])
        product.node.input[0] = smoothed
    return smoothed, channels.scaled(1 / factors)


def _split_neurons(graph: Graph, outer: Product, channels: ChannelRange) -> ChannelRange:
    """`outer` is the feed-forward block's second product, (neurons, width)."""
    split = np.argsort(-channels.magnitude, kind="stable")[:_SPLIT_NEURONS]
    kept = np.ones(len(channels.magnitude), dtype=np.float32)
    kept[split] = 0
    activation = graph.producer(outer.tensor)
    inner_add = graph.producer(activation.input[0])
    inner = next(product for product in graph.products() if product.output in inner_add.input)
    _, inner_bias = graph.bias_of(inner)

    name = f"{_FLOAT_PREFIX}{outer.tensor}"
    bias = graph.value(inner_bias)
    neurons = graph.add(
        "MatMul", [inner.tensor, graph.add_constant(f"{name}/inner", inner.weight[:, split])], f"{name}/product"
    )
    neurons = graph.add("Add", [neurons, graph.add_constant(f"{name}/bias", bias[split])], f"{name}/sum")
    neurons = graph.add("Gelu", [neurons], f"{name}/gelu", domain=MICROSOFT)
    part = graph.add("MatMul", [neurons, graph.add_constant(f"{name}/outer", outer.weight[split])], f"{name}/part")

    outer_add, _ = graph.bias_of(outer)
    whole = f"{outer_add.output[0]}_whole"
    graph.redirect(outer_add.output[0], whole)
    graph.add("Add", [outer_add.output[0], part], whole)
    # Neurons without weights and bias give Gelu(0) = 0 and stretch no range.
    inner.node.input[1] = graph.add_constant(f"{inner.node.input[1]}_kept", inner.weight * kept)
    graph.add_constant(inner_bias, bias * kept)
    outer.node.input[1] = graph.add_constant(f"{outer.node.input[1]}_kept", outer.weight * kept[:, None])
    return channels.scaled(kept)
