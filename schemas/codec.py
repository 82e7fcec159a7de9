"""Turns bytes into events and events into bytes: one parse, one kind of error.

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
from collections.abc import Mapping
from typing import Final, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, from_json

from spanstream.schemas.errors import InvalidRecord, Reason
from spanstream.schemas.events import Answer, Document, Question
from spanstream.schemas.feedback import Feedback
from spanstream.schemas.fields import Identifier
from spanstream.schemas.limits import Limits
from spanstream.schemas.requests import AnswersRequest
from spanstream.schemas.triage import AnyEvent, Ticket, Triage

__all__ = [
    "InvalidRecord",
    "Reason",
    "can_be_id",
    "check_bounds",
    "check_key",
    "decode_answer",
    "decode_document",
    "decode_feedback",
    "decode_label",
    "decode_question",
    "decode_request",
    "decode_ticket",
    "decode_triage",
    "encode",
]

_E = TypeVar("_E", Document, Question, Answer, Ticket, Triage, Feedback, AnswersRequest)

# The limit (a field of `Limits`) of each field that somebody else fills, in the order in which they are checked.
_LIMITED_FIELDS: Final[Mapping[type, Mapping[str, str]]] = {
    Document: {
        "document_id": "id_chars",
        "text": "document_chars",
        "title": "title_chars",
        "metadata": "metadata_chars",
    },
    Question: {
        "question_id": "id_chars",
        "question": "question_chars",
        "document_id": "id_chars",
        "context": "document_chars",
        "metadata": "metadata_chars",
        "filter": "metadata_chars",
    },
    Ticket: {
        "ticket_id": "id_chars",
        "subject": "title_chars",
        "body": "document_chars",
        "channel": "title_chars",
        "customer": "title_chars",
        "attributes": "metadata_chars",
    },
    Feedback: {
        "feedback_id": "id_chars",
        "question_id": "id_chars",
        "document_id": "id_chars",
        "context": "document_chars",
        "question": "question_chars",
        "by": "title_chars",
        "metadata": "metadata_chars",
    },
    AnswersRequest: {"document_id": "id_chars", "text": "document_chars", "questions": "question_chars"},
}
_ID: Final = TypeAdapter[str](Identifier)
_MAX_UTF8_BYTES: Final = 4
_DETAIL_ERRORS: Final = 3
"""Errors that a detail spells out; the others are counted."""
_LENGTH_ERRORS: Final = frozenset({"string_too_long", "too_long"})
# A sender's own field name is shown when it looks like one; anything else could be a piece of text gone astray.
_FIELD_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")


def decode_document(value: bytes, limits: Limits) -> Document:
    """Returns the document in a record's value.

    Raises:
        InvalidRecord: `too_large`, `undecodable` or `invalid_event`; never anything else, whatever the bytes.
    """
    return _decode_within(Document, value, limits)


def decode_question(value: bytes, limits: Limits) -> Question:
    """Returns the question in a record's value. Raises as `decode_document` does."""
    return _decode_within(Question, value, limits)


def decode_ticket(value: bytes, limits: Limits) -> Ticket:
    """Returns the ticket in a record's value; its body may be as long as a document. Raises as `decode_document`."""
    return _decode_within(Ticket, value, limits)


def decode_feedback(value: bytes, limits: Limits) -> Feedback:
    """Returns the feedback in a record's value; its context may be as long as a document.

    Raises as `decode_document` does.
    """
    return _decode_within(Feedback, value, limits)


def decode_request(value: bytes, limits: Limits) -> AnswersRequest:
    """Returns the request in a body; text and questions may be as long as in records. Raises as `decode_document`."""
    return _decode_within(AnswersRequest, value, limits)


def decode_answer(value: bytes) -> Answer:
    """Returns the answer in a record's value. It has no limits: the consumer wrote it. Raises as `decode_document`."""
    return _decode(Answer, value)


def decode_triage(value: bytes) -> Triage:
    """Returns the triage record in a record's value. It has no limits either. Raises as `decode_document` does."""
    return _decode(Triage, value)


def decode_label(value: bytes) -> Feedback:
    """Returns the label in a record's value. It has no limits either. Raises as `decode_document` does."""
    return _decode(Feedback, value)


def encode(event: AnyEvent) -> bytes:
    """Returns compact JSON in UTF-8, fields in the order of the model; `decode(encode(event)) == event`.

    What comes in leaves out what is not given; an answer and a triage record always have all their fields.
    """
    return event.model_dump_json(exclude_none=not isinstance(event, Answer | Triage)).encode()


def can_be_id(key: bytes, limits: Limits) -> bool:
    """Whether a record's key can be an id; with another key no value makes a document, so it need not be remembered."""
    if len(key) > limits.id_chars * _MAX_UTF8_BYTES:
        return False
    try:
        document_id = _ID.validate_python(key.decode())
    except ValueError:  # pydantic's own error is one
        return False
    return len(document_id) <= limits.id_chars


def check_bounds(key: bytes | None, record_bytes: int, limits: Limits) -> None:
    """Checks what the decoders do not see: the key, and the record as a whole.

    The key of a question that brings its text along may be anything, and its answer has the same one.

    Args:
        key: the record's key.
        record_bytes: of key, value and headers together.
        limits: what is allowed.

    Raises:
        InvalidRecord: `too_large`, the key is longer than any id, or the record is past its limit.
    """
    longest_key = limits.id_chars * _MAX_UTF8_BYTES
    if key is not None and len(key) > longest_key:
        raise InvalidRecord(Reason.TOO_LARGE, f"record key: {len(key)} bytes, at most {longest_key} are allowed")
    if record_bytes > limits.record_bytes:
        detail = f"record: {record_bytes} bytes with key and headers, at most {limits.record_bytes} are allowed"
        raise InvalidRecord(Reason.TOO_LARGE, f"{detail}; not parsed")


def check_key(key: bytes | None, document_id: str | None, name: str = "document_id") -> None:
    """Checks that the key of a record that names a document (or a ticket) is exactly the id's UTF-8 bytes.

    Compaction keeps the last record of a key, and the key decides the partition: with another key a document would
    not be replaced by its next version, and its questions would be another member's. Without a document id any key
    will do.

    Raises:
        InvalidRecord: `invalid_event`, the key is another one or missing.
    """
    if document_id is None or key == document_id.encode():
        return
    problem = "there is none" if key is None else f"it is another one, of {len(key)} bytes"
    raise InvalidRecord(Reason.INVALID_EVENT, f"record key: should be the {name}, {problem}")


def _decode(model: type[_E], value: bytes) -> _E:
    try:
        return model.model_validate_json(value)
    except ValidationError as error:
        refusal = _refusal(error, value)
    # Outside of the except block: the refusal has no context that could print what it must not.
    raise refusal


def _decode_within(model: type[_E], value: bytes, limits: Limits) -> _E:
    """Decodes what somebody else wrote: nothing past the record's limit is parsed, no field is past its own."""
    if len(value) > limits.record_bytes:
        raise InvalidRecord(
            Reason.TOO_LARGE, f"value: {len(value)} bytes, at most {limits.record_bytes} are allowed; not parsed"
        )
    event = _decode(model, value)
    for field, limit in _LIMITED_FIELDS[model].items():
        content: str | dict[str, str] | list[str] | None = getattr(event, field)
        if isinstance(content, dict):
            _check_size(field, len(content), limits.metadata_entries, "entries")
        if isinstance(content, list):
            for number, text in enumerate(content):
                _check_size(f"{field}.{number}", len(text), getattr(limits, limit), "characters")
        else:
            _check_size(field, _chars_in(content), getattr(limits, limit), "characters")
    return event


def _refusal(error: ValidationError, value: bytes) -> InvalidRecord:
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    if errors[0]["type"] == "json_invalid":
        return InvalidRecord(Reason.UNDECODABLE, errors[0]["msg"])
    try:
        # Only a record that is refused anyway is parsed a second time, to tell NaN (no JSON) from a wrong type.
        from_json(value, allow_inf_nan=False)
    except ValueError as json_error:
        return InvalidRecord(Reason.UNDECODABLE, f"Invalid JSON: {json_error}")
    too_large = all(details["type"] in _LENGTH_ERRORS for details in errors)
    described = [_describe(details) for details in errors[:_DETAIL_ERRORS]]
    more = [f"and {len(errors) - _DETAIL_ERRORS} more"] if len(errors) > _DETAIL_ERRORS else []
    return InvalidRecord(Reason.TOO_LARGE if too_large else Reason.INVALID_EVENT, "; ".join(described + more))


def _describe(error: ErrorDetails) -> str:
    place = error["loc"]
    message = error["msg"].removeprefix("Value error, ")
    if not place:
        return message
    if place[0] in {"metadata", "attributes", "filter"} and len(place) > 1:
        # What follows are the sender's own names.
        return f"{place[0]}: {message}"
    return f"{'.'.join(_shown(step) for step in place)}: {message}"


def _shown(step: int | str) -> str:
    name = str(step)
    return name if isinstance(step, int) or _FIELD_NAME.fullmatch(name) else f"(a name of {len(name)} characters)"


def _chars_in(content: str | dict[str, str] | None) -> int:
    if isinstance(content, dict):
        return sum(len(name) + len(text) for name, text in content.items())
    return len(content or "")


def _check_size(field: str, size: int, limit: int, unit: str) -> None:
    if size > limit:
        raise InvalidRecord(Reason.TOO_LARGE, f"{field}: {size} {unit}, at most {limit} are allowed")
