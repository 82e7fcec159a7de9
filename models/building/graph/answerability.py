"""Adds the answerability head to an exported graph: a third output, `answerable_logits`, (windows,).

The head is a product and a sum over one row, not a matrix product: no quantizer touches it, and the logit of a window
has the same bits in every batch.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from onnx import TensorProto, helper

from spanstream.models.building.graph.onnx_graph import Graph
from spanstream.models.errors import BuildError

_OUTPUT: Final = "answerable_logits"
_EDGES: Final = 2


def add_answerable_logits(graph: Graph, head: Any) -> None:  # noqa: ANN401  torch modules
    """Lets the graph compute the head on the state of [CLS] that the last layer of the span head reads.

    Raises:
        BuildError: that layer is not found.
    """
    states = [product.tensor for product in graph.products() if product.weight.shape[1] == _EDGES]
    if len(states) != 1:
        raise BuildError(f"an answerability head reads what one span head reads; the graph has {len(states)} of them")
    weight, bias = (value.detach().float().numpy() for value in (head.weight, head.bias))
    cls = graph.add_constant("answerability/cls", np.array([0], dtype=np.int64))
    state = graph.add("Gather", [states[0], cls], "answerability/state", axis=1)
    weighted = graph.add("Mul", [state, graph.add_constant("answerability/weight", weight)], "answerability/weighted")
    axes = graph.add_constant("answerability/axes", np.array([1, 2], dtype=np.int64))
    total = graph.add("ReduceSum", [weighted, axes], "answerability/sum", keepdims=0)
    graph.add("Add", [total, graph.add_constant("answerability/bias", bias)], _OUTPUT)
    graph.model.graph.output.append(helper.make_tensor_value_info(_OUTPUT, TensorProto.FLOAT, ["batch_size"]))
