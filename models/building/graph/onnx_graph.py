"""Wraps an ONNX graph for rewriting: constants by name, producers and users of tensors, order restored on saving."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from spanstream.models.arrays import AnyArray

# The domain of onnxruntime's own operators.
MICROSOFT = "com.microsoft"


@dataclass(frozen=True, slots=True)
class Product:
    """A matrix product with a constant: `output = tensor @ weight`, (..., inputs) @ (inputs, outputs)."""

    node: Any
    tensor: str
    weight: AnyArray
    output: str


class Graph:
    """A model's main graph."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401  onnx publishes no types
        self.model = model
        self._constants = {tensor.name: tensor for tensor in model.graph.initializer}

    @classmethod
    def load(cls, path: Path) -> Graph:
        """Reads a model file."""
        return cls(onnx.load(path))

    @property
    def nodes(self) -> list[Any]:
        """A copy of the list of nodes, in no particular order: nodes may be added and removed meanwhile."""
        return list(self.model.graph.node)

    def constant(self, name: str) -> AnyArray | None:
        """Returns a constant's value, None where the tensor is computed."""
        return numpy_helper.to_array(self._constants[name]) if name in self._constants else None

    def value(self, name: str) -> AnyArray:
        """Returns the value of a tensor that is known to be constant."""
        constant: AnyArray = numpy_helper.to_array(self._constants[name])
        return constant

    def add_constant(self, name: str, value: AnyArray) -> str:
        """Adds a constant, or replaces the one of this name; returns the name."""
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def add(self, operator: str, inputs: list[str], output: str, *, domain: str = "", **attributes: object) -> str:
        """Adds a node of one output; returns the output's name."""
        self.model.graph.node.append(
            helper.make_node(operator, inputs, [output], name=output, domain=domain, **attributes)
        )
        return output

    def remove(self, node: Any) -> None:  # noqa: ANN401  onnx publishes no types
        """Removes a node."""
        self.model.graph.node.remove(node)

    def operators(self, *types: str) -> list[Any]:
        """Returns the nodes of these types."""
        return [node for node in self.model.graph.node if node.op_type in types]

    def producer(self, tensor: str) -> Any:  # noqa: ANN401  onnx publishes no types
        """Returns the node that computes a tensor."""
        return next(node for node in self.model.graph.node if tensor in node.output)

    def users(self, tensor: str) -> list[Any]:
        """Returns the nodes that take a tensor, themselves or in a branch (`If`)."""
        return [node for node in self.model.graph.node if tensor in _taken(node)]

    def redirect(self, tensor: str, replacement: str) -> None:
        """Lets every user of a tensor take another one."""
        for node in self.users(tensor):
            for place, name in enumerate(node.input):
                if name == tensor:
                    node.input[place] = replacement

    def products(self) -> list[Product]:
        """Returns all products of a computed tensor with a constant matrix."""
        return [
            Product(node, node.input[0], self.value(node.input[1]), node.output[0])
            for node in self.operators("MatMul")
            if node.input[1] in self._constants
        ]

    def bias_of(self, product: Product) -> tuple[Any, str] | None:
        """Returns the Add behind a product and the constant it adds, None unless a bias is all that follows."""
        users = self.users(product.output)
        if len(users) != 1 or users[0].op_type != "Add":
            return None
        return next(((users[0], name) for name in users[0].input if name in self._constants), None)

    def is_shared(self, product: Product) -> bool:
        """Returns whether other products take the same weight."""
        return len(self.users(product.node.input[1])) > 1

    def tap(self, tensors: list[str]) -> bytes:
        """Serializes the model with these tensors as its outputs."""
        self._sort_and_prune()
        tapped = onnx.ModelProto()
        tapped.CopyFrom(self.model)
        del tapped.graph.output[:]
        tapped.graph.output.extend(
            helper.make_tensor_value_info(tensor, onnx.TensorProto.FLOAT, None) for tensor in tensors
        )
        serialized: bytes = tapped.SerializeToString()
        return serialized

    def save(self, path: Path) -> None:
        """Writes the model: nodes in order of their use, nothing in it that no output needs."""
        self._sort_and_prune()
        onnx.save(self.model, path)

    def _sort_and_prune(self) -> None:
        """Puts the nodes into the order of their use, and drops what no output needs."""
        graph = self.model.graph
        needed = {output.name for output in graph.output}
        kept = []
        for node in reversed(self._in_order()):
            if needed.intersection(node.output):
                needed.update(_taken(node))
                kept.append(node)
        del graph.node[:]
        graph.node.extend(reversed(kept))
        del graph.initializer[:]
        graph.initializer.extend(tensor for name, tensor in self._constants.items() if name in needed)
        # The shapes of intermediate tensors are those before the rewriting.
        del graph.value_info[:]

    def _in_order(self) -> list[Any]:
        """Returns the nodes, each behind those whose outputs it takes."""
        # An empty name is an optional input that is not given.
        known = {"", *self._constants, *(tensor.name for tensor in self.model.graph.input)}
        waiting = [(node, _taken(node)) for node in self.nodes]
        ordered: list[Any] = []
        while waiting:
            # A node that is placed lets later ones of the same round be placed: exports are nearly in order.
            blocked = []
            for node, taken in waiting:
                if known.issuperset(taken):
                    ordered.append(node)
                    known.update(node.output)
                else:
                    blocked.append((node, taken))
            if len(blocked) == len(waiting):
                raise ValueError(f"tensors that nothing computes: {sorted(blocked[0][1] - known)}")
            waiting = blocked
        return ordered


def _taken(node: Any) -> set[str]:  # noqa: ANN401  onnx publishes no types
    """Returns the tensors that a node takes: its inputs, and what its branches take from the graph around them."""
    taken = set(node.input)
    for branch in _branches(node):
        inside = {name for inner in branch.node for name in inner.output}
        inside.update(tensor.name for tensor in (*branch.initializer, *branch.input))
        used = {name for inner in branch.node for name in _taken(inner)} | {output.name for output in branch.output}
        taken |= used - inside
    return taken


def _branches(node: Any) -> Iterator[Any]:  # noqa: ANN401  onnx publishes no types
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs
