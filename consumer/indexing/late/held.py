"""The questions that are open, with their vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from spanstream.consumer.broker.protocols import Record
from spanstream.consumer.indexing.cutting import CutDocument
from spanstream.consumer.passages.index import SearchScope
from spanstream.models.arrays import Float32Array
from spanstream.schemas.events import Question
from spanstream.schemas.open_questions import OpenQuestion


@dataclass(frozen=True, slots=True)
class HeldQuestion:
    """A question that is open.

    Attributes:
        record: of the topic of open questions.
        question: what is asked.
        opened: what is known of it.
        vector: the question's.
    """

    record: Record
    question: Question
    opened: OpenQuestion
    vector: Float32Array = field(repr=False)

    @property
    def key(self) -> bytes:
        """Its key in the topic of open questions."""
        return self.record.key or b""

    @property
    def scope(self) -> SearchScope:
        """What it searches."""
        return SearchScope(self.question.collection or "", self.question.filter)

    def searches(self, document: CutDocument) -> bool:
        """Whether a document is in what it searches."""
        in_collection = self.question.collection in document.collections
        return in_collection and self.question.filter.items() <= document.metadata.items()


class HeldQuestions:
    """All questions that are open, by key."""

    def __init__(self) -> None:
        self._held: dict[bytes, HeldQuestion] = {}
        self._matrix: Float32Array | None = None  # of their vectors, in their order; None: to be made anew

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: bytes) -> HeldQuestion | None:
        """Returns one; None where it is not open any more."""
        return self._held.get(key)

    def put(self, question: HeldQuestion) -> None:
        """Holds a question, in the place of what was held of it."""
        self._held[question.key] = question
        self._matrix = None

    def remove(self, key: bytes) -> None:
        """Forgets one, if it is held."""
        if self._held.pop(key, None) is not None:
            self._matrix = None

    def near(self, document: CutDocument, vectors: Sequence[Float32Array], floor: float) -> Iterator[HeldQuestion]:
        """Yields the questions that search a document, and are as near as this to one of its passages by cosine."""
        if not self._held or not vectors:
            return
        if self._matrix is None:
            self._matrix = np.stack([one.vector for one in self._held.values()])
        nearest = (self._matrix @ np.stack(vectors).T).max(axis=1)
        held = list(self._held.values())
        for row in np.flatnonzero(nearest >= floor):
            if held[row].searches(document):
                yield held[row]

    def overdue(self, before_ms: int, most: int) -> tuple[list[HeldQuestion], list[HeldQuestion]]:
        """Returns those open since before a time, and the oldest ones of the others that are more than allowed."""
        oldest = sorted(self._held.values(), key=lambda one: one.opened.since_ms)
        expired = [one for one in oldest if one.opened.since_ms <= before_ms]
        surplus = len(oldest) - len(expired) - most
        return expired, oldest[len(expired) : len(expired) + max(0, surplus)]
