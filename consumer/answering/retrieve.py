"""Retrieves the passages of questions about collections, and finds their documents as they stand.

    embed (all questions at once) -> retrieve (each) -> look up each passage's document in the documents topic

An index that does not answer, is damaged or refuses lets its questions wait, and no others.
The index holds copies and may be behind. A passage that is not the latest version's, or not the collection's any more,
proves that it is: the question is tried again later, and nothing of an old text is ever read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from spanstream.consumer.answering.documents import Documents
from spanstream.consumer.answering.outcomes import Outcomes, RecordOutcome
from spanstream.consumer.answering.question_record import QuestionRecord
from spanstream.consumer.answering.resolved import ResolvedQuestion, TextToRead
from spanstream.consumer.answering.stored_documents import StoredDocument
from spanstream.consumer.clock import Clock, Deadline
from spanstream.consumer.errors import Retryable, SpanstreamError, Stop
from spanstream.consumer.formats.translator import TranslatorUnavailable
from spanstream.consumer.logs import exception_facts
from spanstream.consumer.metrics import RetrievalMetrics
from spanstream.consumer.passages.embedding import embed_each
from spanstream.consumer.passages.fusion import RankedPassage
from spanstream.consumer.passages.index import SearchScope
from spanstream.consumer.passages.recall_sample import RecallSample
from spanstream.consumer.passages.retrieval import Retriever
from spanstream.models.arrays import Float32Array
from spanstream.models.collection import CollectionReader
from spanstream.schemas.dead_letters import Reason, Stage
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.events import Question

_log = structlog.get_logger(__name__)

BEHIND_TOPIC: Final = "the documents published before it could not be read in time"
"""Why a question is tried again."""

# Seconds between two lines about an index that refuses.
_TELL_EVERY: Final = 60.0

_NO_INDEX: Final = "there is no passage index to search: set SPANSTREAM_INDEX__URI"


@dataclass(frozen=True, slots=True)
class AskedCollection:
    """A question about a collection, before anything is retrieved."""

    record: QuestionRecord
    question: Question


class _Stale(Exception):
    """A passage is not what the documents topic says now."""


class CollectionResolver:
    """Resolves questions about collections. For the thread that talks to Kafka.

    Args:
        retriever: finds passages; None: no index is set.
        documents: has the documents as they stand.
        reader: knows what is answered where nothing was found.
        outcomes: makes retries, dead letters and the answer where nothing was found.
        metrics: count the searches.
        clock: times them.
        recall: measures what some of them missed; None: nothing does.
    """

    def __init__(  # noqa: PLR0913  built in one place, by name
        self,
        retriever: Retriever | None,
        documents: Documents,
        reader: CollectionReader,
        outcomes: Outcomes,
        *,
        metrics: RetrievalMetrics,
        clock: Clock,
        recall: RecallSample | None = None,
    ) -> None:
        self._retriever = retriever
        self._documents = documents
        self._reader = reader
        self._outcomes = outcomes
        self._metrics = metrics
        self._clock = clock
        self._tell_refusal = Deadline(clock, 0.0)
        self._recall = recall

    def resolve(
        self, asked: Sequence[AskedCollection], behind: frozenset[int]
    ) -> Iterator[ResolvedQuestion | RecordOutcome]:
        """Yields what becomes of each question, in their order; each is searched when it is asked for.

        Args:
            asked: the questions of a chunk.
            behind: numbers of the partitions whose documents could not be read up to their end in time.

        Raises:
            TranslatorUnavailable: a document of the next question cannot be read yet.
        """
        if self._retriever is None or behind:
            detail = BEHIND_TOPIC if self._retriever is not None else _NO_INDEX
            yield from (self._outcomes.retry(one.record, Reason.DOCUMENT_MISSING, detail) for one in asked)
            return
        unavailable: Retryable | None = None
        for one, vector in zip(asked, self._embed(asked, self._retriever), strict=True):
            if vector is None:
                yield self._failed(one, "embedding raised what nobody foresaw")
            elif unavailable is None:
                try:
                    yield self._resolve(one, vector, self._retriever)
                except TranslatorUnavailable:
                    raise
                except Retryable as error:
                    unavailable = error
            if vector is not None and unavailable is not None:  # the others of the chunk would wait as long for it
                self._metrics.searches.labels("unavailable").inc()
                yield self._outcomes.retry(one.record, Reason.DOCUMENT_MISSING, str(unavailable))

    def _embed(self, asked: Sequence[AskedCollection], retriever: Retriever) -> list[Float32Array | None]:
        """Returns the questions' vectors, made all at once; None for one that cannot be embedded."""
        embedded = embed_each(retriever.embed, list(dict.fromkeys(one.question.question for one in asked)))
        for one in asked:
            if (error := embedded.errors.get(one.question.question)) is not None:
                _log.error("embedding_failed", **self._facts(one), **exception_facts(error))
        return [embedded.vectors.get(one.question.question) for one in asked]

    def _resolve(
        self, asked: AskedCollection, vector: Float32Array, retriever: Retriever
    ) -> ResolvedQuestion | RecordOutcome:
        """Retrieves, and finds the documents; whatever else is raised is this question's dead letter.

        Raises:
            Retryable: the index did not answer, or refuses.
        """
        try:
            passages = self._search(asked.question, vector, retriever)
            if not passages:
                self._metrics.searches.labels("nothing").inc()
                nothing = self._reader.nothing(asked.question.question)
                return self._outcomes.collection_answer(asked.record, asked.question, nothing, (), ())
            texts = self._texts(asked.question, passages)
        except _Stale as error:
            self._metrics.searches.labels("behind").inc()
            return self._outcomes.retry(asked.record, Reason.DOCUMENT_CHANGED, f"the passage index is behind: {error}")
        except SpanstreamError:
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, it must not stop the stream
            _log.error("retrieving_failed", **self._facts(asked), **exception_facts(error))
            return self._failed(asked, f"retrieving raised {type(error).__name__}")
        self._metrics.searches.labels("found").inc()
        return ResolvedQuestion(asked.record, asked.question, texts, tuple(passages))

    def _search(self, question: Question, vector: Float32Array, retriever: Retriever) -> list[RankedPassage]:
        started = self._clock.monotonic()
        scope = SearchScope(question.collection or "", question.filter)
        try:
            passages = retriever.retrieve(question.question, vector, scope)
        except Stop as error:  # a rebuild mends it, and the questions that ask no collection go on meanwhile
            if self._tell_refusal.has_passed:
                _log.error("index_refuses", detail=str(error))
                self._tell_refusal = Deadline(self._clock, _TELL_EVERY)
            raise Retryable(error.detail, hint=error.hint) from error
        self._metrics.seconds.observe(self._clock.monotonic() - started)
        if self._recall is not None:
            self._recall.take(retriever, vector, scope)
        return passages

    def _texts(self, question: Question, passages: Sequence[RankedPassage]) -> tuple[TextToRead, ...]:
        """Returns the passages' documents as they stand, the best passage's first.

        Raises:
            _Stale: one of the passages is not of a document as it stands.
        """
        documents: dict[tuple[int, str], StoredDocument] = {}
        places: dict[tuple[int, str], list[tuple[int, int]]] = {}
        for passage in passages:
            place = passage.place
            key = (place.partition, place.document_id)
            if key not in documents:
                documents[key] = self._current(question, *key)
            document = documents[key]
            is_there = 0 <= place.char_start < place.char_end <= len(document.text)
            if place.document_sha256 != document.sha256 or not is_there:
                raise _Stale(f"document {place.document_id} has another version now")
            places.setdefault(key, []).append((place.char_start, place.char_end))
        if len({document_id for _, document_id in documents}) < len(documents):
            raise _Stale("it has a document in two partitions")
        return tuple(TextToRead(documents[key].text, documents[key].sha256, tuple(places[key])) for key in documents)

    def _current(self, question: Question, partition: int, document_id: str) -> StoredDocument:
        """Returns a document as it stands; raises `_Stale` where it is not one of the question's collection now."""
        try:
            document = self._documents.look_up(partition, document_id)
        except InvalidRecord as error:
            raise _Stale(f"the latest record of {document_id} is no document ({error.reason})") from None
        if document is None:
            raise _Stale(f"document {document_id} is deleted")
        if question.collection not in document.collections or not question.filter.items() <= document.metadata.items():
            raise _Stale(f"document {document_id} is not in what is searched any more")
        return document

    def _failed(self, asked: AskedCollection, detail: str) -> RecordOutcome:
        return self._outcomes.dead_letter(asked.record, Reason.INFERENCE_FAILED, detail, Stage.PREPARE)

    def _facts(self, asked: AskedCollection) -> dict[str, str]:
        return {"question_id": asked.question.question_id, **self._outcomes.log_ids(asked.record)}
