"""Rewrites the fused graph so that it runs fast on a CPU; every rewriting but that of the embeddings is exact.

- The attention mask becomes one more dimension of each head. The query is 1 there; the key is 0, or far below zero
  where the token is padding. Products of the two are what a mask would have added, and onnxruntime's attention kernel
  takes its fast path, which has no mask.
- The biases of query, key and value move from the attention into the products, where adding them is free.
- The word embeddings, half of a small model, become int8 with a scale for each word.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from onnx import TensorProto, helper

from spanstream.models.arrays import AnyArray
from spanstream.models.building.graph.onnx_graph import Graph

_MASKED: Final = -10_000.0
_INT8_MOST: Final = 127


def mask_by_dimension(graph: Graph, *, heads: int, head_size: int) -> None:
    """Moves each fused attention's mask into a dimension of its heads, and its biases into the products before it."""
    # Inputs: query, key, value, bias, padding mask. A node with more of them is another kind of attention.
    attentions = [node for node in graph.operators("MultiHeadAttention") if node.input[3] and not any(node.input[5:])]
    if attentions:
        _add_key_mask(graph, heads, head_size)
    for attention in attentions:
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


def quantize_word_embeddings(graph: Graph, *, words: int) -> None:
    """Replaces lookups in a table of `words` rows by lookups in an int8 table with one scale a word."""
    for lookup in graph.operators("Gather"):
        table = graph.constant(lookup.input[0])
        if table is None or table.ndim != 2 or len(table) != words:  # noqa: PLR2004  (words, width)
            continue
        name, ids, output = lookup.input[0], lookup.input[1], lookup.output[0]
        scales = np.maximum(np.abs(table).max(axis=1, keepdims=True) / _INT8_MOST, np.finfo(np.float32).tiny)
        int8 = np.clip(np.rint(table / scales), -_INT8_MOST, _INT8_MOST).astype(np.int8)
        graph.remove(lookup)
        row = graph.add("Gather", [graph.add_constant(f"{name}_int8", int8), ids], f"{output}_int8")
        row = graph.add("Cast", [row], f"{output}_float", to=TensorProto.FLOAT)
        scales_name = graph.add_constant(f"{name}_scales", scales.astype(np.float32))
        scale = graph.add("Gather", [scales_name, ids], f"{output}_scale")
        graph.add("Mul", [row, scale], output)


def _add_key_mask(graph: Graph, heads: int, head_size: int) -> None:
    """Adds `key_mask`, (batch, length, heads x (head_size + 1)): what is added to the keys of padding, 0 elsewhere."""
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
    """Widens a projection by one dimension a head, 0 for every token."""
    product = graph.producer(projection)
    weight = graph.value(product.input[1])
    product.input[1] = graph.add_constant(f"{product.input[1]}_wide", _widened(weight, heads, head_size))
    return projection


def _widened(rows: AnyArray, heads: int, head_size: int, fill: float = 0.0) -> AnyArray:
    """Turns (rows, heads x head_size) into (rows, heads x (head_size + 1)), with the new dimension filled."""
    wide = np.full((rows.shape[0], heads, head_size + 1), fill, dtype=np.float32)
    wide[:, :, :head_size] = rows.reshape(rows.shape[0], heads, head_size)
    return wide.reshape(rows.shape[0], -1)


def _with_bias(graph: Graph, projection: str, bias: AnyArray) -> str:
    return graph.add("Add", [projection, graph.add_constant(f"{projection}_bias", bias)], f"{projection}_with_bias")


def _set_attribute(node: Any, name: str, value: float) -> None:  # noqa: ANN401  onnx publishes no types
    kept = [attribute for attribute in node.attribute if attribute.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, value)])
