"""Writes CloudEvents 1.0 attributes as Kafka headers (binary content mode).

    event ──> ce_specversion, ce_id, ce_type, ce_source, ce_time, content-type (, traceparent, tracestate)

Format: CloudEvents 1.0.2, "Kafka Protocol Binding", section 3.2: each attribute is a header `ce_<name>` in UTF-8, the
value of the record is the data alone, and `content-type` is the attribute `datacontenttype`. `traceparent` and
`tracestate` are the W3C Trace Context headers, passed on byte for byte, not attributes of the event.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from spanstream.schemas.events import Answer, Document, Question
from spanstream.schemas.feedback import Feedback
from spanstream.schemas.fields import format_time
from spanstream.schemas.triage import AnyEvent, Ticket, Triage

SPEC_VERSION: Final = "1.0"
CONTENT_TYPE: Final = "application/json"
TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"

# Of version 00 it has 55 bytes, of a later version somewhat more. What is longer is none, and would make answers large.
_MAX_TRACEPARENT_BYTES: Final = 256
# Trace Context, 3.3.1.5: at least so many are to be passed on.
MAX_TRACESTATE_BYTES: Final = 512

ANSWER_TYPE: Final = "dev.spanstream.answer.v1"
DOCUMENT_TYPE: Final = "dev.spanstream.document.v1"
FEEDBACK_TYPE: Final = "dev.spanstream.feedback.v1"
QUESTION_TYPE: Final = "dev.spanstream.question.v1"
TICKET_TYPE: Final = "dev.spanstream.ticket.v1"
TRIAGE_TYPE: Final = "dev.spanstream.triage.v1"

# Without the reversed domain name: the types of version 0.1.
_OUR_PREFIXES: Final = (b"dev.spanstream.", b"spanstream.")

ANSWER_NAMESPACE: Final = uuid.UUID("f3ab0c7b-f698-4522-b046-d64ea0f5ab9d")
"""The namespace of answer ids (RFC 9562, version 5). Drawn once, for this program alone. It must never change: a
redelivered question would give its answer a second id. No other system uses it, so no other system's ids collide."""


def answer_id(question_id: str, *, is_late: bool = False) -> str:
    """Returns the `ce_id` of the answer to this question: always the same, so a redelivery can be recognised.

    A late answer is another one than the `no_answer` before it, and has an id of its own.
    """
    of_question = uuid.uuid5(ANSWER_NAMESPACE, question_id)
    return str(uuid.uuid5(of_question, "again") if is_late else of_question)


def answer_headers(
    answer: Answer,
    source: str,
    traceparent: bytes | None,
    tracestate: bytes | None = None,
    *,
    is_late: bool = False,
) -> tuple[tuple[str, bytes], ...]:
    """Returns the headers of an answer's record.

    Args:
        answer: its `answered_at` is the event's time.
        source: a URI reference that names the deployment that answers; the same after a restart.
        traceparent: the question's own header, passed on where there is one.
        tracestate: the same.
        is_late: the question was declined before, and asked again when a document had come.
    """
    event_id = answer_id(answer.question_id, is_late=is_late)
    return event_headers(answer, event_id, source, answer.answered_at, traceparent, tracestate)


def event_headers(  # noqa: PLR0913, PLR0917  the attributes, and the context
    event: AnyEvent,
    event_id: str,
    source: str,
    time: datetime,
    traceparent: bytes | None = None,
    tracestate: bytes | None = None,
) -> tuple[tuple[str, bytes], ...]:
    """Returns the headers of an event's record.

    Args:
        event: decides the type.
        event_id: unique for the source; the same for the same event sent again.
        source: a URI reference that names the sender.
        time: when the event happened; it must know its zone.
        traceparent: the W3C Trace Context header, where there is one; one that is too long to be one is left out.
        tracestate: the one beside it; one that is too long is left out too.

    Raises:
        ValueError: an empty id or source (CloudEvents forbids them), or a time without a zone.
    """
    if not event_id or not source:
        raise ValueError("a CloudEvent needs an id and a source")
    attributes = {
        "ce_specversion": SPEC_VERSION,
        "ce_id": event_id,
        "ce_type": event_type(event),
        "ce_source": source,
        "ce_time": format_time(time),
        "content-type": CONTENT_TYPE,
    }
    headers = tuple((name, value.encode()) for name, value in attributes.items())
    if traceparent is None or len(traceparent) > _MAX_TRACEPARENT_BYTES:
        return headers
    headers = (*headers, (TRACEPARENT, traceparent))
    if tracestate is None or len(tracestate) > MAX_TRACESTATE_BYTES:
        return headers
    return (*headers, (TRACESTATE, tracestate))


def trace_context(headers: Iterable[tuple[str, bytes | None]]) -> tuple[bytes | None, bytes | None]:
    """Returns a record's `traceparent` and `tracestate`; the last ones count, as with Kafka's own `lastHeader`."""
    found = {name: value for name, value in headers if name in {TRACEPARENT, TRACESTATE}}
    return found.get(TRACEPARENT), found.get(TRACESTATE)


def is_ours(ce_type: bytes | None) -> bool:
    """Whether a `ce_type` header is one of ours, of whatever version: the value is JSON of ours then."""
    return ce_type is not None and ce_type.startswith(_OUR_PREFIXES)


def event_type(event: AnyEvent) -> str:
    """Returns the CloudEvents type of an event, with its version."""
    types: dict[type, str] = {
        Answer: ANSWER_TYPE,
        Document: DOCUMENT_TYPE,
        Feedback: FEEDBACK_TYPE,
        Question: QUESTION_TYPE,
        Ticket: TICKET_TYPE,
        Triage: TRIAGE_TYPE,
    }
    return types[type(event)]
