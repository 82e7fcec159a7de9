"""Finds the fields of JSON objects in their text, so that one can be edited and every other character stays.

What is not touched need not survive a round trip: numbers of any size and precision, escapes, repeated names, white
space. Nothing is recursive, so nesting may be as deep as the text is long.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_SPACE: Final = re.compile(r"[ \t\n\r]*+")
_STRING: Final = re.compile(r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"')
_SCALAR: Final = re.compile(
    rf"{_STRING.pattern}|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false|null"
)
_CLOSING: Final = {"{": "}", "[": "]"}


class NotJson(ValueError):
    """The text is not JSON."""


@dataclass(frozen=True, slots=True)
class JsonField:
    """A field of an object: its name, and where name and value begin and end (exclusive) in the text."""

    name: str
    start: int
    name_end: int
    value_start: int
    end: int


@dataclass(frozen=True, slots=True)
class JsonObject:
    """An object in its text: the place behind its opening brace, and its fields in their order."""

    start: int
    fields: Sequence[JsonField]

    def named(self, name: str) -> list[JsonField]:
        """Returns the fields of this name: JSON does not forbid to repeat it."""
        return [found for found in self.fields if found.name == name]


def check_json(text: str) -> None:
    """Checks that the whole text is one JSON value.

    Raises:
        NotJson: it is not.
    """
    if _skip_space(text, _end_of_value(text, _skip_space(text, 0))) != len(text):
        raise NotJson


def read_object(text: str, start: int = 0) -> JsonObject | None:
    """Reads the object at this place of a text that was checked; None where another value stands there."""
    start = _skip_space(text, start)
    return JsonObject(start + 1, tuple(_fields(text, start + 1))) if text.startswith("{", start) else None


def without_fields(text: str, holder: JsonObject, name: str) -> str:
    """Returns the text without the fields of this name, and without the commas that they needed."""
    fields = holder.fields
    kept = [index for index, found in enumerate(fields) if found.name != name]
    if len(kept) == len(fields):
        return text
    # What stands between two fields goes with the later one.
    starts = [fields[index - 1].end if position else fields[index].start for position, index in enumerate(kept)]
    parts = [text[start : fields[index].end] for start, index in zip(starts, kept, strict=True)]
    return "".join([text[: fields[0].start], *parts, text[fields[-1].end :]])


def with_value(text: str, holder: JsonObject, name: str, value: str) -> str:
    """Returns the text with this value of a field; one that is not there is added behind the others."""
    named = holder.named(name)
    if named:
        return text[: named[0].value_start] + value + text[named[0].end :]
    end = holder.fields[-1].end if holder.fields else holder.start
    comma = "," if holder.fields else ""
    return f"{text[:end]}{comma}{quoted(name)}:{value}{text[end:]}"


def quoted(text: str) -> str:
    """Returns a JSON string."""
    return json.dumps(text, ensure_ascii=False)


def _fields(text: str, index: int) -> Iterator[JsonField]:
    """Yields the fields of an object whose text was checked, from behind its opening brace."""
    index = _skip_space(text, index)
    while not text.startswith("}", index):
        if text.startswith(",", index):
            index = _skip_space(text, index + 1)
        name_end = _end_of_string(text, index)
        value_start = _behind_name(text, index)
        end = _end_of_value(text, value_start)
        yield JsonField(json.loads(text[index:name_end]), index, name_end, value_start, end)
        index = _skip_space(text, end)


def _end_of_value(text: str, index: int) -> int:
    """Returns where the value ends that begins here."""
    closings: list[str] = []
    while True:
        opening = text[index : index + 1]
        if opening in _CLOSING:
            inner = _skip_space(text, index + 1)
            if not text.startswith(_CLOSING[opening], inner):
                closings.append(_CLOSING[opening])
                index = _begin_of_item(text, inner, closings[-1])
                continue
            index = inner + 1
        else:
            index = _end_of_match(_SCALAR, text, index)
        while closings:  # a value has ended
            index = _skip_space(text, index)
            if text.startswith(",", index):
                index = _begin_of_item(text, _skip_space(text, index + 1), closings[-1])
                break
            if not text.startswith(closings[-1], index):
                raise NotJson
            closings.pop()
            index += 1
        else:
            return index


def _begin_of_item(text: str, index: int, closing: str) -> int:
    """Returns where the value begins of the item that begins here; in an object a name stands before it."""
    return _behind_name(text, index) if closing == "}" else index


def _behind_name(text: str, index: int) -> int:
    colon = _skip_space(text, _end_of_string(text, index))
    if not text.startswith(":", colon):
        raise NotJson
    return _skip_space(text, colon + 1)


def _end_of_string(text: str, index: int) -> int:
    return _end_of_match(_STRING, text, index)


def _skip_space(text: str, index: int) -> int:
    return _end_of_match(_SPACE, text, index)


def _end_of_match(pattern: re.Pattern[str], text: str, index: int) -> int:
    match = pattern.match(text, index)
    if match is None:
        raise NotJson
    return match.end()
