"""Makes records of what others write, checked by their readers' own decoder, and publishes them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from pydantic_core import from_json, to_json

from spanstream.consumer.broker.protocols import Outgoing, Publisher
from spanstream.consumer.feedback.checking import FindText, make_label
from spanstream.consumer.formats.event_writer import EventWriter
from spanstream.consumer.pii.hook import Redact
from spanstream.schemas.cloudevents import event_headers
from spanstream.schemas.codec import decode_document, decode_feedback, decode_question, decode_ticket, encode
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.events import Document, Question
from spanstream.schemas.feedback import Feedback
from spanstream.schemas.limits import Limits
from spanstream.schemas.triage import Ticket

_SOURCE = "spanstream/publish"
# A fixed namespace: the same event sent again has the same id.
_NAMESPACE = uuid.UUID("0a3c2f60-5a3f-4d0f-9d4b-6a4d5f0f5b1e")
_BATCH = 500
_JSON = EventWriter()
# Ids, metadata and what rules look at stay: a hook of the texts would not know what they mean.
_REDACTED_FIELDS: Final[Mapping[type, tuple[str, ...]]] = {
    Document: ("text", "title"),
    Question: ("question", "context"),
    Ticket: ("subject", "body"),
    Feedback: ("question", "context"),  # the span is checked against what the redaction leaves
}


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A line that is no event; `number` counts lines from 1."""

    number: int
    error: InvalidRecord


def document_record(
    line: bytes, topic: str, limits: Limits, writer: EventWriter = _JSON, redact: Redact | None = None
) -> Outgoing:
    """Makes the record of a document from a line; with a null text, the tombstone that deletes it.

    Args:
        line: the event as JSON.
        topic: where it goes.
        limits: how large it may be.
        writer: writes the event in the form that the topic has.
        redact: what its text and title go through.

    Raises:
        InvalidRecord: it is no document, or the redaction failed.
    """
    tombstone = _as_deleted_document(line)
    document = decode_document(line if tombstone is None else tombstone, limits)
    if tombstone is not None:
        return Outgoing(topic, document.document_id.encode(), None)
    document = decode_document(_redacted(document, redact), limits)
    event_id = str(uuid.uuid5(_NAMESPACE, f"{document.document_id}\n{sha256(encode(document)).hexdigest()}"))
    headers = event_headers(document, event_id, _SOURCE, datetime.now(UTC))
    return writer.record(topic, document.document_id.encode(), document, headers)


def question_record(
    line: bytes, topic: str, limits: Limits, writer: EventWriter = _JSON, redact: Redact | None = None
) -> Outgoing:
    """Makes the record of a question from a line; its key is its document's id, or its own where it names none.

    The question and its context are redacted; otherwise as `document_record`.

    Raises:
        InvalidRecord: it is no question, or the redaction failed.
    """
    question = decode_question(_redacted(decode_question(line, limits), redact), limits)
    headers = event_headers(question, str(uuid.uuid5(_NAMESPACE, question.question_id)), _SOURCE, datetime.now(UTC))
    key = question.document_id or question.question_id
    return writer.record(topic, key.encode(), question, headers)


def ticket_record(
    line: bytes, topic: str, limits: Limits, writer: EventWriter = _JSON, redact: Redact | None = None
) -> Outgoing:
    """Makes the record of a support ticket from a line.

    Its subject and body are redacted; otherwise as `document_record`.

    Raises:
        InvalidRecord: it is no ticket, or the redaction failed.
    """
    ticket = decode_ticket(_redacted(decode_ticket(line, limits), redact), limits)
    event_id = str(uuid.uuid5(_NAMESPACE, f"{ticket.ticket_id}\n{sha256(encode(ticket)).hexdigest()}"))
    headers = event_headers(ticket, event_id, _SOURCE, datetime.now(UTC))
    return writer.record(topic, ticket.ticket_id.encode(), ticket, headers)


def feedback_record(  # noqa: PLR0913, PLR0917  as the others, and what it is checked against
    line: bytes,
    topic: str,
    limits: Limits,
    writer: EventWriter = _JSON,
    redact: Redact | None = None,
    find: FindText | None = None,
) -> Outgoing:
    """Makes the record of a feedback from a line, with its id; refused is what would be no label now.

    Its question and context are redacted; otherwise as `document_record`.

    Args:
        line: the event as JSON.
        topic: where it goes.
        limits: how large it may be.
        writer: writes the event in the form that the topic has.
        redact: what its question and context go through.
        find: finds its document as it stands; None: it is not checked.

    Raises:
        InvalidRecord: it is no feedback, it does not hold, or the redaction failed.
    """
    feedback = decode_feedback(_redacted(decode_feedback(line, limits), redact), limits).identified()
    if find is not None:
        make_label(feedback, find)
    headers = event_headers(feedback, feedback.feedback_id or "", _SOURCE, feedback.given_at)
    return writer.record(topic, feedback.record_key.encode(), feedback, headers)


def publish_lines(
    lines: Iterable[bytes],
    to_record: Callable[[bytes], Outgoing],
    publisher: Publisher,
    refuse: Callable[[RefusedLine], None],
) -> int:
    """Publishes every line that is an event; blank lines are skipped.

    Returns:
        How many were published.

    Raises:
        Retryable: Kafka did not answer in time.
        Stop: Kafka refused.
    """
    published = 0
    batch: list[Outgoing] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            batch.append(to_record(line.strip()))
        except InvalidRecord as error:
            refuse(RefusedLine(number, error))
        if len(batch) >= _BATCH:
            publisher.publish(batch, {})
            published += len(batch)
            batch = []
    if batch:
        publisher.publish(batch, {})
    return published + len(batch)


def _redacted(event: Document | Question | Ticket | Feedback, redact: Redact | None) -> bytes:
    """Returns the event with its texts redacted, to be decoded: it may be longer than it was."""
    if redact is None:
        return encode(event)
    texts = {name: getattr(event, name) for name in _REDACTED_FIELDS[type(event)]}
    changes = {name: redact(text) for name, text in texts.items() if text is not None}
    return encode(event.model_copy(update=changes))


def _as_deleted_document(line: bytes) -> bytes | None:
    """Returns a line with a null text as a document with an empty text, to be decoded; None for any other line."""
    try:
        event = from_json(line)
    except ValueError:
        return None
    if isinstance(event, dict) and event.keys() == {"document_id", "text"} and event["text"] is None:
        return to_json({**event, "text": ""})
    return None
