"""Defines the events of the ticket stream, version 1: tickets come in, triage records go out.

    Ticket -> its text as a Document, the playbook's questions as Questions -> Answers -> Triage

Tickets are written by helpdesks of all kinds, so their time may be any RFC 3339 time; everything else is as closed as
the other events. A triage record is complete in itself: whoever acts on it needs neither the ticket nor the playbook.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema, model_validator

from spanstream.schemas.answer_parts import ModelInfo, Span
from spanstream.schemas.events import Event
from spanstream.schemas.feedback import Feedback
from spanstream.schemas.fields import (
    Closed,
    Count,
    Identifier,
    Metadata,
    Name,
    Probability,
    Sha256,
    Text,
    UtcTime,
    format_time,
)

_RFC3339_PATTERN = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$"
)


def _any_time(value: object) -> datetime:
    """Reads an RFC 3339 time with its zone, or a datetime that has one."""
    try:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(value if isinstance(value, str) else "")
        format_time(time)
    except (ValueError, OverflowError):
        # The library's message quotes its input.
        raise ValueError("should be a time with its zone (RFC 3339), as 2026-01-31T12:34:56Z") from None
    return time


AnyTime = Annotated[
    datetime,
    PlainValidator(_any_time),
    PlainSerializer(format_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": _RFC3339_PATTERN}),
]


class Ticket(Closed):
    """A helpdesk's support ticket. Its record is keyed by `ticket_id`; the last one counts, a null value deletes it."""

    ticket_id: Identifier = Field(description="Names the ticket; the record's key is exactly its UTF-8 bytes.")
    subject: Text = Field(repr=False, description="The subject line, which may be empty.")
    body: Text = Field(
        repr=False,
        description="The message: plain text or HTML, with quoted mails, signatures and logs as they come.",
    )
    created_at: AnyTime | None = Field(
        default=None, description="When it was written, RFC 3339; dates such as yesterday count from it."
    )
    channel: Text | None = Field(default=None, description="How it came, such as email, web or chat.")
    customer: Text | None = Field(default=None, description="Who wrote it, such as an account's name or number.")
    attributes: Metadata = Field(
        default_factory=dict,
        repr=False,
        description="More of the helpdesk's own, by name, for rules. content_type (text/plain, text/html): the body's.",
    )


class FieldStatus(StrEnum):
    """What became of one of the playbook's fields; the set is closed in version 1."""

    ANSWERED = "answered"
    """The ticket says it, surely enough and in the field's format."""
    NO_ANSWER = "no_answer"
    """The ticket does not say it."""
    LOW_CONFIDENCE = "low_confidence"
    """There is a candidate, with less than the field's least confidence."""
    BAD_FORMAT = "bad_format"
    """There is a sure candidate, and it has not the field's format."""
    DEAD_LETTERED = "dead_lettered"
    """The question became a dead letter."""
    TIMED_OUT = "timed_out"
    """The question had no outcome at the deadline; a late one makes a corrected record."""


class FieldResult(Closed):
    """One field of the playbook, for this ticket."""

    status: FieldStatus = Field(description="answered, or why there is no answer.")
    value: Text | None = Field(
        repr=False,
        description="What rules see: the answer as its format writes it, or the playbook's default; null: nothing.",
    )
    is_default: bool = Field(description="Whether the value is the playbook's default for a missing answer.")
    answer: Span | None = Field(description="The answer, a verbatim piece of the document; null where there is none.")
    candidate: Span | None = Field(
        description="The best piece found, even where it was not good enough; equal to answer where there is one."
    )
    confidence: Probability | None = Field(
        description="Calibrated probability, 0 to 1, that the candidate is right; null where nothing was read."
    )
    question: Text | None = Field(
        repr=False, description="The phrasing whose candidate it is; null where there is no candidate."
    )
    detail: Text | None = Field(
        description="One line more on a bad format or a dead letter (its reason); null elsewhere."
    )

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.status is FieldStatus.ANSWERED) != (self.answer is not None):
            raise ValueError("answer should be given if and only if status is answered")
        if self.answer is not None and self.answer != self.candidate:
            raise ValueError("candidate should equal answer where there is an answer")
        return self


class Reasons(Closed):
    """Why the first rule that matched did: one line each, as the playbook words it."""

    route: Text = Field(description="The reason of the route.")
    priority: Text = Field(description="The reason of the priority.")


class Cut(Closed):
    """A piece of the message that is not in the document."""

    kind: Literal["quoted_reply", "signature"] = Field(description="What it was taken for.")
    at: Count = Field(description="Where in the document it was, in Unicode code points.")
    chars: Count = Field(description="Its length, in Unicode code points of the message as text.")


class DocumentRead(Closed):
    """The text that the spans are places in; it stands on the documents topic under this id."""

    document_id: Identifier = Field(description="The document's id, and its record's key.")
    sha256: Sha256 = Field(description="SHA-256 of the text's UTF-8 bytes, lower-case hexadecimal.")
    from_html: bool = Field(description="Whether the body was HTML that was made text.")
    cut: Annotated[list[Cut], Field(max_length=64)] = Field(description="What was left out, in order.")


class PlaybookInfo(Closed):
    """Which playbook made the record."""

    name: Name = Field(description="The name that the playbook gives itself.")
    version: Name = Field(description="The version that the playbook gives itself.")
    sha256: Sha256 = Field(description="Of its content: two playbooks of one version that differ can be told apart.")


class Times(Closed):
    """When what happened: UTC, ISO 8601, milliseconds."""

    created_at: UtcTime | None = Field(description="When the ticket was written; null where it does not say.")
    received_at: UtcTime | None = Field(description="The ticket record's timestamp in Kafka; null: it had none.")
    asked_at: UtcTime = Field(description="When its questions were published.")
    decided_at: UtcTime = Field(description="When this record was made.")


class Triage(Closed):
    """What is to be done with a ticket. Keyed by `ticket_id`; of several records the highest revision counts."""

    ticket_id: Identifier = Field(description="The ticket.")
    revision: Annotated[int, Field(ge=1, le=2**31 - 1)] = Field(
        description="Counted from 1 for each ticket; a late answer or the ticket sent again makes the next one."
    )
    complete: bool = Field(description="Whether every question has its outcome; false: some timed out.")
    route: Name = Field(description="The queue that the ticket belongs to.")
    priority: Name = Field(description="How urgent it is.")
    reason: Reasons = Field(description="Why this route, and why this priority.")
    fields: dict[Name, FieldResult] = Field(repr=False, description="All fields of the playbook, by name.")
    ask_customer: Annotated[list[Text], Field(max_length=256)] = Field(
        description="What the playbook wants asked, for fields without an answer; in its order."
    )
    document: DocumentRead = Field(description="The text that was read.")
    playbook: PlaybookInfo = Field(description="What made the record.")
    models: Annotated[list[ModelInfo], Field(max_length=64)] = Field(
        description="What gave the answers: one, more while versions change, none where there was no answer."
    )
    times: Times = Field(description="When what happened.")


AnyEvent = Event | Ticket | Triage | Feedback
