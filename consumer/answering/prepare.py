"""Turns records into questions with their document's windows, ready for inference.

 decode -> resolve (inline context, the documents topic, or retrieval) -> tokenize (cache) -> plan (windows)
   │          │                                                                                 │
dead letter  retry, then dead letter                                                         dead letter
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import structlog

from spanstream.consumer.answering.documents import Documents
from spanstream.consumer.answering.outcomes import Outcomes, RecordOutcome
from spanstream.consumer.answering.planned import (
    AnyPlannedQuestion,
    PlannedCollectionQuestion,
    PlannedQuestion,
    PreparedChunk,
)
from spanstream.consumer.answering.question_record import QuestionRecord
from spanstream.consumer.answering.resolved import HeldTexts, ResolvedQuestion, TextToRead
from spanstream.consumer.answering.retrieve import BEHIND_TOPIC, AskedCollection, CollectionResolver
from spanstream.consumer.answering.stored_documents import StoredDocument
from spanstream.consumer.cache.token_cache import TokenCache
from spanstream.consumer.clock import Clock, Deadline
from spanstream.consumer.errors import Retryable, SpanstreamError
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.translator import TranslatorUnavailable
from spanstream.consumer.logs import exception_facts
from spanstream.models.errors import QuestionTooLong
from spanstream.models.reader import Reader
from spanstream.models.text.tokenization import TokenizedDocument, sha256_of
from spanstream.schemas.cloudevents import TRACEPARENT, TRACESTATE
from spanstream.schemas.codec import check_bounds, check_key
from spanstream.schemas.dead_letters import Reason, Stage, own_headers
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.events import Question
from spanstream.schemas.open_questions import without_open

_log = structlog.get_logger(__name__)

# The loop does not poll while a chunk is prepared, and the group gives up a member that does not poll for minutes.
# Evicted documents take some milliseconds each; from a broker in trouble, each takes its whole timeout.
_LOOKUP_SECONDS = 5.0


class Preparer:
    """Prepares chunks, on the thread that talks to Kafka: documents that are not in memory are read from their topic.

    Args:
        reader: plans the windows.
        documents: resolves document ids.
        collections: resolves questions about collections.
        cache: tokenizes.
        outcomes: makes retries and dead letters.
        formats: reads the questions.
        max_windows: a chunk takes no further question once it has so many ...
        max_bytes: ... or so many bytes of records, texts and tokenizations: it holds them while it is in flight.
        clock: bounds how long documents are looked up for one chunk.
    """

    def __init__(  # noqa: PLR0913  built in one place, by name
        self,
        reader: Reader,
        documents: Documents,
        collections: CollectionResolver,
        cache: TokenCache[TokenizedDocument],
        outcomes: Outcomes,
        *,
        formats: EventFormats,
        max_windows: int,
        max_bytes: int,
        clock: Clock,
    ) -> None:
        self._reader = reader
        self._documents = documents
        self._collections = collections
        self._cache = cache
        self._outcomes = outcomes
        self._formats = formats
        self._max_windows = max_windows
        self._max_bytes = max_bytes
        self._clock = clock

    def prepare(
        self, records: Sequence[QuestionRecord], behind: frozenset[int] = frozenset()
    ) -> tuple[PreparedChunk, list[QuestionRecord]]:
        """Prepares a chunk of the first of these records.

        Args:
            records: at least one.
            behind: numbers of the partitions whose documents could not be read up to their end in time. Questions
                about them are retried: they would be answered from an older text, and nobody would notice.

        Returns:
            The chunk, and the records for which it had no room or no time, or that cannot be read yet.

        Raises:
            TranslatorUnavailable: the first record cannot be read yet; prepare the same records again later.
        """
        resolved = self._resolve_all(records, behind)
        texts = [text for question in resolved if isinstance(question, ResolvedQuestion) for text in question.texts]
        tokenized = self._tokenize({text.sha256: text.text for text in texts})
        planned: list[AnyPlannedQuestion] = []
        outcomes: list[RecordOutcome] = []
        windows = 0
        for question in resolved:
            if windows >= self._max_windows:
                break
            result = self._plan(question, tokenized) if isinstance(question, ResolvedQuestion) else question
            if isinstance(result, RecordOutcome):
                outcomes.append(result)
            else:
                planned.append(result)
                windows += sum(len(plan.windows) for plan in result.plans)
        done = len(planned) + len(outcomes)
        return PreparedChunk(tuple(records[:done]), tuple(planned), tuple(outcomes)), list(records[done:])

    def _resolve_all(
        self, records: Sequence[QuestionRecord], behind: frozenset[int]
    ) -> list[ResolvedQuestion | RecordOutcome]:
        """Decodes and resolves the first records: as many as are looked up in a moment and fit into a chunk.

        It ends before a record that cannot be read yet.

        Raises:
            TranslatorUnavailable: that is the first one.
        """
        deadline = Deadline(self._clock, _LOOKUP_SECONDS)
        resolved: list[ResolvedQuestion | AskedCollection | RecordOutcome] = []
        held = HeldTexts()
        for record in records:
            if resolved and (deadline.has_passed or held.nbytes >= self._max_bytes):
                break
            try:
                question = self._resolve_safely(record, behind)
            except TranslatorUnavailable:
                if not resolved:
                    raise
                break
            held.nbytes += record.size
            if isinstance(question, ResolvedQuestion):
                held.add(question.texts)
            resolved.append(question)
        return self._retrieve_all(resolved, behind, deadline, held)

    def _retrieve_all(
        self,
        questions: Sequence[ResolvedQuestion | AskedCollection | RecordOutcome],
        behind: frozenset[int],
        deadline: Deadline,
        held: HeldTexts,
    ) -> list[ResolvedQuestion | RecordOutcome]:
        """Resolves the questions about collections too; ends as `_resolve_all` does, whose rest is left for later."""
        found = self._collections.resolve([one for one in questions if isinstance(one, AskedCollection)], behind)
        resolved: list[ResolvedQuestion | RecordOutcome] = []
        for question in questions:
            if isinstance(question, AskedCollection):
                if resolved and (deadline.has_passed or held.nbytes >= self._max_bytes):
                    break
                try:
                    one = next(found)
                except TranslatorUnavailable:
                    if not resolved:
                        raise
                    break
                if isinstance(one, ResolvedQuestion):
                    held.add(one.texts)
                resolved.append(one)
            else:
                resolved.append(question)
        return resolved

    def _resolve_safely(
        self, record: QuestionRecord, behind: frozenset[int]
    ) -> ResolvedQuestion | AskedCollection | RecordOutcome:
        """Resolves one record; whatever its content makes raise, it is this record's dead letter."""
        try:
            return self._resolve(record, behind)
        except SpanstreamError:
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, it must not stop the stream
            return self._failed(record, "resolving", error)

    def _failed(self, record: QuestionRecord, step: str, error: Exception) -> RecordOutcome:
        """Makes the dead letter of a record on which a step raised what nobody foresaw."""
        place = {"partition": str(record.partition), "offset": record.offset, **self._outcomes.log_ids(record)}
        _log.error("preparing_failed", **place, **exception_facts(error))
        detail = f"{step} raised {type(error).__name__}"
        return self._outcomes.dead_letter(record, Reason.INFERENCE_FAILED, detail, Stage.PREPARE)

    def _resolve(
        self, record: QuestionRecord, behind: frozenset[int]
    ) -> ResolvedQuestion | AskedCollection | RecordOutcome:
        """Decodes one record and finds its text, unless it asks a collection."""
        try:
            question = self._decode(record)
        except InvalidRecord as error:
            return self._outcomes.dead_letter(record, error.reason, error.detail, Stage.DECODE)
        if question.collection is not None:
            return AskedCollection(record, question)
        return self._resolve_text(record, question, behind)

    def _resolve_text(
        self, record: QuestionRecord, question: Question, behind: frozenset[int]
    ) -> ResolvedQuestion | RecordOutcome:
        """Finds the text that a question brings along, or its document."""
        if question.context is not None:
            text = TextToRead(question.context, sha256_of(question.context))
        else:
            if record.partition.number in behind:
                return self._outcomes.retry(record, Reason.DOCUMENT_MISSING, BEHIND_TOPIC)
            document = self._find(record, question.document_id or "")
            if isinstance(document, RecordOutcome):
                return document
            text = TextToRead(document.text, document.sha256)
        if question.document_sha256 in {None, text.sha256}:
            return ResolvedQuestion(record, question, (text,))
        if question.context is None:
            return self._outcomes.retry(record, Reason.DOCUMENT_CHANGED, "the document is not the version asked for")
        detail = "document_sha256 is not the context's"
        return self._outcomes.dead_letter(record, Reason.DOCUMENT_CHANGED, detail, Stage.RESOLVE)

    def _decode(self, record: QuestionRecord) -> Question:
        """Decodes one record.

        Raises:
            InvalidRecord: it is no question, its key or its retry headers are wrong, or one of them is too large.
            TranslatorUnavailable: it cannot be read yet.
        """
        if record.headers_error is not None:  # its attempts cannot be counted: it would be tried for ever
            raise record.headers_error
        # What we add does not count: with it a question would be too large at its second try only.
        counted = without_open(own_headers(record.headers))
        if record.retry is not None:
            counted = tuple(header for header in counted if header[0] not in {TRACEPARENT, TRACESTATE})
        check_bounds(record.key, replace(record, headers=counted).size, self._formats.limits)
        question = self._formats.question(record)
        check_key(record.key, question.document_id)
        return question

    def _find(self, record: QuestionRecord, document_id: str) -> StoredDocument | RecordOutcome:
        """Finds a question's document, or makes the retry.

        Raises:
            TranslatorUnavailable: the document cannot be read yet; that is no try of the question.
        """
        try:
            document = self._documents.find(record.partition.number, document_id)
        except InvalidRecord as error:
            detail = f"the document's latest record is no document ({error.reason}: {error.detail})"
            return self._outcomes.retry(record, Reason.DOCUMENT_MISSING, detail)
        except TranslatorUnavailable:
            raise
        except Retryable as error:
            return self._outcomes.retry(record, Reason.DOCUMENT_MISSING, str(error))
        if document is None:
            return self._outcomes.retry(record, Reason.DOCUMENT_MISSING, "the documents topic does not hold it")
        return document

    def _tokenize(self, texts: dict[str, str]) -> dict[str, TokenizedDocument]:
        """Tokenizes texts, by SHA-256; a text that the tokenizer cannot take is left out."""
        try:
            return self._cache.get_many(texts)
        except Exception:  # noqa: BLE001  whatever it is, it is one text's fault: the others go on without it
            _log.warning("tokenizing_failed", texts=len(texts))
        tokenized: dict[str, TokenizedDocument] = {}
        for sha256, text in texts.items():
            try:
                tokenized |= self._cache.get_many({sha256: text})
            except Exception as error:  # noqa: BLE001  whatever it is, the other texts go on without this one
                _log.warning("tokenizing_failed_alone", text_sha256=sha256, error=type(error).__name__)
        return tokenized

    def _plan(
        self, resolved: ResolvedQuestion, tokenized: dict[str, TokenizedDocument]
    ) -> AnyPlannedQuestion | RecordOutcome:
        """Cuts the windows to be read, or makes the dead letter."""
        record, question = resolved.record, resolved.question
        if any(text.sha256 not in tokenized for text in resolved.texts):
            detail = "the tokenizer failed on this text"
            return self._outcomes.dead_letter(record, Reason.INFERENCE_FAILED, detail, Stage.PREPARE)
        most = question.max_answers or 1
        try:
            plans = [
                self._reader.plan(
                    text.text, tokenized[text.sha256], [question.question], max_answers=most, places=text.places
                )[0]
                for text in resolved.texts
            ]
        except QuestionTooLong as error:
            return self._outcomes.dead_letter(record, Reason.TOO_LARGE, str(error), Stage.PREPARE)
        except Exception as error:  # noqa: BLE001  whatever it is, it must not stop the stream
            return self._failed(record, "planning", error)
        if question.collection is not None:
            return PlannedCollectionQuestion(record, question, tuple(plans), resolved.passages)
        return PlannedQuestion(record, question, plans[0])
