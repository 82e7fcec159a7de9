"""Reads labelled questions in the texts that a search found for them, as the stream does.

[FoundTexts] x Reader -> windows that hold the places -> the surest candidate -> [CollectionObservation]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spanstream.models.calibrating.collection import CollectionObservation
from spanstream.models.collection import DocumentReading, RetrievedPlace, best_document, features_of
from spanstream.models.errors import BuildError, InferenceFailed, InvalidSpan, QuestionTooLong
from spanstream.models.evaluation.observe import LabelledQuestion
from spanstream.models.inference.runner import WindowOutcome
from spanstream.models.reader import Reader
from spanstream.models.text.read_plan import ReadPlan
from spanstream.models.text.tokenization import TokenizedDocument
from spanstream.models.text.windowing import Window

Places = Mapping[str, tuple[RetrievedPlace, ...]]
"""What is read of each text: the places that were retrieved; none: whatever fits the question. The best text first."""


@dataclass(frozen=True, slots=True)
class FoundTexts:
    """A question, and what a search found for it."""

    question: LabelledQuestion
    places: Places


class CollectionObserver:
    """Reads what was found; keeps the tokens of texts.

    Args:
        reader: the model.
        kind: the collection's name.
    """

    def __init__(self, reader: Reader, kind: str) -> None:
        self._reader = reader
        self._kind = kind
        self._tokens: dict[str, TokenizedDocument] = {}

    def observe(self, found: Sequence[FoundTexts]) -> list[CollectionObservation]:
        """Reads all questions together.

        Raises:
            BuildError: one cannot be read; the text names its file and id.
        """
        plans = [self.plans(one) for one in found]
        outcomes = self._reader.score([plan for of_question in plans for plan in of_question])
        return [self._conclude(*both, outcomes) for both in zip(found, plans, strict=True)]

    def plans(self, found: FoundTexts) -> list[ReadPlan]:
        """Returns one plan for each text. Raises as `observe`."""
        plans = []
        for text, places in found.places.items():
            if text not in self._tokens:
                self._tokens[text] = self._reader.tokenize(text)
            ranges = [(place.char_start, place.char_end) for place in places]
            try:
                plans += self._reader.plan(text, self._tokens[text], [found.question.example.question], places=ranges)
            except QuestionTooLong as error:
                raise BuildError(f"{found.question.where}: {error}") from error
        return plans

    def _conclude(
        self, found: FoundTexts, plans: Sequence[ReadPlan], outcomes: Mapping[Window, WindowOutcome]
    ) -> CollectionObservation:
        try:
            answers = [self._reader.conclude(plan, outcomes) for plan in plans]
        except (InferenceFailed, InvalidSpan) as error:
            raise BuildError(f"{found.question.where}: {error}") from error
        readings = [DocumentReading(*both) for both in zip(answers, found.places.values(), strict=True)]
        best = best_document(readings)
        candidate = None if best is None else answers[best].candidate
        if best is None or candidate is None:
            return CollectionObservation(self._kind, found.question.example, "", None)
        return CollectionObservation(self._kind, found.question.example, candidate.text, features_of(readings, best))
