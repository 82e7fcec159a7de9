"""Defines the kinds of field of events and headers: what is allowed in each, in Python and in JSON Schema."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sized
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, WithJsonSchema

from spanstream.schemas.limits import MAX_ANSWERS, MAX_COLLECTIONS, MAX_ID_CHARS, MAX_METADATA_ENTRIES

_TIME_PATTERN: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"
_TIME: Final = re.compile(_TIME_PATTERN.removesuffix("$"))

# Letters and symbols to Unicode, nothing to the eye: the Hangul fillers and the empty Braille cell.
_BLANK_LETTERS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
# Separators, control, format and surrogate characters, and marks that have nothing to stand on.
_BLANK_CATEGORIES: Final = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Mn", "Mc", "Me"})


class Closed(BaseModel):
    """A frozen model that knows all its fields and converts nothing; its errors never quote their input."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:  # noqa: ARG002  pydantic's signature; frozen values need no deep copy
        """Returns a validated copy. pydantic's own method validates nothing, and keeps cached properties of old values.

        Raises:
            pydantic.ValidationError: the updated fields do not make a valid model.
        """
        kept = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self).model_validate({**kept, **(update or {})})


def is_blank(text: str) -> bool:
    """Whether a person sees nothing of the text: only white space, controls, marks without a base, and fillers.

    Stricter than the model, which makes tokens of marks and fillers: a question must say something to its reader.
    """
    return all(
        character in _BLANK_LETTERS or unicodedata.category(character) in _BLANK_CATEGORIES for character in text
    )


def can_be_seen(question: str) -> str:
    """Returns a question as it is; raises ValueError where a person sees nothing of it."""
    if is_blank(question):
        raise ValueError("should have at least one visible character")
    return question


def is_none(value: object) -> bool:
    """Whether an optional value is left out."""
    return value is None


def is_empty(values: Sized) -> bool:
    """Whether a list or a map is left out."""
    return not values


def _all_different(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("should name each collection once")
    return names


def format_time(time: datetime) -> str:
    """Formats a time as UTC, ISO 8601, milliseconds (cut, not rounded) and a `Z`.

    Raises:
        ValueError: a time without a zone.
    """
    if time.utcoffset() is None:
        raise ValueError("a time needs a time zone")
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _utc_milliseconds(value: object) -> datetime:
    """Reads the exact text on the wire, or a datetime with any zone (cut to what the wire can hold)."""
    if isinstance(value, datetime):
        value = format_time(value)
    if not isinstance(value, str) or _TIME.fullmatch(value) is None:
        raise ValueError("should be a UTC time as 2026-01-31T12:34:56.789Z")
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        # The library's message quotes its input.
        raise ValueError("should be a time that exists") from None


# A length constraint, even an empty one, makes pydantic refuse lone surrogates, which UTF-8 cannot hold.
Text = Annotated[str, Field(min_length=0)]
Identifier = Annotated[
    str,
    Field(min_length=1, max_length=MAX_ID_CHARS, pattern=r"^[^\u0000-\u001f\u007f-\u009f]+$"),
]
Name = Annotated[str, Field(min_length=1, max_length=256)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Probability = Annotated[float, Field(ge=0, le=1)]
AnswerCount = Annotated[int, Field(ge=1, le=MAX_ANSWERS)]
CollectionName = Annotated[str, Field(max_length=64, pattern=r"^[a-z0-9][a-z0-9_-]*$")]
Collections = Annotated[
    list[CollectionName],
    Field(max_length=MAX_COLLECTIONS, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_all_different),
]
Metadata = Annotated[dict[Text, Text], Field(max_length=MAX_METADATA_ENTRIES)]
UtcTime = Annotated[
    datetime,
    PlainValidator(_utc_milliseconds),
    PlainSerializer(format_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": _TIME_PATTERN}),
]
