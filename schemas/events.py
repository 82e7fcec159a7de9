"""Defines the events of version 1: documents and questions come in, answers go out.

    Document ─┐
              ├─> Answer (quotes the document: text[char_start:char_end])
    Question ─┘

Every event is frozen and closed: unknown fields are refused, nothing is converted, NaN and infinity are no numbers.
The texts are left out of `repr`, so that an event in a log line gives none of them away. How large a text may be is
not said here: limits are settings, and `spanstream.schemas.codec` applies them.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from spanstream.schemas.answer_parts import (
    Alternative,
    FurtherPlaces,
    ModelInfo,
    Place,
    RetrievedPassage,
    Span,
    WindowsRead,
    overlap,
)
from spanstream.schemas.fields import (
    AnswerCount,
    Closed,
    CollectionName,
    Collections,
    Identifier,
    Metadata,
    Probability,
    Sha256,
    Text,
    UtcTime,
    can_be_seen,
    is_empty,
    is_none,
)
from spanstream.schemas.limits import MAX_ANSWERS, MAX_RETRIEVED


def _is_false(value: object) -> bool:
    return value is False


class Document(Closed):
    """A text that questions are asked about. Its record is keyed by `document_id`; a null value deletes it."""

    document_id: Identifier = Field(description="Names the document; the record's key is exactly its UTF-8 bytes.")
    text: Text = Field(
        repr=False,
        description="The whole text, which may be empty. Places in it count Unicode code points.",
    )
    title: Text | None = Field(default=None, repr=False, description="For people; the model does not read it.")
    metadata: Metadata = Field(default_factory=dict, repr=False, description="Free text values by name; kept as given.")
    collections: Collections = Field(
        default_factory=list,
        exclude_if=is_empty,
        description="The collections it is found in by questions that name one; absent where in none.",
    )

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the text's UTF-8 bytes, 64 lower-case hexadecimal digits; the version of the document."""
        return hashlib.sha256(self.text.encode()).hexdigest()


class Question(Closed):
    """One question about a document, named (`document_id`) or brought along (`context`), or about a `collection`."""

    model_config = ConfigDict(
        json_schema_extra={
            # Not said: filter and answer_again need a collection. Registries take no branch that became narrower.
            "oneOf": [
                {"required": ["document_id"], "properties": {"document_id": {"type": "string"}}},
                {"required": ["context"], "properties": {"context": {"type": "string"}}},
                {
                    "required": ["collection"],
                    "properties": {"collection": {"type": "string"}, "document_sha256": {"type": "null"}},
                },
            ]
        }
    )

    question_id: Identifier = Field(
        description="Names the question; the answer's id is derived from it. The record's key without a document_id."
    )
    question: Text = Field(
        repr=False,
        description="What is asked; at least one character of it can be seen.",
        # Looser than `can_be_seen`: as much of it as a pattern can say.
        json_schema_extra={"pattern": r"\S"},
    )
    document_id: Identifier | None = Field(
        default=None,
        description="The document to read; the record's key is exactly its UTF-8 bytes. Null or absent: see context.",
    )
    context: Text | None = Field(
        default=None,
        repr=False,
        description="The text to read, brought along; it may be empty. Null or absent: see document_id.",
    )
    document_sha256: Sha256 | None = Field(
        default=None,
        description="Answer only this version: SHA-256 of the text's UTF-8 bytes, lower-case hexadecimal.",
    )
    min_confidence: Probability | None = Field(
        default=None,
        description="Answer only with at least this calibrated probability, 0 to 1; null: the consumer's setting.",
    )
    metadata: Metadata = Field(
        default_factory=dict, repr=False, description="Free text values by name; echoed in the answer."
    )
    max_answers: AnswerCount | None = Field(
        default=None,
        description="Answers at most, 1 to 20: the candidate, and alternatives where it is above 1; null: 1.",
    )
    collection: CollectionName | None = Field(
        default=None,
        description="The collection whose documents are searched for the answer. Null or absent: see document_id.",
    )
    filter: Metadata = Field(
        default_factory=dict,
        repr=False,
        exclude_if=is_empty,
        description="With a collection: only documents whose metadata has all these values.",
    )
    answer_again: bool = Field(
        default=False,
        exclude_if=_is_false,
        description="With a collection: where there is no answer, stay open for a while, and be answered by a later "
        "document that says it.",
    )

    @field_validator("question")
    @classmethod
    def _can_be_seen(cls, question: str) -> str:
        return can_be_seen(question)

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if sum(source is not None for source in (self.document_id, self.context, self.collection)) != 1:
            raise ValueError("exactly one of document_id, context and collection should be given")
        return self

    @model_validator(mode="after")
    def _searches_a_collection_only(self) -> Self:
        if self.collection is None and (self.filter or self.answer_again):
            raise ValueError("filter and answer_again should be given with a collection only")
        if self.collection is not None and self.document_sha256 is not None:
            raise ValueError("document_sha256 should not be given with a collection")
        return self


class Answer(Closed):
    """The answer to one question. Every field but the last two is always there, null where there is nothing to say."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"properties": {"status": {"const": "answered"}, "answer": {"type": "object"}}},
                {"properties": {"status": {"const": "no_answer"}, "answer": {"type": "null"}}},
            ]
        }
    )

    question_id: Identifier = Field(description="The question that is answered.")
    document_id: Identifier | None = Field(
        description="The document that was read, with a collection the candidate's; null for an inline context, or "
        "without a candidate."
    )
    document_sha256: Sha256 | None = Field(
        description="The version that was read: SHA-256 of the text's UTF-8 bytes, lower-case hexadecimal. Null only "
        "where no document of a collection gave a candidate."
    )
    status: Literal["answered", "no_answer"] = Field(
        description="answered: answer is given; no_answer: the document does not say, or not surely enough."
    )
    answer: Span | None = Field(description="The answer, a verbatim piece of the document; null with no_answer.")
    candidate: Span | None = Field(
        description="The best piece found, even where it was not good enough; equal to answer where there is one."
    )
    confidence: Probability = Field(
        description="Calibrated probability, 0 to 1, that the candidate is right: an exact match as SQuAD normalises."
    )
    null_score_diff: float | None = Field(
        description="Score of no answer minus score of the candidate, in logits; null where there is no candidate."
    )
    windows: WindowsRead = Field(description="How much of the document was read.")
    model: ModelInfo = Field(description="What gave the answer.")
    metadata: Metadata = Field(repr=False, description="The question's metadata, echoed.")
    answered_at: UtcTime = Field(description="When it was answered: UTC, ISO 8601, milliseconds.")
    further_places: FurtherPlaces = Field(
        default_factory=list,
        exclude_if=is_empty,
        description="Where else the candidate's text stands; absent where nowhere, or max_answers does not ask.",
    )
    alternatives: Annotated[list[Alternative], Field(max_length=MAX_ANSWERS - 1)] = Field(
        default_factory=list,
        exclude_if=is_empty,
        description="Other answers, the best first; absent where there are none, or max_answers does not ask for any.",
    )
    collection: CollectionName | None = Field(
        default=None, exclude_if=is_none, description="The collection that was asked; absent where none was."
    )
    retrieved: Annotated[list[RetrievedPassage], Field(max_length=MAX_RETRIEVED)] = Field(
        default_factory=list,
        exclude_if=is_empty,
        description="The passages of the collection that were looked at, the best first; absent where there are none.",
    )

    @field_validator("document_sha256", mode="before")
    @classmethod
    def _is_null_where_empty(cls, sha256: object) -> object:
        """Takes what Protobuf has for null."""
        return None if sha256 == "" else sha256

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.status == "answered") != (self.answer is not None):
            raise ValueError("answer should be given if and only if status is answered")
        if self.answer is not None and self.answer != self.candidate:
            raise ValueError("candidate should equal answer where there is an answer")
        if (self.candidate is None) != (self.null_score_diff is None):
            raise ValueError("null_score_diff should be given if and only if there is a candidate")
        return self

    @model_validator(mode="after")
    def _says_what_it_quotes(self) -> Self:
        if self.collection is None:
            if self.document_sha256 is None or self.retrieved:
                raise ValueError("document_sha256 should be given, and retrieved not, where no collection was asked")
            if any(other.document_id is not None for other in self.alternatives):
                raise ValueError("alternatives should name a document only where a collection was asked")
        elif not (self.document_id is None) == (self.document_sha256 is None) == (self.candidate is None):
            raise ValueError("document_id and document_sha256 should be the candidate's where a collection was asked")
        return self

    @model_validator(mode="after")
    def _answers_lie_apart(self) -> Self:
        if not self.further_places and not self.alternatives:
            return self
        if self.candidate is None:
            raise ValueError("further_places and alternatives should be given with a candidate only")
        places: dict[str | None, list[Span | Place]] = {self.document_id: [self.candidate, *self.further_places]}
        for other in self.alternatives:
            places.setdefault(other.document_id or self.document_id, []).extend([other.span, *other.further_places])
        if any(overlap(of_document) for of_document in places.values()):
            raise ValueError("candidate, alternatives and their further places should not overlap")
        return self


Event = Document | Question | Answer
