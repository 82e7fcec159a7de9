"""Says what a feedback or a changed document changes: the rules, without waiting for Kafka's group.

    feedback ──> a label in the place of an older verdict; nothing, where a newer one is known; or a dead letter
    a document has another text, or is gone ──> its labels are deleted

A feedback is looked at once, against the document as it stands. It is about an answer, so its document was there before
it: there is nothing to wait for. What is a dead letter all the same can be sent again (`spanstream replay`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog

from spanstream.consumer.answering.documents import Documents
from spanstream.consumer.answering.outcomes import dead_letter_of
from spanstream.consumer.answering.stored_documents import StoredDocument
from spanstream.consumer.broker.protocols import Outgoing, Record
from spanstream.consumer.clock import Clock, to_datetime
from spanstream.consumer.errors import SpanstreamError, TooLarge
from spanstream.consumer.feedback.checking import make_label
from spanstream.consumer.feedback.known_labels import KnownLabel, KnownLabels
from spanstream.consumer.feedback.transaction import FeedbackOutcome, FeedbackTransaction, smaller_letter
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.event_writer import EventWriter
from spanstream.consumer.logs import exception_facts
from spanstream.consumer.settings import TopicSettings
from spanstream.schemas.cloudevents import event_headers, trace_context
from spanstream.schemas.codec import check_bounds, check_key
from spanstream.schemas.dead_letters import Reason, Stage
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.feedback import Feedback
from spanstream.schemas.foreign_headers import ForeignHeaders

_log = structlog.get_logger(__name__)

_STAGES: Final[Mapping[Reason, Stage]] = {
    Reason.DOCUMENT_MISSING: Stage.RESOLVE,
    Reason.DOCUMENT_CHANGED: Stage.RESOLVE,
    Reason.SPAN_MISMATCH: Stage.VALIDATE,
}
# Clocks differ; a verdict of next year would outrank all that follow.
_MOST_AHEAD = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class FeedbackProcessor:
    """Applies feedback and changed documents to transactions.

    Attributes:
        documents: the owned ones, as they stand.
        labels: those that are known.
        formats: reads the feedback.
        writer: writes the labels.
        source: CloudEvents source of the labels.
        clock: gives the times of failures.
        foreign: makes the headers of another product that dead letters carry too.
    """

    documents: Documents
    labels: KnownLabels
    topics: TopicSettings
    formats: EventFormats
    writer: EventWriter
    source: str
    clock: Clock
    foreign: ForeignHeaders

    def apply_feedback(self, record: Record, transaction: FeedbackTransaction) -> None:
        """Applies one feedback; whatever its content makes raise, it is this record's dead letter.

        Raises:
            TranslatorUnavailable: it, or its document, cannot be read yet; nothing was applied.
            Retryable: its document did not come in time; nothing was applied.
        """
        span = None
        try:
            feedback = self._decode(record)
            span = None if feedback.span is None else feedback.span.model_dump()
            label = make_label(feedback, lambda document_id: self._find(record.partition.number, document_id))
            outcome = self._labelled(record, label, transaction)
        except InvalidRecord as error:
            candidate = span if error.reason is Reason.SPAN_MISMATCH else None
            outcome = self._dead_letter(record, error, candidate)
        except SpanstreamError:
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, it must not stop the stream
            _log.error(
                "feedback_failed", partition=str(record.partition), offset=record.offset, **exception_facts(error)
            )
            failure = InvalidRecord(Reason.INFERENCE_FAILED, f"checking it raised {type(error).__name__}")
            outcome = self._dead_letter(record, failure)
        transaction.add(outcome)

    def apply_change(self, number: int, document_id: str, transaction: FeedbackTransaction) -> None:
        """Deletes the labels of a document that are about another text than it has now.

        Raises:
            TranslatorUnavailable: the document cannot be read yet.
            Retryable: it did not come in time.
        """
        labels = self.labels.of_document(number, document_id)
        if not labels:
            return
        try:
            document = self._find(number, document_id)
        except InvalidRecord:
            document = None
        for key, label in labels:
            if document is None or label.sha256 != document.sha256:
                tombstone = Outgoing(self.topics.labels, key, None, partition=number)
                transaction.add(FeedbackOutcome("deleted", outgoing=tombstone, place=(number, key)))

    def replace_too_large(self, error: TooLarge, transaction: FeedbackTransaction) -> None:
        """Puts something smaller in the place of what its topic does not take: the feedback's dead letter.

        Raises:
            TooLarge: there is nothing smaller.
        """
        index = transaction.index_of(error.record)
        outcome = transaction.outcomes[index]
        smaller = smaller_letter(outcome)
        if smaller is None and outcome.outcome == "labelled" and outcome.record is not None:
            smaller = self._dead_letter(outcome.record, InvalidRecord(Reason.TOO_LARGE, f"its label: {error}"))
        if smaller is None:
            raise error
        transaction.replace(index, smaller)

    def _decode(self, record: Record) -> Feedback:
        check_bounds(record.key, record.size, self.formats.limits)
        feedback = self.formats.feedback(record)
        check_key(record.key, feedback.document_id)
        if feedback.given_at > to_datetime(self.clock.now_ms()) + _MOST_AHEAD:
            raise InvalidRecord(Reason.INVALID_EVENT, "given_at: is more than an hour from now")
        return feedback

    def _find(self, number: int, document_id: str) -> StoredDocument | None:
        return self.documents.find(number, document_id)

    def _labelled(self, record: Record, label: Feedback, transaction: FeedbackTransaction) -> FeedbackOutcome:
        number, key = record.partition.number, label.label_key.encode()
        new, known = KnownLabel.of(label), transaction.label(number, key)
        if known is not None and known.feedback_id == new.feedback_id:
            return FeedbackOutcome("repeated", record)
        if known is not None and known.outranks(new):
            return FeedbackOutcome("superseded", record)
        trace = trace_context(record.headers)
        headers = event_headers(label, new.feedback_id, self.source, label.given_at, *trace)
        outgoing = self.writer.record(self.topics.labels, key, label, headers, number)
        return FeedbackOutcome("labelled", record, outgoing, label, place=(number, key))

    def _dead_letter(
        self, record: Record, error: InvalidRecord, candidate: Mapping[str, Any] | None = None
    ) -> FeedbackOutcome:
        letter = dead_letter_of(
            record,
            error.reason,
            error.detail,
            _STAGES.get(error.reason, Stage.DECODE),
            candidate,
            topic=self.topics.dead_letters,
            now_ms=self.clock.now_ms(),
            foreign=self.foreign,
        )
        return FeedbackOutcome("dead_letter", record, letter, reason=error.reason)
