"""Makes the one outgoing record that a consumed record leads to: an answer, a retry or a dead letter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spanstream.consumer.answering.answer_event import DocumentVersion, answer_event, collection_answer_event
from spanstream.consumer.answering.question_record import QuestionRecord
from spanstream.consumer.broker.protocols import Outgoing, Record
from spanstream.consumer.clock import Clock, to_datetime
from spanstream.consumer.formats.event_writer import EventWriter
from spanstream.consumer.passages.fusion import RankedPassage
from spanstream.consumer.settings import RetrySettings, TopicSettings
from spanstream.consumer.tracing.tracing import OFF, Tracing
from spanstream.models.artifact import Manifest
from spanstream.models.collection import CollectionAnswer
from spanstream.models.drift.figures import QuestionRead
from spanstream.models.reader import Answer
from spanstream.schemas import events
from spanstream.schemas.cloudevents import answer_headers, trace_context
from spanstream.schemas.dead_letters import (
    DLQ_MODEL,
    DLQ_OMITTED,
    DLQ_PREFIX,
    DeadLetter,
    Reason,
    Retry,
    Stage,
    to_headers,
)
from spanstream.schemas.errors import InvalidRecord, one_line
from spanstream.schemas.events import Question
from spanstream.schemas.foreign_headers import ForeignHeaders, no_headers

_MAX_ATTEMPT = 2**31 - 1
# Of key, value and headers: just below what a broker takes by default (1 MiB). Only a word of hundreds of thousands of
# characters makes an answer as large.
_MAX_ANSWER_BYTES = 1_000_000
# A dead letter without its content keeps a key that may be an id.
_MAX_KEPT_KEY_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class RecordOutcome:
    """What a consumed record led to.

    Attributes:
        record: the consumed record.
        outgoing: the record to be published for it.
        outcome: `answered`, `no_answer`, `retried` or `dead_letter`, as the metrics name it.
        reason: the dead letter's; None for answers and retries.
        read: the answer's figures; None for dead letters, retries, and what is asked of collections: these are of
            another distribution.
        answer: the answer, where it is one.
    """

    record: Record
    outgoing: Outgoing
    outcome: str
    reason: Reason | None = None
    read: QuestionRead | None = None
    answer: events.Answer | None = None


class Outcomes:
    """Makes answers, retries and dead letters.

    Args:
        topics: where they go.
        retries: how often a question is tried, and how long after each other.
        manifest: the model that answers.
        source: CloudEvents source of the answers; names this deployment.
        clock: gives the times of answers and failures.
        writer: writes the answers.
        tracing: says under which span each of them travels on.
        foreign: makes the headers of another product that dead letters carry too.
    """

    def __init__(  # noqa: PLR0913  where records go, and what they say of their sender
        self,
        topics: TopicSettings,
        retries: RetrySettings,
        manifest: Manifest,
        *,
        source: str,
        clock: Clock,
        writer: EventWriter | None = None,
        tracing: Tracing = OFF,
        foreign: ForeignHeaders = no_headers,
    ) -> None:
        self._topics = topics
        self._retries = retries
        self._manifest = manifest
        self._source = source
        self._clock = clock
        self._writer = writer or EventWriter()
        self._tracing = tracing
        self._foreign = foreign

    def log_ids(self, record: Record) -> Mapping[str, str]:
        """Returns the fields by which a log line about a record is found from its trace; empty with traces off."""
        return self._tracing.ids(record)

    def answer(
        self, record: QuestionRecord, question: Question, document_sha256: str, reading: Answer
    ) -> RecordOutcome:
        """Makes the answer to a question, as `answer_event` does; a dead letter where it is too large to be sent."""
        answer = answer_event(question, document_sha256, reading, self._manifest, to_datetime(self._clock.now_ms()))
        return self._answered(record, answer)

    def collection_answer(
        self,
        record: QuestionRecord,
        question: Question,
        reading: CollectionAnswer,
        versions: Sequence[DocumentVersion],
        passages: Sequence[RankedPassage],
    ) -> RecordOutcome:
        """Makes the answer to a question about a collection, as `collection_answer_event` does; else as `answer`."""
        answered_at = to_datetime(self._clock.now_ms())
        answer = collection_answer_event(question, reading, versions, passages, self._manifest, answered_at)
        return self._answered(record, answer)

    def _answered(self, record: QuestionRecord, answer: events.Answer) -> RecordOutcome:
        headers = answer_headers(answer, self._source, *trace_context(self._tracing.headers(record)))
        outgoing = self._writer.record(self._topics.answers, record.key, answer, headers)
        if outgoing.size > _MAX_ANSWER_BYTES:
            detail = f"the answer would have {outgoing.size} bytes, at most {_MAX_ANSWER_BYTES} are sent"
            return self.dead_letter(record, Reason.TOO_LARGE, detail, Stage.VALIDATE)
        return RecordOutcome(record, outgoing, answer.status, answer=answer)

    def retry(self, record: QuestionRecord, reason: Reason, detail: str) -> RecordOutcome:
        """Makes the retry that is tried again later, or the dead letter where that was the last attempt."""
        attempt = _attempt_after(record.retry)
        if attempt >= self._retries.max_attempts:
            return self.dead_letter(record, reason, f"{detail}; tried {attempt} times", Stage.RESOLVE)
        retry = Retry(
            attempt=attempt,
            due_ms=self._clock.now_ms() + round(self._retries.delay_seconds * 1000),
            reason=reason,
            detail=one_line(detail),
            **_origin(record, record.retry),
        )
        headers = retry.to_headers(self._tracing.headers(record))
        # The partition's number is its document's, whatever partitioner the producer of both has.
        number = record.partition.number
        outgoing = Outgoing(self._topics.retries, record.key, record.value, headers, number)
        return RecordOutcome(record, outgoing, "retried")

    def dead_letter(
        self,
        record: QuestionRecord,
        reason: Reason,
        detail: str,
        stage: Stage,
        candidate: Mapping[str, Any] | None = None,
    ) -> RecordOutcome:
        """Makes the dead letter of a question, as `dead_letter_of` does."""
        return self._dead_letter(record, reason, detail, stage, candidate, record.retry)

    def bad_document(self, record: Record, error: InvalidRecord) -> RecordOutcome:
        """Makes the dead letter of a record of the documents topic that is no document."""
        return self._dead_letter(record, error.reason, error.detail, Stage.DECODE)

    def smaller(self, outcome: RecordOutcome) -> RecordOutcome | None:
        """Makes another outcome of a record, because the topic takes no record as large as the first one.

        An answer or a retry becomes the question's dead letter, and a dead letter one without its content.

        Returns:
            None where there is nothing smaller.
        """
        record, topic = outcome.record, outcome.outgoing.topic
        if outcome.outcome != "dead_letter" and isinstance(record, QuestionRecord):
            detail = f"{topic} takes no record of {outcome.outgoing.size} bytes"
            stage = Stage.VALIDATE if topic == self._topics.answers else Stage.RESOLVE
            return self.dead_letter(record, Reason.TOO_LARGE, detail, stage)
        letter = without_content(outcome.outgoing)
        return None if letter is None else replace(outcome, outgoing=letter)

    def _travelling(self, record: Record) -> Record:
        return replace(record, headers=self._tracing.headers(record))

    def _dead_letter(  # noqa: PLR0913, PLR0917  what a dead letter says
        self,
        record: Record,
        reason: Reason,
        detail: str,
        stage: Stage,
        candidate: Mapping[str, Any] | None = None,
        retry: Retry | None = None,
    ) -> RecordOutcome:
        """Makes a dead letter whose headers also name the model."""
        topic, now_ms = self._topics.dead_letters, self._clock.now_ms()
        outgoing = dead_letter_of(
            self._travelling(record),
            reason,
            detail,
            stage,
            candidate,
            retry=retry,
            topic=topic,
            now_ms=now_ms,
            foreign=self._foreign,
        )
        model = f"{self._manifest.name} {self._manifest.version}"
        outgoing = replace(outgoing, headers=(*outgoing.headers, (DLQ_MODEL, model.encode())))
        return RecordOutcome(record, outgoing, "dead_letter", reason)


def dead_letter_of(  # noqa: PLR0913  what a dead letter says, and where it goes
    record: Record,
    reason: Reason,
    detail: str,
    stage: Stage,
    candidate: Mapping[str, Any] | None = None,
    *,
    retry: Retry | None = None,
    topic: str,
    now_ms: int,
    foreign: ForeignHeaders = no_headers,
) -> Outgoing:
    """Makes the dead letter of any record.

    Key and value stay as they were, byte for byte. Headers say why it failed, when, and where it first stood.

    Args:
        record: the record that failed.
        reason: why it failed.
        detail: the same for a person; put on one line.
        stage: where it failed.
        candidate: the span that failed validation.
        retry: its retry headers, if it was tried before.
        topic: where the dead letter goes.
        now_ms: when it failed, milliseconds since the epoch.
        foreign: makes the headers of another product, which stand before ours: the last ones count for `replay`.
    """
    letter = DeadLetter(
        reason=reason,
        detail=one_line(detail),
        stage=stage,
        attempt=_attempt_after(retry),
        failed_at=to_datetime(now_ms),
        candidate=None if candidate is None else dict(candidate),
        **_origin(record, retry),
    )
    return Outgoing(topic, record.key, record.value, to_headers(letter, (*record.headers, *foreign(letter))))


def without_content(letter: Outgoing) -> Outgoing | None:
    """Returns a dead letter that holds only why and where the record failed, for a topic that takes no larger one.

    The record itself stays where it first stood. None where this is such a dead letter already.
    """
    names = [name for name, _ in letter.headers]
    if DLQ_OMITTED in names:
        return None
    ours = tuple(header for header in letter.headers if header[0].startswith(DLQ_PREFIX))
    key = letter.key if len(letter.key or b"") <= _MAX_KEPT_KEY_BYTES else None
    omitted = (DLQ_OMITTED, str(letter.size).encode())
    return replace(letter, key=key, value=None, headers=(*ours, omitted))


def _attempt_after(retry: Retry | None) -> int:
    """Counts attempts from 1; a header that says nonsense does not count past what the next header can hold."""
    return min(retry.attempt + 1, _MAX_ATTEMPT) if retry else 1


def _origin(record: Record, retry: Retry | None) -> dict[str, Any]:
    """Returns where the record first stood, as the fields that retry and dead-letter headers share."""
    if retry is not None:
        return retry.model_dump(include={"topic", "partition", "offset", "timestamp_ms"})
    return {
        "topic": record.partition.topic,
        "partition": record.partition.number,
        "offset": record.offset,
        # Some clients send negative timestamps.
        "timestamp_ms": None if record.timestamp_ms is None or record.timestamp_ms < 0 else record.timestamp_ms,
    }
