"""Defines a mapping file, version 1: how another program's JSON becomes our documents, questions and tickets.

    foreign JSON -> root (what the others are about) -> one JMESPath expression a field -> event

Written in YAML by people. What an expression means is for whoever compiles it: here it is a text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from spanstream.schemas.fields import Closed, Name

EventKind = Literal["documents", "questions", "tickets"]

Expression = Annotated[str, Field(min_length=1, max_length=2_000)]
Label = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\u0000-\u001f]+$")]


class Constant(Closed):
    """The same text in every event."""

    constant: str = Field(description="The text.")


class PathOrDefault(Closed):
    """An expression, and what stands in its place where it gives nothing."""

    path: Expression = Field(description="A JMESPath expression.")
    default: str = Field(description="The text where the expression gives null.")


def _source_kind(value: Any) -> str | None:  # noqa: ANN401  what YAML has there
    if isinstance(value, str):
        return "path"
    if isinstance(value, Constant) or (isinstance(value, dict) and "constant" in value):
        return "constant"
    return "default" if isinstance(value, dict | PathOrDefault) else None


Source = Annotated[
    Annotated[Expression, Tag("path")]
    | Annotated[Constant, Tag("constant")]
    | Annotated[PathOrDefault, Tag("default")],
    Discriminator(
        _source_kind,
        custom_error_type="source",
        custom_error_message="should be a JMESPath expression, {path: ..., default: ...} or {constant: ...}",
    ),
]
"""Where the value of a field comes from."""

Sources = Annotated[dict[Label, Source], Field(max_length=1_024)]


class EventMapping(Closed):
    """What all kinds have in common."""

    root: Expression = Field(default="@", description="What the other expressions are about; by default all of it.")

    def sources(self) -> Iterator[tuple[tuple[str, ...], Source]]:
        """Yields where each field comes from, by its place: its name, and a key where it has entries."""
        for name in type(self).model_fields:
            source = getattr(self, name)
            if isinstance(source, dict):
                yield from (((name, key), inner) for key, inner in source.items())
            elif source is not None and name != "root":
                yield (name,), source


class DocumentMapping(EventMapping):
    """How a document is made."""

    document_id: Source = Field(description="The record's key has to be exactly this.")
    text: Source
    title: Source | None = None
    metadata: Sources = Field(default={}, description="By name; an expression that gives null makes no entry.")
    collections: Source | None = Field(default=None, description="Takes a list, or a text with commas between names.")


class QuestionMapping(EventMapping):
    """How a question is made; of document, context and collection a record may have one only."""

    question_id: Source
    question: Source
    document_id: Source | None = Field(default=None, description="The record's key has to be exactly this.")
    context: Source | None = None
    document_sha256: Source | None = None
    min_confidence: Source | None = Field(default=None, description="Takes a number.")
    metadata: Sources = Field(default={}, description="By name; an expression that gives null makes no entry.")
    max_answers: Source | None = Field(default=None, description="Takes a number.")
    collection: Source | None = None
    filter: Sources = Field(default={}, description="As metadata; only with a collection.")
    answer_again: Source | None = Field(default=None, description="Takes true or false; only with a collection.")


class TicketMapping(EventMapping):
    """How a ticket is made."""

    ticket_id: Source = Field(description="The record's key has to be exactly this.")
    subject: Source
    body: Source
    created_at: Source | None = None
    channel: Source | None = None
    customer: Source | None = None
    attributes: Sources = Field(default={}, description="By name; an expression that gives null makes no entry.")


class RecordMapping(Closed):
    """A mapping file."""

    mapping: Name = Field(description="Its name.")
    description: str | None = Field(default=None, description="Which records it is for.")
    documents: DocumentMapping | None = None
    questions: QuestionMapping | None = None
    tickets: TicketMapping | None = None

    @model_validator(mode="after")
    def _maps_something(self) -> Self:
        if not self.kinds:
            raise ValueError("should have documents, questions or tickets")
        return self

    @property
    def kinds(self) -> tuple[EventKind, ...]:
        """The kinds of event that it makes."""
        kinds: tuple[EventKind, ...] = ("documents", "questions", "tickets")
        return tuple(kind for kind in kinds if getattr(self, kind) is not None)
