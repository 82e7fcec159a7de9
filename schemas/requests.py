"""Defines what is asked at once and answered at once: a text with its questions, over HTTP or out of a file."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from spanstream.schemas.fields import AnswerCount, Closed, Identifier, Probability, Text, can_be_seen
from spanstream.schemas.limits import MAX_REQUEST_QUESTIONS


class AnswersRequest(Closed):
    """A text, and what is asked about it. Each question gets one answer, in the order of the questions."""

    text: Text = Field(repr=False, description="The text to read, which may be empty.")
    questions: Annotated[
        list[Annotated[Text, Field(json_schema_extra={"pattern": r"\S"}), AfterValidator(can_be_seen)]],
        Field(min_length=1, max_length=MAX_REQUEST_QUESTIONS),
    ] = Field(repr=False, description="What is asked; a person sees something of each.")
    document_id: Identifier | None = Field(
        default=None, description="Names the text in the answers. Null or absent: so is it there."
    )
    min_confidence: Probability | None = Field(
        default=None,
        description="Answer only with at least this calibrated probability, 0 to 1; null: the consumer's setting.",
    )
    max_answers: AnswerCount | None = Field(
        default=None, description="Answers to each question at most, 1 to 20: the candidate and alternatives; null: 1."
    )
