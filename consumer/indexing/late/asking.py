"""Asks open questions again when what they would be answered from has changed.

    qa.open-questions ──> HeldQuestions <── near? ── documents, once they are in the index
                                │
              other passages than it was declined with? ── no ──> it waits on
                                │ yes
                one transaction: the question (qa.questions), "is asked" (qa.open-questions), how far both were read

**A question is asked again where a search finds a passage that it was not declined with.** A document that comes is
compared by vectors first, so that few questions are searched for. The search is made as well when a question is opened:
a document may have come between its search and its record.

**Once each.** One process at a time does this: it holds a transactional id, and another one that takes it over fences
it. That a question is asked stands in its own record, written in the transaction that asks it; it is not asked again
before the consumers have said what came of it. Only what both topics held before the committed offsets is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog

from spanstream.consumer.answering.open_questions import closed, marks_of
from spanstream.consumer.broker.protocols import Outgoing, Partition, PartitionReader, ProgressPublisher, Record
from spanstream.consumer.clock import Clock, Deadline
from spanstream.consumer.errors import Retryable
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.indexing.cutting import CutDocument, DocumentCutter
from spanstream.consumer.indexing.document_tail import DocumentTail, Slice
from spanstream.consumer.indexing.generations import CurrentGeneration
from spanstream.consumer.indexing.late.held import HeldQuestion, HeldQuestions
from spanstream.consumer.indexing.late.vectors import QuestionVectors
from spanstream.consumer.indexing.metrics import IndexMetrics
from spanstream.consumer.passages.index import IndexDescription, PassageIndex
from spanstream.consumer.passages.retrieval import Embedder, search
from spanstream.consumer.settings import IndexSettings, TopicSettings
from spanstream.models.arrays import Float32Array
from spanstream.schemas.errors import InvalidRecord, Reason
from spanstream.schemas.events import Question
from spanstream.schemas.open_questions import AskedAgain, OpenQuestion, without_open

_log = structlog.get_logger(__name__)

NEAR: Final = 0.1
"""Cosine of a question and a passage from which on the question is searched for; measured in docs/collections.md."""

_READ_RECORDS: Final = 256
_SEARCHES_A_TURN: Final = 32
# Marks of a question: each is 13 bytes of its records.
_REMEMBERED: Final = 200
# Seconds.
_IDLE_POLL: Final = 0.1
_LOOK_EVERY: Final = 2.0
_COMMIT_EVERY: Final = 1.0
_CLOSE_EVERY: Final = 5.0


@dataclass(frozen=True, slots=True)
class LateParts:
    """What open questions are asked again with; readers, publisher and generation are used for nothing else.

    Attributes:
        documents: reads the documents topic.
        opened: reads the topic of open questions.
        publisher: asks, and commits how far both were read.
        generation: the index that is searched.
        encoder: makes the questions' vectors.
        formats: reads the questions.
        cutter: reads the documents.
        metrics: counts.
        clock: for what is done now and then.
    """

    documents: PartitionReader
    opened: PartitionReader
    publisher: ProgressPublisher
    generation: CurrentGeneration
    encoder: Embedder
    formats: EventFormats
    cutter: DocumentCutter
    metrics: IndexMetrics
    clock: Clock


class LateDocuments:
    """Holds the open questions from taking over up to the first error; after one, another begins anew."""

    def __init__(self, parts: LateParts, topics: TopicSettings, settings: IndexSettings) -> None:
        self._parts, self._topics, self._settings = parts, topics, settings
        self._tail = DocumentTail(parts.documents)
        self._held, self._vectors = HeldQuestions(), QuestionVectors(parts.encoder)
        self._due: dict[bytes, None] = {}  # to be searched for, in order
        self._asked: set[bytes] = set()  # asked here; their own records that say so are not read yet
        self._topic_id = ""
        self._considered: dict[Partition, int] = {}  # of open questions: what was opened before was searched for
        self._ends: dict[Partition, int] = {}
        self._committed: Mapping[Partition, int] = {}
        self._look_at, self._commit_at, self._close_at = (Deadline(parts.clock, 0.0) for _ in range(3))

    def start(self) -> None:
        """Takes over from whoever did it before, and goes on where that one was.

        Raises:
            Retryable: Kafka or the engine does not answer, or there is no index yet.
            Stop: there is no such topic, a right is missing, or the encoder fails on everything.
        """
        parts = self._parts
        documents = parts.documents.partitions(self._topics.documents)
        opened = parts.opened.partitions(self._topics.open_questions)
        parts.publisher.take_over()
        committed = parts.publisher.committed([*documents, *opened])
        self._topic_id = parts.documents.topic_id(self._topics.documents)
        stored, ends = self._index().positions(), parts.documents.end_offsets(documents)
        self._tail.begin({one: min(_either(committed[one], stored.get(one.number, 0)), ends[one]) for one in documents})
        self._ends = parts.opened.written_offsets(opened)
        self._considered = {one: min(committed[one] or 0, self._ends[one]) for one in opened}
        self._committed = {partition: offset for partition, offset in committed.items() if offset is not None}
        parts.opened.follow(dict.fromkeys(opened))

    def turn(self) -> None:
        """Does what can be done now, and waits a moment at most. Raises as `start`; then this one is closed."""
        is_loaded = all((self._parts.opened.position(one) or 0) >= end for one, end in self._ends.items())
        self._take_opened(self._parts.opened.poll(_READ_RECORDS, 0.0 if self._due or not is_loaded else _IDLE_POLL))
        if is_loaded:
            if not self._due:
                self._take_documents()
            self._ask()
            self._close_overdue()
        self._parts.metrics.open_questions.set(len(self._held))

    def close(self) -> None:
        """Lets go of everything; what was not committed is done by whoever comes next."""
        self._parts.publisher.close()
        self._parts.documents.close()
        self._parts.opened.close()
        self._parts.generation.forget()
        self._parts.metrics.open_questions.set(0)

    # What was opened, and what came.

    def _take_opened(self, records: Sequence[Record]) -> None:
        for record in records:
            opened = OpenQuestion.from_headers(record.headers)
            if opened is not None and opened.is_asked:  # what stands behind it in the topic came later than the asking
                self._asked.discard(record.key or b"")
        latest = {record.key: record for record in records if record.key is not None}
        read = [(record, self._read(record)) for record in latest.values()]
        vectors = self._vectors.embed([(record, found[0].question) for record, found in read if found is not None])
        for record, found in read:
            key = record.key or b""
            self._due.pop(key, None)
            if found is None:
                self._held.remove(key)
                continue
            question, opened = found
            vector = vectors[question.question]
            self._held.put(HeldQuestion(record, question, opened, vector))
            if vector.any() and not opened.is_asked and record.offset >= self._considered.get(record.partition, 0):
                self._due[key] = None

    def _read(self, record: Record) -> tuple[Question, OpenQuestion] | None:
        """Returns the question that a record holds open; None where it closes it, or holds none."""
        opened = OpenQuestion.from_headers(record.headers)
        if record.value is None or opened is None:
            return None
        try:
            question = self._parts.formats.question(record)
            (record.key or b"").decode()  # it goes along with the question that is asked again
        except (InvalidRecord, UnicodeDecodeError) as error:
            reason = error.reason if isinstance(error, InvalidRecord) else Reason.INVALID_EVENT
            _log.warning("no_open_question", partition=str(record.partition), offset=record.offset, reason=reason)
            return None
        return question, opened

    def _take_documents(self) -> None:
        """Finds the questions that changed documents are near to, once the documents are in the index."""
        taken = self._tail.next_slice(self._settings.batch_documents, 0.0)
        if not taken.positions or not self._is_indexed(taken):
            return
        if len(self._held):
            documents = [one for one in self._parts.cutter.cut_all(taken.records) if one.places]
            vectors = self._index().vectors_of([one.document_id for one in documents])
            for document in documents:
                self._match(document, list(vectors.get(document.document_id, {}).values()))
        self._tail.took(taken)

    def _match(self, document: CutDocument, vectors: list[Float32Array]) -> None:
        for question in self._held.near(document, vectors, NEAR):
            if not self._is_asked(question):
                self._due[question.key] = None

    def _is_indexed(self, taken: Slice) -> bool:
        stored = self._index().positions()
        return all(record.offset < stored.get(record.partition.number, 0) for record in taken.records)

    # What is done about it.

    def _ask(self) -> None:
        """Asks those of the next due questions again for which a search finds something new."""
        done = list(self._due)[:_SEARCHES_A_TURN]
        due = [one for key in done if (one := self._held.get(key)) is not None and not self._is_asked(one)]
        found = {one.key: self._search(one) for one in due}
        to_ask = [one for one in due if not found[one.key] <= one.opened.seen]
        is_last = len(done) == len(self._due)
        ahead = self._ahead() if is_last and (to_ask or self._commit_at.has_passed) else {}
        if to_ask or ahead:
            self._parts.publisher.publish([out for one in to_ask for out in self._asking(one, found[one.key])], ahead)
            self._committed = {**self._committed, **ahead}
            self._commit_at = Deadline(self._parts.clock, _COMMIT_EVERY)
        self._asked.update(one.key for one in to_ask)
        for key in done:
            self._due.pop(key, None)
        if to_ask:
            self._parts.metrics.asked_again.inc(len(to_ask))
            _log.info("questions_asked_again", questions=len(to_ask), still_open=len(self._held))

    def _asking(self, one: HeldQuestion, found: frozenset[str]) -> tuple[Outgoing, Outgoing]:
        """Makes the question, and the mark that it is asked.

        What is found here goes along: consumers that search otherwise (other settings) would be asked without end.
        """
        own = without_open(one.record.headers)
        seen = one.opened.seen if len(one.opened.seen) < _REMEMBERED else frozenset[str]()
        again = AskedAgain(one.key.decode(), one.opened.since_ms, seen | found)
        marked = replace(one.opened, is_asked=True)
        return (
            Outgoing(self._topics.questions, one.opened.key, one.record.value, again.to_headers(own)),
            Outgoing(self._topics.open_questions, one.key, one.record.value, marked.to_headers(own)),
        )

    def _search(self, one: HeldQuestion) -> frozenset[str]:
        found = search(self._index(), one.question.question, one.vector, one.scope, self._settings)
        return marks_of(passage.place for passage in found)

    def _close_overdue(self) -> None:
        """Closes what was open for long enough, and the oldest where there are too many."""
        if not self._close_at.has_passed:
            return
        self._close_at = Deadline(self._parts.clock, _CLOSE_EVERY)
        before_ms = self._parts.clock.now_ms() - round(self._settings.open_seconds * 1000)
        expired, surplus = self._held.overdue(before_ms, self._settings.open_questions)
        self._close_all(expired, "expired")
        self._close_all(surplus, "surplus")

    def _close_all(self, questions: Iterable[HeldQuestion], reason: str) -> None:
        keys = [one.key for one in questions]
        if not keys:
            return
        self._parts.publisher.publish([closed(self._topics.open_questions, key.decode()) for key in keys], {})
        for key in keys:
            self._held.remove(key)
        self._parts.metrics.open_closed.labels(reason).inc(len(keys))
        _log.info("open_questions_closed", reason=reason, questions=len(keys))

    # What the steps go by.

    def _ahead(self) -> dict[Partition, int]:
        """Returns how far both topics were read, where that is more than is committed."""
        opened = {one: self._parts.opened.position(one) or 0 for one in self._ends}
        read = {**self._tail.positions, **opened}
        return {one: offset for one, offset in read.items() if offset != self._committed.get(one)}

    def _is_asked(self, one: HeldQuestion) -> bool:
        return one.opened.is_asked or one.key in self._asked

    def _index(self) -> PassageIndex:
        """Returns the index that is searched; now and then it is looked which one that is."""
        parts = self._parts
        if self._look_at.has_passed:
            if parts.documents.topic_id(self._topics.documents) != self._topic_id:
                raise Retryable("the documents topic was deleted and created anew")
            partitions = len(parts.documents.partitions(self._topics.documents))
            wanted = IndexDescription(parts.encoder.fingerprint, parts.encoder.dimensions, self._topic_id, partitions)
            parts.generation.look(wanted, may_create=False)
            self._look_at = Deadline(parts.clock, _LOOK_EVERY)
        if parts.generation.index is None:
            raise Retryable("there is no passage index yet")
        return parts.generation.index


def _either(committed: int | None, otherwise: int) -> int:
    return otherwise if committed is None else committed
