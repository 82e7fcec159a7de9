"""The functions that expressions of a mapping have beside JMESPath's own.

JMESPath finds values; it cannot read times, and makes text of null. These do, and give null where there is nothing, so
that the field is left out or gets its default.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from jmespath import functions

from spanstream.consumer.formats.mapping.atlassian_text import text_of_document
from spanstream.schemas.fields import format_time

_TIME: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,9}))?\s*([Zz]|UTC|[+-]\d{2}(?::?\d{2})?)?", re.ASCII
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Unusable(Exception):
    """A function cannot take what stands there; the message says what it takes, and quotes nothing."""


class MappingFunctions(functions.Functions):
    """JMESPath's functions and ours; the name behind `_func_` is that in expressions."""

    @functions.signature({"types": []})
    def _func_text(self, value: Any) -> str | None:  # noqa: ANN401  any JSON
        """Returns a text, number or truth value as text; null stays null."""
        return _text(value)

    @functions.signature({"types": ["string"]}, {"types": []})
    def _func_joined(self, glue: str, values: Any) -> str | None:  # noqa: ANN401  any JSON
        """Returns the values of a list as one text; null and blank ones are left out; null where none is left."""
        if values is None:
            return None
        if not isinstance(values, list):
            raise Unusable("joined() takes a list")
        texts = [text for value in values if (text := _text(value)) is not None and text.strip()]
        return glue.join(texts) or None

    @functions.signature({"types": []})
    def _func_paragraphs(self, values: Any) -> str | None:  # noqa: ANN401  any JSON
        """Returns the values of a list as one text with a blank line between them, as `joined` does."""
        return self._func_joined("\n\n", values)

    @functions.signature({"types": []})
    def _func_time(self, value: Any) -> str | None:  # noqa: ANN401  any JSON
        """Returns a time in RFC 3339, UTC, of a time with its zone or of milliseconds since 1970."""
        return _time(value, "")

    @functions.signature({"types": []}, {"types": ["string"]})
    def _func_time_in(self, value: Any, zone: str) -> str | None:  # noqa: ANN401  any JSON
        """Does the same; a time without a zone is in this one: `UTC`, `+02:00`."""
        return _time(value, zone)

    @functions.signature({"types": []})
    def _func_atlassian_text(self, value: Any) -> str | None:  # noqa: ANN401  any JSON
        """Returns the text of a document in Atlassian's format (Jira Cloud); a text stays as it is."""
        return text_of_document(value) if isinstance(value, dict) else _text(value)

    @functions.signature({"types": []})
    def _func_cell(self, value: Any) -> str | None:  # noqa: ANN401  any JSON
        """Returns what a field of ServiceNow shows: the text, or an object's display_value, else its value."""
        return _cell(value, "display_value", "value")

    @functions.signature({"types": []})
    def _func_cell_value(self, value: Any) -> str | None:  # noqa: ANN401  any JSON
        """Returns what is stored in a field of ServiceNow: the text, or an object's value, else its display_value."""
        return _cell(value, "value", "display_value")


def _text(value: Any) -> str | None:  # noqa: ANN401  any JSON
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise Unusable(f"{'an object' if isinstance(value, dict) else 'a list'} is no text")


def _cell(value: Any, *names: str) -> str | None:  # noqa: ANN401  any JSON
    if isinstance(value, dict):
        value = next((value[name] for name in names if value.get(name)), None)
    return _text(value) or None


def _time(value: Any, zone: str) -> str | None:  # noqa: ANN401  any JSON
    if value is None or value == "":
        return None
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return format_time(_EPOCH + timedelta(milliseconds=value))
        match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            raise Unusable("should be a time as 2026-01-31T12:34:56Z or 2026-01-31 12:34:56")
        date, time, fraction, own_zone = match.groups()
        shown_zone = (own_zone or zone).upper().replace("UTC", "Z")
        if not shown_zone:
            raise Unusable("should be a time with its zone; time_in(..., 'UTC') says which one it is in")
        return format_time(datetime.fromisoformat(f"{date}T{time}.{(fraction or '0')[:6]}{shown_zone}"))
    except (ValueError, OverflowError):
        raise Unusable("should be a time that exists") from None
