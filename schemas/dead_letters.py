"""Reads and writes the headers of a record that failed (`dlq.*`) or that will be tried again (`retry.*`).

    failed record ── to_headers(DeadLetter, its headers) ──> dead-letter topic ── from_headers ──> DeadLetter
    early question ── Retry.to_headers(its headers) ──────> retry topic ──── Retry.from_headers ──> Retry

Key and value are the failed record's own, byte for byte, and so are its headers, in their order; only `dlq.*` and
`retry.*` are this system's. They are replaced, never stacked, so a record that fails again does not grow. All values
are UTF-8 text: numbers in decimal, times in ISO 8601, the candidate as JSON. Where a header occurs twice, the last one
counts, as with Kafka's own `lastHeader`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar

from pydantic import BeforeValidator, Field, JsonValue, ValidationError, WithJsonSchema
from pydantic_core import from_json, to_json

from spanstream.schemas.errors import DETAIL_CHARS, InvalidRecord, Reason, one_line
from spanstream.schemas.fields import Closed, UtcTime

__all__ = ["DeadLetter", "InvalidRecord", "Reason", "Retry", "Stage", "from_headers", "own_headers", "to_headers"]

Headers = tuple[tuple[str, bytes | None], ...]

DLQ_PREFIX: Final = "dlq."
DLQ_REASON: Final = "dlq.reason"
DLQ_DETAIL: Final = "dlq.detail"
DLQ_STAGE: Final = "dlq.stage"
DLQ_TOPIC: Final = "dlq.topic"
DLQ_PARTITION: Final = "dlq.partition"
DLQ_OFFSET: Final = "dlq.offset"
DLQ_TIMESTAMP: Final = "dlq.timestamp"
DLQ_ATTEMPT: Final = "dlq.attempt"
DLQ_FAILED_AT: Final = "dlq.failed_at"
DLQ_CANDIDATE: Final = "dlq.candidate"
DLQ_MODEL: Final = "dlq.model"
"""Name and version of the model. No field of `DeadLetter`: readers of version 1 ignore headers they do not know."""

DLQ_OMITTED: Final = "dlq.omitted"
"""Bytes of the record that this topic did not take: value and own headers are left out, a long key too. No field of
`DeadLetter` either."""

RETRY_PREFIX: Final = "retry."
RETRY_ATTEMPT: Final = "retry.attempt"
RETRY_DUE: Final = "retry.due"
RETRY_REASON: Final = "retry.reason"
RETRY_DETAIL: Final = "retry.detail"
RETRY_TOPIC: Final = "retry.topic"
RETRY_PARTITION: Final = "retry.partition"
RETRY_OFFSET: Final = "retry.offset"
RETRY_TIMESTAMP: Final = "retry.timestamp"

DLQ_HEADERS: Final[Mapping[str, str]] = {
    "reason": DLQ_REASON,
    "detail": DLQ_DETAIL,
    "stage": DLQ_STAGE,
    "topic": DLQ_TOPIC,
    "partition": DLQ_PARTITION,
    "offset": DLQ_OFFSET,
    "timestamp_ms": DLQ_TIMESTAMP,
    "attempt": DLQ_ATTEMPT,
    "failed_at": DLQ_FAILED_AT,
    "candidate": DLQ_CANDIDATE,
}
"""The header of each field of a `DeadLetter`, in the order they are written."""

RETRY_HEADERS: Final[Mapping[str, str]] = {
    "attempt": RETRY_ATTEMPT,
    "due_ms": RETRY_DUE,
    "reason": RETRY_REASON,
    "detail": RETRY_DETAIL,
    "topic": RETRY_TOPIC,
    "partition": RETRY_PARTITION,
    "offset": RETRY_OFFSET,
    "timestamp_ms": RETRY_TIMESTAMP,
}
"""The header of each field of a `Retry`, in the order they are written."""


class Stage(StrEnum):
    """Where in the consumer a record failed."""

    DECODE = "decode"
    """Bytes to event."""
    RESOLVE = "resolve"
    """Question to document."""
    PREPARE = "prepare"
    """Document to windows."""
    INFER = "infer"
    """Windows to logits."""
    VALIDATE = "validate"
    """Span against text."""


def _plain_json(value: object) -> object:
    """Passes a value through JSON: NaN becomes null, a tuple a list, an unknown object its `str`."""
    return from_json(to_json(value, inf_nan_mode="null", fallback=str))


# A dead letter must always be writable, so a detail is put on one line instead of being refused.
_Detail = Annotated[
    str,
    BeforeValidator(lambda value: one_line(value) if isinstance(value, str) else value),
    Field(max_length=DETAIL_CHARS),
]
_Topic = Annotated[str, Field(min_length=1, max_length=249)]
_DIGITS: Final = re.compile("[0-9]{1,19}")
_INT64: Final = 2**63 - 1
_INT32: Final = 2**31 - 1
# In headers numbers are text, and that is what the JSON Schema of the headers describes.
_DECIMAL: Final = WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,19}$"})
_Int64 = Annotated[int, Field(ge=0, le=_INT64), _DECIMAL]
_Int32 = Annotated[int, Field(ge=0, le=_INT32), _DECIMAL]
_Attempt = Annotated[int, Field(ge=1, le=_INT32), WithJsonSchema({"type": "string", "pattern": "^[1-9][0-9]{0,9}$"})]
_Candidate = Annotated[
    dict[str, JsonValue],
    BeforeValidator(_plain_json),
    WithJsonSchema({"type": "string", "contentMediaType": "application/json"}),
]


class DeadLetter(Closed):
    """Why a record failed, and where it stood."""

    reason: Reason = Field(description="Why it failed; the set is closed.")
    detail: _Detail = Field(description="One line for a person, at most 300 characters; never a question's text.")
    stage: Stage = Field(description="Where in the consumer it failed.")
    topic: _Topic = Field(description="The topic the record was read from.")
    partition: _Int32 = Field(description="The partition it was read from.")
    offset: _Int64 = Field(description="Its Kafka offset there.")
    timestamp_ms: _Int64 | None = Field(
        default=None, description="The record's own timestamp, milliseconds since the epoch; absent: it had none."
    )
    attempt: _Attempt = Field(description="Which attempt failed for good, counted from 1.")
    failed_at: UtcTime = Field(description="When it failed: UTC, ISO 8601, milliseconds.")
    candidate: _Candidate | None = Field(
        default=None, repr=False, description="The span that failed validation, a JSON object; absent elsewhere."
    )


class Retry(Closed):
    """When a question is to be tried again, and where it first stood."""

    attempt: _Attempt = Field(description="Attempts made so far, counted from 1.")
    due_ms: _Int64 = Field(description="Not to be tried before this time, milliseconds since the epoch.")
    reason: Reason = Field(description="Why the last attempt failed.")
    detail: _Detail = Field(description="One line for a person, at most 300 characters; never a question's text.")
    topic: _Topic = Field(description="The topic where the question first stood.")
    partition: _Int32 = Field(description="The partition where it first stood.")
    offset: _Int64 = Field(description="The Kafka offset where it first stood.")
    timestamp_ms: _Int64 | None = Field(
        default=None, description="Its timestamp there, milliseconds since the epoch; absent: it had none."
    )

    def to_headers(self, original_headers: Iterable[tuple[str, bytes | None]]) -> Headers:
        """Returns the record's own headers in their order, then these; earlier `dlq.*` and `retry.*` are gone."""
        return own_headers(original_headers) + _header_pairs(self, RETRY_HEADERS)

    @staticmethod
    def from_headers(headers: Iterable[tuple[str, bytes | None]]) -> Retry | None:
        """Reads the `retry.*` headers; None where there is none.

        Raises:
            InvalidRecord: `undecodable` for a header that is not UTF-8, `invalid_event` for a missing or wrong one.
        """
        texts = _texts(headers, RETRY_PREFIX, RETRY_HEADERS)
        return _read(Retry, texts, RETRY_HEADERS) if texts else None


def own_headers(headers: Iterable[tuple[str, bytes | None]]) -> Headers:
    """Returns the record's own headers in their order: all but `dlq.*` and `retry.*`."""
    return tuple((name, value) for name, value in headers if not name.startswith((DLQ_PREFIX, RETRY_PREFIX)))


def to_headers(letter: DeadLetter, original_headers: Iterable[tuple[str, bytes | None]]) -> Headers:
    """Returns the record's own headers in their order, then the letter's; earlier `dlq.*` and `retry.*` are gone."""
    return own_headers(original_headers) + _header_pairs(letter, DLQ_HEADERS)


def from_headers(headers: Iterable[tuple[str, bytes | None]]) -> DeadLetter:
    """Reads the letter that `to_headers` wrote; other headers are not looked at.

    Raises:
        InvalidRecord: `undecodable` for a header that is not UTF-8 or a candidate that is not JSON, `invalid_event`
            for a missing or wrong one. The line names the headers.
    """
    return _read(DeadLetter, _texts(headers, DLQ_PREFIX, DLQ_HEADERS), DLQ_HEADERS)


_M = TypeVar("_M", DeadLetter, Retry)


def _header_pairs(model: DeadLetter | Retry, names: Mapping[str, str]) -> Headers:
    fields = model.model_dump(mode="json", exclude_none=True)
    return tuple((names[field], _text(fields[field]).encode()) for field in names if field in fields)


def _text(value: object) -> str:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


def _texts(headers: Iterable[tuple[str, bytes | None]], prefix: str, names: Mapping[str, str]) -> dict[str, str]:
    """Returns the texts of the known headers by name; others of the prefix, unknown to version 1, are left alone."""
    known = frozenset(names.values())
    texts: dict[str, str] = {}
    for name, value in headers:
        if not name.startswith(prefix) or name not in known:
            continue
        if value is None:
            raise InvalidRecord(Reason.INVALID_EVENT, f"header {name}: it has no value")
        try:
            texts[name] = value.decode()
        except UnicodeDecodeError:
            raise InvalidRecord(Reason.UNDECODABLE, f"header {name}: it is not UTF-8") from None
    return texts


def _decimal(text: str) -> int:
    if _DIGITS.fullmatch(text) is None:
        raise ValueError("it is not a decimal number")
    return int(text)


def _json_object(text: str) -> object:
    try:
        value = from_json(text, allow_inf_nan=False)
    except ValueError:
        raise InvalidRecord(Reason.UNDECODABLE, f"header {DLQ_CANDIDATE}: it is not JSON") from None
    if not isinstance(value, dict):
        # Null too: where there is no candidate, there is no header.
        raise ValueError("it is not a JSON object")  # noqa: TRY004  wrong text, not a wrong argument
    return value


def _reason(text: str) -> Reason:
    if text not in set(Reason):
        raise ValueError("it is not one of " + ", ".join(Reason))
    return Reason(text)


def _stage(text: str) -> Stage:
    if text not in set(Stage):
        raise ValueError("it is not one of " + ", ".join(Stage))
    return Stage(text)


_PARSERS: Final[Mapping[str, Callable[[str], object]]] = {
    "reason": _reason,
    "stage": _stage,
    "partition": _decimal,
    "offset": _decimal,
    "timestamp_ms": _decimal,
    "attempt": _decimal,
    "due_ms": _decimal,
    "candidate": _json_object,
}
"""How a field's text is parsed; fields not listed stay text."""


def _read(model: type[_M], texts: Mapping[str, str], names: Mapping[str, str]) -> _M:
    values: dict[str, Any] = {}
    for field, name in names.items():
        if name in texts:
            try:
                values[field] = _PARSERS.get(field, str)(texts[name])
            except ValueError as error:
                raise InvalidRecord(Reason.INVALID_EVENT, f"header {name}: {error}") from None
        elif model.model_fields[field].is_required():
            raise InvalidRecord(Reason.INVALID_EVENT, f"header {name}: it is missing")
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    raise InvalidRecord(Reason.INVALID_EVENT, f"header {names[str(first['loc'][0])]}: {first['msg']}")
