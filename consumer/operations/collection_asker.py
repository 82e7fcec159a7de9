"""Asks questions about a collection as the stream does, and shows what was retrieved; publishes nothing.

question -> Preparer (the passage index, the documents topic) -> Answerer -> the answer, with the passages' texts
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

from spanstream.consumer.answering.answer import Answerer
from spanstream.consumer.answering.open_collections import opened_retriever
from spanstream.consumer.answering.open_reader import open_reader
from spanstream.consumer.answering.outcomes import Outcomes, RecordOutcome
from spanstream.consumer.answering.planned import PlannedCollectionQuestion
from spanstream.consumer.answering.prepare import Preparer
from spanstream.consumer.answering.question_record import QuestionRecord
from spanstream.consumer.answering.steps import open_steps
from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.broker.protocols import Partition
from spanstream.consumer.cache.opening import open_cache
from spanstream.consumer.clock import Clock
from spanstream.consumer.errors import Retryable, Stop
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.opening import open_formats
from spanstream.consumer.replay.current_documents import CurrentDocuments
from spanstream.consumer.settings import Settings
from spanstream.schemas.codec import encode
from spanstream.schemas.dead_letters import Retry, from_headers
from spanstream.schemas.events import Answer, Question

_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class CollectionReply:
    """What a question of a collection led to.

    Attributes:
        question: what was asked.
        answer: the event that the stream would publish.
        texts: of the documents that hold the retrieved passages, by id.
    """

    question: Question
    answer: Answer
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CollectionAsker:
    """Answers questions about collections.

    Attributes:
        preparer: retrieves and plans.
        answerer: reads.
    """

    preparer: Preparer
    answerer: Answerer

    def replies(self, questions: Sequence[Question]) -> Iterator[CollectionReply]:
        """Yields one reply for each question, in their order.

        Raises:
            Stop: a question would not be answered now; the text says what the stream would say.
        """
        for number, question in enumerate(questions):
            place = Partition("asked", 0)
            record = QuestionRecord(place, number, question.question_id.encode(), encode(question))
            prepared, _ = self.preparer.prepare([record])
            [outcome] = self.answerer.answer(prepared)
            if outcome.answer is None:
                raise Stop(f"question {number + 1}: {_problem(outcome)}")
            texts = {
                document_id: plan.text
                for planned in prepared.planned
                if isinstance(planned, PlannedCollectionQuestion)
                for (document_id, _), plan in zip(planned.versions, planned.plans, strict=True)
            }
            yield CollectionReply(question, outcome.answer, texts)


def _problem(outcome: RecordOutcome) -> str:
    retry = Retry.from_headers(outcome.outgoing.headers) if outcome.outcome == "retried" else None
    return retry.detail if retry is not None else from_headers(outcome.outgoing.headers).detail


@contextmanager
def open_collection_asker(settings: Settings, clock: Clock) -> Iterator[CollectionAsker]:
    """Opens the model, the index and the documents topic, which is read to its end.

    Raises:
        Stop: one of them cannot be opened, or no index is set.
    """
    if settings.index.uri is None:
        raise Stop("there is no passage index to search", hint="set SPANSTREAM_INDEX__URI")
    with ExitStack() as stack:
        retriever = stack.enter_context(opened_retriever(settings.index, clock))
        reader = stack.enter_context(closing(open_reader(settings)))
        formats = open_formats(settings).patient(clock, _PATIENCE_SECONDS)
        kafka = KafkaPartitionReader(settings.kafka)
        current = stack.enter_context(closing(CurrentDocuments(kafka, settings, formats, clock, _PATIENCE_SECONDS)))
        try:
            documents = current.documents
        except Retryable as error:
            raise Stop(str(error)) from error
        manifest = reader.artifact.manifest
        outcomes = Outcomes(settings.topics, settings.retries, manifest, source=settings.event_source, clock=clock)
        steps = open_steps(
            settings,
            reader=reader,
            cache=open_cache(settings, reader, None),
            documents=documents,
            # The questions are this program's own, in JSON; the documents are in whatever form their topic has.
            formats=EventFormats(settings.limits),
            outcomes=outcomes,
            retriever=retriever,
            clock=clock,
        )
        yield CollectionAsker(steps.preparer, steps.answerer)
