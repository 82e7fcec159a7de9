"""Defines what an answer is made of: pieces of documents, what was looked at and read, and the model."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from spanstream.schemas.fields import Closed, Count, Identifier, Name, Probability, Sha256, is_empty, is_none
from spanstream.schemas.limits import MAX_FURTHER_PLACES


class Span(Closed):
    """A verbatim piece of a document: `text == document_text[char_start:char_end]`."""

    text: Annotated[str, Field(min_length=1)] = Field(repr=False, description="The piece itself, never empty.")
    char_start: Count = Field(description="Where it starts in the document's text, in Unicode code points from 0.")
    char_end: Count = Field(description="Where it ends, in Unicode code points, exclusive.")
    utf16_start: Count | None = Field(
        default=None,
        exclude_if=is_none,
        description="The same start in UTF-16 units, as JavaScript, Java and .NET count; there only on request.",
    )
    utf16_end: Count | None = Field(
        default=None, exclude_if=is_none, description="The same end in UTF-16 units, exclusive; there only on request."
    )

    @model_validator(mode="after")
    def _is_as_long_as_its_text(self) -> Self:
        if self.char_end - self.char_start != len(self.text):
            raise ValueError("char_end - char_start should be the number of code points of text")
        if self.utf16_start is None and self.utf16_end is None:
            return self
        if self.utf16_start is None or self.utf16_end is None:
            raise ValueError("utf16_start and utf16_end should be given together")
        if self.utf16_end - self.utf16_start != len(self.text) + sum(character > "\uffff" for character in self.text):
            raise ValueError("utf16_end - utf16_start should be the number of UTF-16 units of text")
        return self


class Place(Closed):
    """Where else the text of an answer stands in the document, as long as the answer itself."""

    char_start: Count = Field(description="Where it starts in the document's text, in Unicode code points from 0.")
    char_end: Count = Field(description="Where it ends, in Unicode code points, exclusive.")
    utf16_start: Count | None = Field(
        default=None, exclude_if=is_none, description="The same start in UTF-16 units; there only on request."
    )
    utf16_end: Count | None = Field(
        default=None, exclude_if=is_none, description="The same end in UTF-16 units; there only on request."
    )


FurtherPlaces = Annotated[list[Place], Field(max_length=MAX_FURTHER_PLACES)]


class Alternative(Closed):
    """Another answer: a piece of a document that shares no character with the candidate or another alternative."""

    span: Span = Field(description="The piece, at its best place.")
    further_places: FurtherPlaces = Field(
        default_factory=list,
        exclude_if=is_empty,
        description="Where else the same text stands, in the document's order, the first 100; absent where nowhere.",
    )
    confidence: Probability | None = Field(
        description="Calibrated probability, 0 to 1, that it is right; null: the model has none for alternatives."
    )
    null_score_diff: float = Field(
        description="Score of no answer minus its own, in logits: never less than the one before."
    )
    window: Annotated[Count, Field(ge=1)] = Field(
        description="The window it was found in, counted from 1, of its document's."
    )
    document_id: Identifier | None = Field(
        default=None,
        exclude_if=is_none,
        description="The document it quotes, where that is another one of the collection than the candidate's.",
    )
    document_sha256: Sha256 | None = Field(
        default=None, exclude_if=is_none, description="The version of that document; given with document_id."
    )

    @model_validator(mode="after")
    def _names_a_version(self) -> Self:
        if (self.document_id is None) != (self.document_sha256 is None):
            raise ValueError("document_id and document_sha256 should be given together")
        return self


class RetrievedPassage(Closed):
    """A passage that was looked at for the answer to a question about a collection."""

    document_id: Identifier = Field(description="The document that it is part of.")
    char_start: Count = Field(description="Where it starts in the document's text, in Unicode code points from 0.")
    char_end: Count = Field(description="Where it ends, in Unicode code points, exclusive.")
    score: float = Field(
        description="How well it fits the question, by meaning and by words; at most 1, higher is better."
    )


class WindowsRead(Closed):
    """How much of the document the model read; a window is at most 384 tokens of question and document."""

    total: Count = Field(
        description="Windows that the document has, with a collection all retrieved ones; 0 where the text is blank."
    )
    read: Count = Field(description="Windows that were read, at most total; fewer where retrieval picked some.")

    @model_validator(mode="after")
    def _read_no_more_than_there_are(self) -> Self:
        if self.read > self.total:
            raise ValueError("read should be at most total")
        return self


class ModelInfo(Closed):
    """What gave the answer: enough to say whether two confidences can be compared."""

    name: Name = Field(description="The model's name.")
    version: Name = Field(description="The version of its artifact.")
    precision: Name = Field(description="The number format of the weights that ran, such as int8 or fp32.")
    calibration: Name = Field(description="Names the calibration that turned the score into the confidence.")


def overlap(places: Iterable[Span | Place]) -> bool:
    """Whether two of these pieces of one document share a character."""
    edges = sorted((place.char_start, place.char_end) for place in places)
    return any(end > start for (_, end), (start, _) in pairwise(edges))
