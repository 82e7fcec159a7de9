"""Defines what people say of answers, version 1: feedback comes in, and what holds of it is kept as a label.

    Question, Answer, Document ──> somebody looks ──> Feedback ── checked against the document ──> label (a Feedback)

A label is the feedback itself, with everything filled in. It is complete: with the text of its document it makes an
example, `question`, text and `span`.
"""

from __future__ import annotations

import uuid
from typing import Final, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from spanstream.schemas.answer_parts import Span
from spanstream.schemas.fields import (
    Closed,
    Identifier,
    Metadata,
    Name,
    Sha256,
    Text,
    UtcTime,
    can_be_seen,
)

Verdict = Literal["accepted", "corrected", "no_answer", "unsure"]
"""What somebody says of an answer; the set is closed in version 1."""

WITH_SPAN: Final = frozenset({"accepted", "corrected"})
"""The verdicts that quote the document."""

FEEDBACK_NAMESPACE: Final = uuid.UUID("642e3c12-501c-4bd5-8e0c-36306cda6503")
"""The namespace of derived feedback ids (RFC 9562, version 5). Drawn once: another would make a redelivery new."""

_FIELD_SEPARATOR: Final = "\t"  # no id holds a control character


class TicketField(Closed):
    """A field of a ticket's triage record."""

    ticket_id: Identifier = Field(description="The ticket.")
    name: Name = Field(description="The field, as the playbook names it.")


class Feedback(Closed):
    """What somebody says of one answer: of a question's, or of a field's in a ticket's triage record."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                {
                    "oneOf": [
                        {
                            "required": ["document_id", "document_sha256"],
                            "properties": {"document_id": {"type": "string"}, "document_sha256": {"type": "string"}},
                        },
                        {"required": ["context"], "properties": {"context": {"type": "string"}}},
                    ]
                },
                {
                    "anyOf": [
                        {"required": ["question_id"], "properties": {"question_id": {"type": "string"}}},
                        {"required": ["field"], "properties": {"field": {"type": "object"}}},
                    ]
                },
                {
                    "oneOf": [
                        {
                            "required": ["span"],
                            "properties": {"verdict": {"enum": ["accepted", "corrected"]}, "span": {"type": "object"}},
                        },
                        {"properties": {"verdict": {"enum": ["no_answer", "unsure"]}, "span": {"type": "null"}}},
                    ]
                },
            ]
        }
    )

    feedback_id: Identifier | None = Field(
        default=None,
        description="Names this feedback, so that a redelivery is known; null or absent: derived from all the rest.",
    )
    question_id: Identifier | None = Field(
        default=None, description="The question that was answered. Null or absent: see field."
    )
    field: TicketField | None = Field(
        default=None, description="The field of a triage record that was looked at. Null or absent: see question_id."
    )
    document_id: Identifier | None = Field(
        default=None,
        description="The document that was looked at; the record's key is exactly its UTF-8 bytes. Null: see context.",
    )
    context: Text | None = Field(
        default=None,
        repr=False,
        description="The text that was looked at, brought along as the question did. Null or absent: see document_id.",
    )
    document_sha256: Sha256 | None = Field(
        default=None,
        description="The version that was looked at: SHA-256 of the text's UTF-8 bytes; always given with document_id.",
    )
    question: Text = Field(
        repr=False,
        description="What was asked; at least one character of it can be seen.",
        # Looser than `can_be_seen`: as much of it as a pattern can say.
        json_schema_extra={"pattern": r"\S"},
    )
    verdict: Verdict = Field(
        description="accepted: span was the answer, and is right; corrected: span is right; no_answer: the text does "
        "not say; unsure: who looked cannot tell."
    )
    span: Span | None = Field(
        default=None, description="The right piece of the document, verbatim; null with no_answer and unsure."
    )
    by: Text | None = Field(
        default=None, repr=False, description="Who says so, best a pseudonym; it is kept as long as the label."
    )
    given_at: UtcTime = Field(
        description="When it was said: UTC, ISO 8601, milliseconds. Of several on one answer the latest counts."
    )
    source: Literal["person", "suggested"] | None = Field(
        default="person",
        description="person, or suggested: by a model; never takes a person's place. Null or absent: person.",
    )
    metadata: Metadata = Field(default_factory=dict, repr=False, description="Free text values by name; kept as given.")

    @field_validator("question")
    @classmethod
    def _can_be_seen(cls, question: str) -> str:
        return can_be_seen(question)

    @field_validator("source", mode="before")
    @classmethod
    def _is_a_persons_by_default(cls, source: object) -> object:
        return "person" if source is None else source

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.document_id is None) == (self.context is None):
            raise ValueError("exactly one of document_id and context should be given")
        if self.document_id is not None and self.document_sha256 is None:
            raise ValueError("document_sha256 should be given with document_id")
        if self.question_id is None and self.field is None:
            raise ValueError("question_id or field should be given")
        if (self.verdict in WITH_SPAN) != (self.span is not None):
            raise ValueError("span should be given if and only if verdict is accepted or corrected")
        return self

    @property
    def label_key(self) -> str:
        """What the feedback is about, the key of its label: the field of a ticket, or else the question."""
        if self.field is not None:
            return field_key(self.field.ticket_id, self.field.name)
        return self.question_id or ""

    @property
    def record_key(self) -> str:
        """The key of its record: the document, so that who owns the one owns the other; else what it is about."""
        return self.document_id or self.label_key

    def identified(self) -> Self:
        """Returns the same feedback with its id: the given one, or one derived from all its fields."""
        if self.feedback_id is not None:
            return self
        identity = self.model_dump_json(exclude_none=True)
        return self.model_copy(update={"feedback_id": str(uuid.uuid5(FEEDBACK_NAMESPACE, identity))})


def field_key(ticket_id: str, name: str) -> str:
    """Returns the key of the label of a ticket's field."""
    return f"{ticket_id}{_FIELD_SEPARATOR}{name}"


def ticket_of(label_key: str) -> str | None:
    """Returns the ticket that a label's key names; None where it names a question."""
    ticket_id, separator, _ = label_key.partition(_FIELD_SEPARATOR)
    return ticket_id if separator else None
