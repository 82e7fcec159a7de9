"""A question-answering model of three operators, written byte by byte: the tools that write ONNX are the build's.

`start_logits` are the token ids, `end_logits` the attention mask, `answerable_logits` the greatest id of each window.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

# Of the ONNX messages (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto): element and attribute types.
_FLOAT, _INT64 = 1, 7
_INT, _INTS = 2, 7
_OPSET: Final = 13


def write_hand_made_graph(path: Path, *, head: bool) -> Path:
    """Writes the model, with the third output or without it; returns its path."""
    nodes = [
        _node("Cast", "input_ids", "start_logits", to=_FLOAT),
        _node("Cast", "attention_mask", "end_logits", to=_FLOAT),
    ]
    outputs = [_tensor(name, _FLOAT, "windows", "length") for name in ("start_logits", "end_logits")]
    if head:
        nodes.append(_node("ReduceMax", "start_logits", "answerable_logits", axes=[1], keepdims=0))
        outputs.append(_tensor("answerable_logits", _FLOAT, "windows"))
    inputs = [_tensor(name, _INT64, "windows", "length") for name in ("input_ids", "attention_mask")]
    graph = b"".join(
        [
            *(_bytes(1, node) for node in nodes),
            _text(2, "hand-made"),
            *(_bytes(11, tensor) for tensor in inputs),
            *(_bytes(12, tensor) for tensor in outputs),
        ]
    )
    path.write_bytes(_number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, _OPSET)))
    return path


def _node(operator: str, taken: str, given: str, **attributes: int | list[int]) -> bytes:
    node = _text(1, taken) + _text(2, given) + _text(4, operator)
    for name, value in attributes.items():
        if isinstance(value, int):
            node += _bytes(5, _text(1, name) + _number(3, value) + _number(20, _INT))
        else:
            node += _bytes(5, _text(1, name) + b"".join(_number(8, one) for one in value) + _number(20, _INTS))
    return node


def _tensor(name: str, element: int, *axes: str) -> bytes:
    shape = b"".join(_bytes(1, _text(2, axis)) for axis in axes)
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, element) + _bytes(2, shape)))


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])
