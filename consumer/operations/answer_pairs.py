"""Compares the answers of the stream with those of the second model that was tried beside it, question by question.

qa.answers.shadow ──┐
qa.labels ──────────┼── joined by question_id ──> a ModelComparison for each pair of models
qa.answers ─────────┘
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Final, NamedTuple

from spanstream.consumer.broker.protocols import PartitionReader
from spanstream.consumer.broker.reading import read_topic
from spanstream.consumer.clock import Clock
from spanstream.consumer.errors import Stop
from spanstream.consumer.formats.opening import open_formats
from spanstream.consumer.operations.labelling.sources import TopicSources
from spanstream.consumer.settings import Settings
from spanstream.models.metrics.squad_metrics import exact_score
from spanstream.models.spans.agreement import ModelAnswer
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.events import Answer
from spanstream.schemas.feedback import Feedback

_PATIENCE_SECONDS: Final = 30.0


class AnsweringModel(NamedTuple):
    """The model of an answer, as the answer names it."""

    name: str
    version: str
    calibration: str


@dataclass(slots=True)
class AnswerPairs:
    """The joined answers.

    Attributes:
        by_models: what the two said to each question, by the first and the second model.
        labelled: questions of whose right answer a person has told.
        first_alone: answers that the second model has none beside.
        second_alone: second answers whose first one does not stand in its topic.
        notes: what could not be read.
    """

    by_models: dict[tuple[AnsweringModel, AnsweringModel], list[tuple[ModelAnswer, ModelAnswer]]]
    labelled: int = 0
    first_alone: int = 0
    second_alone: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerJoin:
    """Joins the answers; records that cannot be read are passed over.

    Attributes:
        settings: name the topics.
        open_reader: opens a reader that follows nothing yet; each of them is closed.
        clock: bounds how long Kafka or a schema registry may be silent.
        since_ms: answers before it are left out, by the time of their record; None: none are.
    """

    settings: Settings
    open_reader: Callable[[], PartitionReader]
    clock: Clock
    since_ms: int | None = None

    def pairs(self) -> AnswerPairs:
        """Joins what stands in the topics now.

        Raises:
            Retryable: Kafka did not answer in time.
            Stop: Kafka refuses, or there is no topic of second answers.
        """
        topics = self.settings.topics
        labels, notes = self._labels()
        second = {answer.question_id: answer for answer in self._answers(topics.shadow_answers)}
        tried = len(second)
        joined = AnswerPairs(defaultdict(list), notes=notes)
        for answer in self._answers(topics.answers):
            other = second.pop(answer.question_id, None)  # a question that was asked twice counts once
            if other is None or not _are_of_one_text(answer, other):
                joined.first_alone += 1
                continue
            label = labels.get(answer.question_id)
            pair = (_model_answer(answer, label), _model_answer(other, label))
            joined.labelled += pair[0].right is not None
            joined.by_models[_model(answer), _model(other)].append(pair)
        joined.second_alone = tried - sum(map(len, joined.by_models.values()))
        return joined

    def _answers(self, topic: str) -> Iterator[Answer]:
        formats = open_formats(self.settings).patient(self.clock, _PATIENCE_SECONDS)
        with closing(self.open_reader()) as reader:
            for record in read_topic(reader, topic, clock=self.clock, patience_seconds=_PATIENCE_SECONDS):
                if self.since_ms is None or (record.timestamp_ms or 0) >= self.since_ms:
                    try:
                        yield formats.answer(record)
                    except InvalidRecord:
                        continue

    def _labels(self) -> tuple[dict[str, Feedback], tuple[str, ...]]:
        """Returns the label of each question that a person gave, and why there are none."""
        sources = TopicSources(self.settings, self.open_reader, self.clock)
        try:
            persons = [label for label in sources.labels() if label.source == "person"]
        except Stop as error:
            return {}, (f"who is right is not known: {error}",)
        return {label.question_id: label for label in persons if label.question_id is not None}, ()


def _model(answer: Answer) -> AnsweringModel:
    return AnsweringModel(answer.model.name, answer.model.version, answer.model.calibration)


def _are_of_one_text(answer: Answer, other: Answer) -> bool:
    """Whether both models read the same; of one collection, they may quote two documents."""
    if answer.collection is not None and answer.document_id != other.document_id:
        return answer.collection == other.collection
    return answer.document_sha256 == other.document_sha256


def _model_answer(answer: Answer, label: Feedback | None) -> ModelAnswer:
    return ModelAnswer(answer.answer, answer.confidence, _is_right(answer, label), answer.document_id)


def _is_right(answer: Answer, label: Feedback | None) -> bool | None:
    """Whether a person said the same of this text, by the official exact match; None where nobody has told."""
    if label is None or label.verdict == "unsure" or label.document_sha256 != answer.document_sha256:
        return None
    if label.span is None or answer.answer is None:
        return label.span is None and answer.answer is None
    return exact_score(label.span.text, answer.answer.text) == 1.0
