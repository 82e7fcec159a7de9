"""Computes Longformer's attention without its blocks, so that it can be exported.

transformers computes the sliding window (Beltagy, Peters and Cohan 2020) in blocks, in loops over the length: a trace
of it holds for one length only. Written as full attention under a mask it is the same numbers at every length. Its cost
grows with the square of the length, which does not matter for windows of a few hundred tokens.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any

import numpy as np
from onnx import TensorProto

from spanstream.models.building.graph.onnx_graph import Graph

GLOBAL_INPUT = "global_attention_mask"


@contextmanager
def dense_attention(model: Any) -> Iterator[None]:  # noqa: ANN401  torch publishes no types
    """Lets a model compute every layer's attention in full, without padding to whole blocks, inside the block."""
    encoder = model.base_model
    layers = [layer.attention.self for layer in encoder.encoder.layer]
    encoder._pad_to_window_size = _unpadded  # noqa: SLF001  the library has no other way
    for attention in layers:
        attention.forward = MethodType(_attend, attention)
    try:
        yield
    finally:
        del encoder._pad_to_window_size  # noqa: SLF001  the library has no other way
        for attention in layers:
            del attention.forward


def let_question_attend_globally(graph: Graph, *, separator: int) -> None:
    """Computes the global attention in the graph: every token before the first separator, that is, the question.

    It is an input of the export; transformers computes the same where it is not given.
    """
    separators = graph.add("Equal", ["input_ids", graph.add_constant("separator", np.array(separator))], "separators")
    ones = graph.add("Cast", [separators], "separators_as_int", to=TensorProto.INT64)
    seen = graph.add("CumSum", [ones, graph.add_constant("length_axis", np.array(1))], "separators_seen")
    before = graph.add("Equal", [seen, graph.add_constant("no_separator", np.array(0))], "before_separator")
    inputs = graph.model.graph.input
    inputs.remove(next(tensor for tensor in inputs if tensor.name == GLOBAL_INPUT))
    graph.add("Cast", [before], GLOBAL_INPUT, to=TensorProto.INT64)


def _unpadded(**inputs: Any) -> tuple[Any, ...]:  # noqa: ANN401  torch publishes no types
    names = ("input_ids", "attention_mask", "token_type_ids", "position_ids", "inputs_embeds")
    return (0, *(inputs[name] for name in names))


def _attend(attention: Any, hidden: Any, attention_mask: Any, **_: object) -> tuple[Any]:  # noqa: ANN401  torch publishes no types
    """Replaces `LongformerSelfAttention.forward`; the mask is below 0 for padding and above 0 for global tokens."""
    is_padding, is_global = attention_mask < 0, attention_mask > 0
    places = hidden.new_ones(hidden.shape[:2]).cumsum(1)[0]
    # The setting is the window's width, what a token sees on both sides.
    is_near = (places[:, None] - places[None, :]).abs() <= attention.one_sided_attn_window_size
    seen = (is_near[None] | is_global[:, None, :]) & ~is_padding[:, None, :]
    near = _attention(attention, attention.query, attention.key, attention.value, hidden, seen)
    seen_globally = (~is_padding)[:, None, :]
    far = _attention(
        attention, attention.query_global, attention.key_global, attention.value_global, hidden, seen_globally
    )
    return (far.where(is_global[:, :, None], near),)


def _attention(attention: Any, query: Any, key: Any, value: Any, hidden: Any, seen: Any) -> Any:  # noqa: ANN401, PLR0913, PLR0917  six tensors of a formula
    """Returns softmax(query key / sqrt(head size)) value, (batch, length, width), over the tokens that are seen."""
    batch, length, width = hidden.shape
    heads, size = attention.num_heads, attention.head_dim
    queries, keys, values = (
        projection(hidden).view(batch, length, heads, size).transpose(1, 2) for projection in (query, key, value)
    )
    scores = queries @ keys.transpose(2, 3) / math.sqrt(size)
    # The lowest number of fp16.
    probabilities = scores.masked_fill(~seen[:, None], -65_504.0).softmax(-1)
    return (probabilities @ values).transpose(1, 2).reshape(batch, length, width)
