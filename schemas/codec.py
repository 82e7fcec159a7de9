"""Bytes <-> events: one parse, one named error.

    bytes ──size──> JSON ──closed, strict model──> event ──limits──> event
              │       │              │                       │
          too_large  undecodable   invalid_event          too_large

What the JSON parser (jiter, inside pydantic) does, each pinned by a test:

- not UTF-8, a byte order mark, an empty value, a lone surrogate (escaped, or as raw CESU-8 bytes), a raw control
  character in a string, nesting deeper than 200, an integer of more than 4,300 digits, anything after the value:
  `undecodable`;
- `NaN`, `Infinity`, `-Infinity` (which jiter reads, JSON does not have): `undecodable`; `1e999` is JSON, but reads as
  infinity where a number is expected: `invalid_event`;
- duplicate keys: the last one wins, an earlier value is not looked at (not even for NaN);
- an escaped NUL is a character like any other in a text, and a control character in an id: `invalid_event`;
- an integer where a float is expected is accepted (JSON has one kind of number), `1.0` for an integer is not;
- JSON `null` for an optional field is the same as leaving the field out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json

from spanstream.schemas.errors import InvalidRecord, Reason
from spanstream.schemas.events import Answer, Document, Question
from spanstream.schemas.triage import Ticket, Triage

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from spanstream.schemas.limits import Limits
    from spanstream.schemas.triage import AnyEvent

__all__ = [
    "InvalidRecord",
    "Reason",
    "check_key",
    "decode_answer",
    "decode_document",
    "decode_question",
    "decode_ticket",
    "decode_triage",
    "encode",
]

_E = TypeVar("_E", Document, Question, Answer, Ticket, Triage)

_DETAIL_ERRORS: Final = 3
"""Errors that a detail spells out; the others are counted."""
_LENGTH_ERRORS: Final = frozenset({"string_too_long", "too_long"})
# A sender's own field name is shown when it looks like one; anything else could be a piece of text gone astray.
_FIELD_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")


def decode_document(value: bytes, limits: Limits) -> Document:
    """The document in a record's value.

    Raises:
        InvalidRecord: with one of the reasons above; never anything else, whatever the bytes.
    """
    _check_size(value, limits)
    document = _decode(Document, value)
    _check("document_id", len(document.document_id), limits.id_chars)
    _check("text", len(document.text), limits.document_chars)
    if document.title is not None:
        _check("title", len(document.title), limits.title_chars)
    _check_metadata(document.metadata, limits)
    return document


def decode_question(value: bytes, limits: Limits) -> Question:
    """The question in a record's value.

    Raises:
        InvalidRecord: with one of the reasons above; never anything else, whatever the bytes.
    """
    _check_size(value, limits)
    question = _decode(Question, value)
    _check("question_id", len(question.question_id), limits.id_chars)
    _check("question", len(question.question), limits.question_chars)
    if question.document_id is not None:
        _check("document_id", len(question.document_id), limits.id_chars)
    if question.context is not None:
        _check("context", len(question.context), limits.document_chars)
    _check_metadata(question.metadata, limits)
    return question


def decode_answer(value: bytes) -> Answer:
    """The answer in a record's value. It has no limits: the consumer wrote it.

    Raises:
        InvalidRecord: with one of the reasons above; never anything else, whatever the bytes.
    """
    return _decode(Answer, value)


def decode_ticket(value: bytes, limits: Limits) -> Ticket:
    """The ticket in a record's value; a body is as long at most as a document.

    Raises:
        InvalidRecord: with one of the reasons above; never anything else, whatever the bytes.
    """
    _check_size(value, limits)
    ticket = _decode(Ticket, value)
    _check("ticket_id", len(ticket.ticket_id), limits.id_chars)
    _check("subject", len(ticket.subject), limits.title_chars)
    _check("body", len(ticket.body), limits.document_chars)
    _check("channel", len(ticket.channel or ""), limits.title_chars)
    _check("customer", len(ticket.customer or ""), limits.title_chars)
    _check_metadata(ticket.attributes, limits, "attributes")
    return ticket


def decode_triage(value: bytes) -> Triage:
    """The triage record in a record's value. It has no limits: the triage stream wrote it.

    Raises:
        InvalidRecord: with one of the reasons above; never anything else, whatever the bytes.
    """
    return _decode(Triage, value)


def encode(event: AnyEvent) -> bytes:
    """Compact JSON in UTF-8, fields in the order of the model; `decode(encode(event)) == event`.

    What comes in leaves out what is not given; an answer and a triage record always have all their fields.
    """
    return event.model_dump_json(exclude_none=not isinstance(event, Answer | Triage)).encode()


def check_key(key: bytes | None, document_id: str | None, name: str = "document_id") -> None:
    """The key of a record that names a document (or a ticket) must be exactly the id's UTF-8 bytes.

    Compaction keeps the last record of a key, and the key decides the partition: with another key a document would
    not be replaced by its next version, and its questions would be another member's. Without a document id any key
    will do.

    Raises:
        InvalidRecord: `invalid_event`, the key is another one or missing.
    """
    if document_id is None or key == document_id.encode():
        return
    was = "there is none" if key is None else f"it is another one, of {len(key)} bytes"
    raise InvalidRecord(Reason.INVALID_EVENT, f"record key: should be the {name}, {was}")


def _decode(model: type[_E], value: bytes) -> _E:
    try:
        return model.model_validate_json(value)
    except ValidationError as error:
        refusal = _refusal(error, value)
    # Outside of the except block: the refusal has no context that could print what it must not.
    raise refusal


def _refusal(error: ValidationError, value: bytes) -> InvalidRecord:
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    if errors[0]["type"] == "json_invalid":
        return InvalidRecord(Reason.UNDECODABLE, errors[0]["msg"])
    try:
        # Only a record that is refused anyway is parsed a second time, to tell NaN (no JSON) from a wrong type.
        from_json(value, allow_inf_nan=False)
    except ValueError as failure:
        return InvalidRecord(Reason.UNDECODABLE, f"Invalid JSON: {failure}")
    too_large = all(one["type"] in _LENGTH_ERRORS for one in errors)
    described = [_describe(one) for one in errors[:_DETAIL_ERRORS]]
    more = [f"and {len(errors) - _DETAIL_ERRORS} more"] if len(errors) > _DETAIL_ERRORS else []
    return InvalidRecord(Reason.TOO_LARGE if too_large else Reason.INVALID_EVENT, "; ".join(described + more))


def _describe(error: ErrorDetails) -> str:
    place = error["loc"]
    message = error["msg"].removeprefix("Value error, ")
    if not place:
        return message
    if place[0] in {"metadata", "attributes"} and len(place) > 1:
        # What follows are the sender's own names.
        return f"{place[0]}: {message}"
    return f"{'.'.join(_shown(step) for step in place)}: {message}"


def _shown(step: int | str) -> str:
    name = str(step)
    return name if _FIELD_NAME.fullmatch(name) else f"(a name of {len(name)} characters)"


def _check_size(value: bytes, limits: Limits) -> None:
    if len(value) > limits.record_bytes:
        raise InvalidRecord(
            Reason.TOO_LARGE, f"value: {len(value)} bytes, at most {limits.record_bytes} are allowed; not parsed"
        )


def _check(field: str, chars: int, limit: int) -> None:
    if chars > limit:
        raise InvalidRecord(Reason.TOO_LARGE, f"{field}: {chars} characters, at most {limit} are allowed")


def _check_metadata(metadata: dict[str, str], limits: Limits, field: str = "metadata") -> None:
    if len(metadata) > limits.metadata_entries:
        raise InvalidRecord(
            Reason.TOO_LARGE, f"{field}: {len(metadata)} entries, at most {limits.metadata_entries} are allowed"
        )
    _check(field, sum(len(name) + len(text) for name, text in metadata.items()), limits.metadata_chars)
