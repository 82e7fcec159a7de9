"""Reads CloudEvents in structured content mode: the value is an envelope in JSON, and our event is its data.

    application/cloudevents+json: {"specversion": ..., "type": ..., "data": {...}}  ──>  binary mode: data, ce_* headers

Format: CloudEvents 1.0.2, "Kafka Protocol Binding", section 3.3, and "JSON Event Format", sections 2 and 3. Whose type,
source and id they are does not matter; attributes that are not known are extensions.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from spanstream.consumer.formats.translator import Message
from spanstream.schemas.cloudevents import CONTENT_TYPE
from spanstream.schemas.errors import InvalidRecord, Reason

_HEADER: Final = "content-type"
_PREFIX: Final = b"application/cloudevents"
_STRUCTURED: Final = "application/cloudevents+json"

Attribute = Annotated[str, Field(min_length=1)]


class _Envelope(BaseModel):
    """A CloudEvent, with its extension attributes in `model_extra`."""

    model_config = ConfigDict(strict=True, extra="allow", hide_input_in_errors=True)

    specversion: Literal["1.0"]
    id: Attribute
    source: Attribute
    type: Attribute
    datacontenttype: Attribute | None = None
    data: Any = None
    data_base64: str | None = None


class StructuredMode:
    """Takes the envelope off; a record in binary mode, or that is no CloudEvent, is left as it is."""

    def translate(self, message: Message) -> Message:
        """Returns the same event in binary mode.

        Raises:
            InvalidRecord: it is no CloudEvent, or its data is no JSON.
        """
        content_type = message.header(_HEADER) if message.headers else None
        if content_type is None or not content_type.lower().startswith(_PREFIX):
            return message
        if _media_type(content_type.decode(errors="replace")) != _STRUCTURED:
            raise InvalidRecord(Reason.UNDECODABLE, f"{_HEADER}: of CloudEvents only {_STRUCTURED} is read")
        envelope = _parsed(message.value)
        kept = tuple(header for header in message.headers if header[0] != _HEADER)
        return Message(_data(envelope), (*kept, *_attributes(envelope)))


def _parsed(value: bytes) -> _Envelope:
    try:
        return _Envelope.model_validate_json(value)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if details["type"] == "json_invalid":
        raise InvalidRecord(Reason.UNDECODABLE, details["msg"])
    raise InvalidRecord(Reason.INVALID_EVENT, f"cloudevent: {'.'.join(map(str, details['loc']))}: {details['msg']}")


def _data(envelope: _Envelope) -> bytes:
    """Returns the data as bytes of JSON; what they say is for the next one to judge."""
    given = envelope.model_fields_set & {"data", "data_base64"}
    if len(given) != 1:
        raise InvalidRecord(Reason.INVALID_EVENT, "cloudevent: should have data or data_base64")
    media_type = _media_type(envelope.datacontenttype or CONTENT_TYPE)
    if not (media_type.endswith(("/json", "+json"))):
        raise InvalidRecord(Reason.INVALID_EVENT, "cloudevent: datacontenttype: should be JSON")
    if envelope.data_base64 is None:
        return to_json(envelope.data)
    try:
        return base64.b64decode(envelope.data_base64, validate=True)
    except (binascii.Error, ValueError):
        refusal = InvalidRecord(Reason.INVALID_EVENT, "cloudevent: data_base64: is not Base64")
    raise refusal


def _attributes(envelope: _Envelope) -> tuple[tuple[str, bytes], ...]:
    """Returns the attributes as headers of binary mode."""
    attributes = envelope.model_dump(include={"specversion", "id", "source", "type"}) | (envelope.model_extra or {})
    named = ((f"ce_{name}", value.encode()) for name, value in attributes.items() if isinstance(value, str))
    return (*named, (_HEADER, (envelope.datacontenttype or CONTENT_TYPE).encode()))


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
