"""JSON as a tree that can be mutated into what no JSON library writes: repeated names, odd numbers, half characters."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tests.fuzzing.texts import odd_text


@dataclass(frozen=True)
class Raw:
    """Text that is written as it is."""

    text: str


class Pairs(list[Any]):
    """An object: pairs of a name and a value, in order, repeated names included."""


RAW: Final = tuple(
    map(
        Raw,
        (
            "null", "true", "false", "0", "-0", "-1", "1.0", "0.5", "1e999", "-1e999", "1E+2", "NaN", "Infinity",
            "01", "1.", "+1",
            "12345678901234567890", "1" * 400, "1" * 5_000, "2147483648", "9223372036854775808", '""', '"\\u0000"',
            '"\\ud800"',
            '"\\ud83d\\ude00"', '"\\x41"', '"\x01"', "[]", "{}", "[" * 150 + "]" * 150, "[" * 300 + "]" * 300,
            '{"a":' * 250 + "1" + "}" * 250, '{"a":1,"a":2}', "[null]", "'a'", "", ",", "// no",
        ),
    )
)  # fmt: skip


def tree_of(value: bytes) -> Any:
    """Parses JSON; objects become `Pairs`."""
    return json.loads(value, object_pairs_hook=Pairs)


def written(tree: Any) -> str:
    """Writes a tree."""
    if isinstance(tree, Raw):
        return tree.text
    if isinstance(tree, Pairs):
        return "{" + ",".join(f"{written(name)}:{written(value)}" for name, value in tree) + "}"
    if isinstance(tree, list):
        return "[" + ",".join(map(written, tree)) + "]"
    return json.dumps(tree, ensure_ascii=False)


def mutate_tree(draw: random.Random, tree: Any) -> Any:
    """Changes one place of a tree, and returns it."""
    places = list(_places(tree))
    if not places:
        return draw.choice(RAW)
    holder, index = draw.choice(places)
    kind = draw.randrange(8)
    if kind == 0:
        del holder[index]
    elif kind == 1:
        holder.insert(draw.randint(0, len(holder)), holder[index])
    elif kind == 2 and isinstance(holder, Pairs):
        holder[index] = (draw.choice((odd_text(draw), "document_id", "context", "answer")), holder[index][1])
    elif kind == 3 and isinstance(holder, Pairs):
        holder.append((odd_text(draw), draw.choice(RAW)))
    elif kind == 4:
        draw.shuffle(holder)
    else:
        _replace(draw, holder, index)
    return tree


def _replace(draw: random.Random, holder: list[Any], index: int) -> None:
    """Replaces a value by an odd one, or by another one of the same object."""
    other = draw.choice(holder)
    other = other[1] if isinstance(holder, Pairs) else other
    value = draw.choice((draw.choice(RAW), odd_text(draw), other))
    holder[index] = (holder[index][0], value) if isinstance(holder, Pairs) else value


def _places(tree: Any) -> Iterator[tuple[list[Any], int]]:
    """Yields every item of every list and object."""
    if isinstance(tree, list):
        for index, item in enumerate(tree):
            yield tree, index
            yield from _places(item[1] if isinstance(tree, Pairs) else item)
