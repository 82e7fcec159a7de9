"""Defines a chunk that is ready for inference: its planned questions, and what its other records have led to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from spanstream.consumer.answering.outcomes import RecordOutcome
from spanstream.consumer.answering.question_record import QuestionRecord
from spanstream.consumer.passages.fusion import RankedPassage
from spanstream.models.collection import RetrievedPlace
from spanstream.models.text.read_plan import ReadPlan
from spanstream.schemas.events import Question


@dataclass(frozen=True, slots=True)
class PlannedQuestion:
    """A question about one text, whose windows can be inferred."""

    record: QuestionRecord
    question: Question
    plan: ReadPlan

    @property
    def plans(self) -> tuple[ReadPlan, ...]:
        """What is read for it."""
        return (self.plan,)

    def with_plans(self, plans: Sequence[ReadPlan]) -> Self:
        """Returns the same question with its windows planned anew."""
        [plan] = plans
        return replace(self, plan=plan)


@dataclass(frozen=True, slots=True)
class PlannedCollectionQuestion:
    """A question about a collection, whose windows can be inferred.

    Attributes:
        record: the record.
        question: the event.
        plans: what is read for it: one plan for each document that holds passages, the best passage's first.
        passages: what was retrieved, the best first; of the latest versions of these documents.
    """

    record: QuestionRecord
    question: Question
    plans: tuple[ReadPlan, ...]
    passages: tuple[RankedPassage, ...]

    @property
    def versions(self) -> list[tuple[str, str]]:
        """The ids of the documents and their texts' SHA-256, in the order of the plans."""
        ids = places_by_document(self.passages)
        return [(document_id, plan.document.text_sha256) for document_id, plan in zip(ids, self.plans, strict=True)]

    @property
    def places(self) -> list[tuple[RetrievedPlace, ...]]:
        """What was retrieved of each document, in the order of the plans."""
        return list(places_by_document(self.passages).values())

    def with_plans(self, plans: Sequence[ReadPlan]) -> Self:
        """Returns the same question with its windows planned anew."""
        return replace(self, plans=tuple(plans))


def places_by_document(passages: Sequence[RankedPassage]) -> dict[str, tuple[RetrievedPlace, ...]]:
    """Returns the places of ranked passages by their documents' ids, the best passage's document first."""
    places: dict[str, tuple[RetrievedPlace, ...]] = {}
    for rank, passage in enumerate(passages, start=1):
        place = passage.place
        retrieved = RetrievedPlace(place.char_start, place.char_end, rank, passage.dense_rank, passage.lexical_rank)
        places[place.document_id] = (*places.get(place.document_id, ()), retrieved)
    return places


AnyPlannedQuestion = PlannedQuestion | PlannedCollectionQuestion


@dataclass(frozen=True, slots=True)
class PreparedChunk:
    """A chunk that is ready for inference.

    Attributes:
        records: all its records, in the order they were read.
        planned: the questions to be inferred.
        outcomes: what the other records have led to already.
    """

    records: tuple[QuestionRecord, ...]
    planned: tuple[AnyPlannedQuestion, ...]
    outcomes: tuple[RecordOutcome, ...]

    @property
    def windows(self) -> int:
        """Windows to be inferred."""
        return sum(len(plan.windows) for planned in self.planned for plan in planned.plans)
