"""Rewrites the fused graph so that it runs fast in int8 on a CPU; every rewriting but the embedding's is exact.

- The attention mask becomes one more dimension of each head. The query is 1 there; the key is 0, or far below zero
  where the token is padding. Products of the two are what a mask would have added, and onnxruntime's attention kernel
  takes its fast way, which has no mask.
- The biases of query, key and value move from the attention into the products, where adding them is free.
- The word embeddings, half of the model, become int8 with a scale for each word.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from onnx import TensorProto

from models.build.graph import Array, Graph

_MASKED: Final = -10_000.0
_INT8_MOST: Final = 127


def mask_by_dimension(graph: Graph, *, heads: int, head_size: int) -> None:
    """Give every attention its mask as a dimension of its heads, and its biases in the products before it."""
    _add_key_mask(graph, heads, head_size)
    for attention in graph.operators("MultiHeadAttention"):
        query, key, value, bias = list(attention.input)[:4]
        biases = graph.value(bias).reshape(3, heads * head_size)
        masked_bias = _widened(biases[0][None], heads, head_size, fill=1.0)[0]
        key_bias = _widened(biases[1][None], heads, head_size)[0]
        attention.input[0] = _with_bias(graph, _widen(graph, query, heads, head_size), masked_bias)
        keys = _with_bias(graph, _widen(graph, key, heads, head_size), key_bias)
        attention.input[1] = graph.add("Add", [keys, "key_mask"], f"{key}_masked")
        attention.input[2] = _with_bias(graph, value, biases[2])
        del attention.input[3:]
        # The kernel would scale by the wider head.
        _set_attribute(attention, "scale", head_size**-0.5)


def quantize_word_embeddings(graph: Graph) -> None:
    """Replace the fused embedding by a lookup in an int8 table with one scale a word; positions and types stay fp32."""
    [embedding] = graph.operators("EmbedLayerNormalization")
    words, positions, types = (graph.value(name) for name in embedding.input[2:5])
    scales = np.maximum(np.abs(words).max(axis=1, keepdims=True) / _INT8_MOST, np.finfo(np.float32).tiny)
    table = np.clip(np.rint(words / scales), -_INT8_MOST, _INT8_MOST).astype(np.int8)

    row = graph.add("Gather", [graph.add_constant("word_table", table), "input_ids"], "word_row")
    row = graph.add("Cast", [row], "word_row_float", to=TensorProto.FLOAT)
    scale = graph.add(
        "Gather", [graph.add_constant("word_scales", scales.astype(np.float32)), "input_ids"], "word_scale"
    )
    word = graph.add("Mul", [row, scale], "word")
    graph.add_constant("zero", np.array([0], dtype=np.int64))
    length = graph.add("Shape", ["input_ids"], "length", start=1)
    position = graph.add("Slice", [graph.add_constant("position_table", positions), "zero", length, "zero"], "position")
    token_type = graph.add("Gather", [graph.add_constant("type_table", types), "token_type_ids"], "token_type")
    total = graph.add("Add", [graph.add("Add", [word, position], "word_at_position"), token_type], "embedding")
    epsilon = next(attribute.f for attribute in embedding.attribute if attribute.name == "epsilon")
    weight, bias, output = embedding.input[5], embedding.input[6], embedding.output[0]
    graph.remove(embedding)
    graph.add("LayerNormalization", [total, weight, bias], output, axis=-1, epsilon=epsilon)


def _add_key_mask(graph: Graph, heads: int, head_size: int) -> None:
    """`key_mask`, (batch, length, heads x (head_size + 1)): what padding adds to its keys, 0 for all other tokens."""
    pattern = np.zeros((heads, head_size + 1), dtype=np.float32)
    # The kernel multiplies by head_size ** -0.5.
    pattern[:, head_size] = _MASKED * head_size**0.5
    graph.add("Cast", ["attention_mask"], "attended", to=TensorProto.FLOAT)
    padding = graph.add("Sub", [graph.add_constant("one", np.array(1, dtype=np.float32)), "attended"], "padding")
    column = graph.add(
        "Unsqueeze", [padding, graph.add_constant("last_axis", np.array([2], dtype=np.int64))], "padding_column"
    )
    graph.add("Mul", [column, graph.add_constant("key_mask_pattern", pattern.reshape(-1))], "key_mask")


def _widen(graph: Graph, projection: str, heads: int, head_size: int) -> str:
    """Let a projection make one more dimension a head, 0 for every token."""
    product = graph.producer(projection)
    weight = graph.value(product.input[1])
    product.input[1] = graph.add_constant(f"{product.input[1]}_wide", _widened(weight, heads, head_size))
    return projection


def _widened(rows: Array, heads: int, head_size: int, fill: float = 0.0) -> Array:
    """(rows, heads x head_size) -> (rows, heads x (head_size + 1)), the new dimension filled."""
    wide = np.full((rows.shape[0], heads, head_size + 1), fill, dtype=np.float32)
    wide[:, :, :head_size] = rows.reshape(rows.shape[0], heads, head_size)
    return wide.reshape(rows.shape[0], -1)


def _with_bias(graph: Graph, projection: str, bias: Array) -> str:
    return graph.add("Add", [projection, graph.add_constant(f"{projection}_bias", bias)], f"{projection}_with_bias")


def _set_attribute(node: Any, name: str, value: float) -> None:  # noqa: ANN401 - onnx publishes no types
    from onnx import helper  # noqa: PLC0415

    kept = [attribute for attribute in node.attribute if attribute.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, value)])
