"""Questions to label, and labels: what somebody says is the answer to a question about a text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from spanstream.models.metrics.squad_files import Example

# Metadata of questions that were drawn, which their labels keep: how, of which group, and with what chance.
SAMPLING: Final = "sampling"
SAMPLING_GROUP: Final = "sampling_group"
INCLUSION_PROBABILITY: Final = "inclusion_probability"
# Metadata that says which answer was looked at: its text, where it was given, and what it promised.
ANSWER: Final = "answer"
ANSWER_CONFIDENCE: Final = "answer_confidence"
ANSWER_CALIBRATION: Final = "answer_calibration"
ANSWERED_AT: Final = "answered_at"

CharSpan = tuple[int, int]
"""(char_start, char_end) in a text."""


@dataclass(frozen=True, slots=True)
class Task:
    """A question that is to be labelled, or was.

    Attributes:
        question_id: of the question.
        document_id: of its document; None: the question brought its text along.
        text: the version of the document that is looked at.
        question: as asked.
        candidate: what the model would answer; None where it has nothing to offer.
        metadata: free text by name.
    """

    question_id: str
    document_id: str | None
    text: str
    question: str
    candidate: CharSpan | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def inclusion_probability(self) -> float | None:
        """The chance with which the question was drawn; None: nobody drew it, or nobody said how."""
        try:
            probability = float(self.metadata[INCLUSION_PROBABILITY])
        except (KeyError, ValueError):
            return None
        return probability if 0 < probability <= 1 else None


@dataclass(frozen=True, slots=True)
class Label:
    """One person's word on one question, or a model's suggestion.

    Attributes:
        task: the question.
        span: the right answer in its text; None: the text does not answer.
        by: who says so; empty where that is not told.
        given_at: when.
        is_suggested: a model says so, and no person has accepted it yet.
    """

    task: Task
    span: CharSpan | None
    by: str
    given_at: datetime
    is_suggested: bool = False

    @property
    def answer(self) -> str | None:
        """The right answer, verbatim; None where there is none."""
        return None if self.span is None else self.task.text[slice(*self.span)]

    @property
    def example(self) -> Example:
        """The question with this label alone as its gold answer, weighted by the chance that it was drawn."""
        task = self.task
        return Example(
            task.question_id,
            task.document_id or task.question_id,
            task.text,
            task.question,
            () if self.answer is None else (self.answer,),
            () if self.span is None else (self.span[0],),
            weight=1 / (task.inclusion_probability or 1.0),
        )
