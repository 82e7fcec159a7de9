"""Every log line of the program: its event is a name, and what differs between two such lines stands in fields."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

CODE = Path(__file__).parents[3] / "consumer"
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
TAKEN = {"event", "message", "level", "logger", "timestamp", "trace_id", "span_id"}


def log_calls(file: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id == "_log":
                yield node


CALLS = [
    pytest.param(call, id=f"{file.relative_to(CODE)}:{call.lineno}")
    for file in sorted(CODE.rglob("*.py"))
    for call in log_calls(file)
]


@pytest.mark.parametrize("call", CALLS)
def test_the_event_is_a_constant_name_and_its_values_are_fields(call: ast.Call) -> None:
    (event,) = call.args
    assert isinstance(event, ast.Constant)
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", str(event.value))
    assert not TAKEN & {keyword.arg for keyword in call.keywords}


def test_the_lines_are_found() -> None:
    assert len(CALLS) > 40
