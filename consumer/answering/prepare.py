"""Records -> questions with their document's windows, ready for inference; what cannot be asked is settled here.

 decode -> resolve (inline context, or the documents topic) -> tokenize (cache) -> plan (windows)
   │          │                                                                      │
dead letter  retry, then dead letter                                              dead letter
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from spanstream.consumer.answering.documents import Documents
from spanstream.consumer.answering.outcomes import Outcomes, RecordOutcome
from spanstream.consumer.broker.protocols import Record
from spanstream.consumer.cache.token_cache import TokenCache
from spanstream.consumer.clock import Clock, Deadline
from spanstream.consumer.errors import Retryable
from spanstream.models.errors import QuestionTooLong
from spanstream.models.reader import Reader, ReadPlan
from spanstream.models.text.tokenization import TokenizedDocument, sha256_of
from spanstream.schemas.codec import check_key, decode_question
from spanstream.schemas.dead_letters import Reason, Retry, Stage
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.events import Question
from spanstream.schemas.limits import Limits

_log = structlog.get_logger(__name__)

# The loop stands still while a chunk is prepared, and a member that is silent for minutes is given up by the group.
# Evicted documents take some milliseconds each; from a broker in trouble, each its whole timeout.
_LOOKUP_SECONDS = 5.0
# A few seconds of tokenizing: about three of the longest documents allowed, or thousands of tickets.
_CHUNK_CHARS = 2_000_000


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question and the text that it is asked about."""

    record: Record
    question: Question
    text: str
    text_sha256: str


@dataclass(frozen=True, slots=True)
class PlannedQuestion:
    """A question that is ready to be read."""

    record: Record
    question: Question
    plan: ReadPlan


@dataclass(frozen=True, slots=True)
class PreparedChunk:
    """A chunk: its records in the order they were read, what is to be inferred, what is settled already."""

    records: tuple[Record, ...]
    planned: tuple[PlannedQuestion, ...]
    settled: tuple[RecordOutcome, ...]

    @property
    def windows(self) -> int:
        """Windows to be inferred."""
        return sum(len(one.plan.windows) for one in self.planned)


class Preparer:
    """Prepares chunks, on the thread that talks to Kafka (evicted documents are read from their topic).

    Args:
        reader: plans the windows.
        documents: resolves document ids.
        cache: tokenizes.
        outcomes: makes retries and dead letters.
        limits: what a question may be.
        max_windows: a chunk takes no further question once it has so many.
        clock: bounds how long documents are looked up for one chunk.
    """

    def __init__(  # noqa: PLR0913  wired in one place, by name
        self,
        reader: Reader,
        documents: Documents,
        cache: TokenCache[TokenizedDocument],
        outcomes: Outcomes,
        *,
        limits: Limits,
        max_windows: int,
        clock: Clock,
    ) -> None:
        self._reader = reader
        self._documents = documents
        self._cache = cache
        self._outcomes = outcomes
        self._limits = limits
        self._max_windows = max_windows
        self._clock = clock

    def prepare(
        self, records: Sequence[Record], behind: frozenset[int] = frozenset()
    ) -> tuple[PreparedChunk, list[Record]]:
        """A chunk of the first of these records, and the records that it had no room or no time for.

        Args:
            records: at least one.
            behind: numbers of the partitions whose documents could not be read up to their end in time: questions
                about them are retried, for they would be answered from an older text in silence.
        """
        asked = self._ask_all(records, behind)
        tokenized = self._tokenize({one.text_sha256: one.text for one in asked if isinstance(one, _Asked)})
        planned: list[PlannedQuestion] = []
        settled: list[RecordOutcome] = []
        windows = 0
        for one in asked:
            if windows >= self._max_windows:
                break
            outcome = self._plan(one, tokenized) if isinstance(one, _Asked) else one
            if isinstance(outcome, PlannedQuestion):
                planned.append(outcome)
                windows += len(outcome.plan.windows)
            else:
                settled.append(outcome)
        done = len(planned) + len(settled)
        return PreparedChunk(tuple(records[:done]), tuple(planned), tuple(settled)), list(records[done:])

    def _ask_all(self, records: Sequence[Record], behind: frozenset[int]) -> list[_Asked | RecordOutcome]:
        """The first records, decoded and resolved: as many as can be looked up and tokenized in a moment."""
        deadline = Deadline(self._clock, _LOOKUP_SECONDS)
        asked: list[_Asked | RecordOutcome] = []
        texts: dict[str, int] = {}
        for record in records:
            if asked and (deadline.has_passed or sum(texts.values()) > _CHUNK_CHARS):
                break
            one = self._ask(record, behind)
            if isinstance(one, _Asked):
                texts[one.text_sha256] = len(one.text)
            asked.append(one)
        return asked

    def _ask(self, record: Record, behind: frozenset[int]) -> _Asked | RecordOutcome:
        """Decode and resolve one record."""
        try:
            Retry.from_headers(record.headers)  # a retry whose headers say nothing would be tried for ever
            question = decode_question(record.value or b"", self._limits)
            check_key(record.key, question.document_id)
        except InvalidRecord as error:
            return self._outcomes.dead_letter(record, error.reason, error.detail, Stage.DECODE)
        if question.context is not None:
            asked = _Asked(record, question, question.context, sha256_of(question.context))
        else:
            if record.partition.number in behind:
                detail = "the documents published before it could not be read in time"
                return self._outcomes.retry(record, Reason.DOCUMENT_MISSING, detail)
            found = self._resolve(record, question.document_id or "")
            if isinstance(found, RecordOutcome):
                return found
            asked = _Asked(record, question, *found)
        if question.document_sha256 not in {None, asked.text_sha256}:
            if question.context is None:
                return self._outcomes.retry(
                    record, Reason.DOCUMENT_CHANGED, "the document is not the version asked for"
                )
            detail = "document_sha256 is not the context's"
            return self._outcomes.dead_letter(record, Reason.DOCUMENT_CHANGED, detail, Stage.RESOLVE)
        return asked

    def _resolve(self, record: Record, document_id: str) -> tuple[str, str] | RecordOutcome:
        """The document's text and its SHA-256, or a retry."""
        try:
            document = self._documents.find(record.partition.number, document_id)
        except InvalidRecord as error:
            detail = f"the document's latest record is no document ({error.reason}: {error.detail})"
            return self._outcomes.retry(record, Reason.DOCUMENT_MISSING, detail)
        except Retryable as error:
            return self._outcomes.retry(record, Reason.DOCUMENT_MISSING, str(error))
        if document is None:
            return self._outcomes.retry(record, Reason.DOCUMENT_MISSING, "the documents topic does not hold it")
        return document.text, document.sha256

    def _tokenize(self, texts: dict[str, str]) -> dict[str, TokenizedDocument]:
        """By SHA-256; a text that the tokenizer cannot take is left out."""
        try:
            return self._cache.get_many(texts)
        except Exception:  # noqa: BLE001  whatever it is, it is one text's fault: the others go on without it
            _log.warning("tokenizing_failed", texts=len(texts))
        found: dict[str, TokenizedDocument] = {}
        for sha256, text in texts.items():
            try:
                found |= self._cache.get_many({sha256: text})
            except Exception as error:  # noqa: BLE001  as above
                _log.warning("tokenizing_failed_alone", text_sha256=sha256, error=type(error).__name__)
        return found

    def _plan(self, asked: _Asked, tokenized: dict[str, TokenizedDocument]) -> PlannedQuestion | RecordOutcome:
        document = tokenized.get(asked.text_sha256)
        if document is None:
            detail = "the tokenizer failed on this text"
            return self._outcomes.dead_letter(asked.record, Reason.INFERENCE_FAILED, detail, Stage.PREPARE)
        try:
            plan = self._reader.plan(asked.text, document, [asked.question.question])[0]
        except QuestionTooLong as error:
            return self._outcomes.dead_letter(asked.record, Reason.TOO_LARGE, str(error), Stage.PREPARE)
        return PlannedQuestion(asked.record, asked.question, plan)
