"""What a record comes to, written as the record that says so: an answer, a retry or a dead letter. Always exactly one.

Settled = the outgoing record + the reason if it is a dead letter
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from spanstream.consumer.broker.protocols import Outgoing, Record
from spanstream.consumer.clock import Clock, to_datetime
from spanstream.consumer.settings import RetrySettings, TopicSettings
from spanstream.models.artifact import Manifest
from spanstream.models.reader import Answer, Quote
from spanstream.schemas import events
from spanstream.schemas.cloudevents import TRACEPARENT, answer_headers
from spanstream.schemas.codec import encode
from spanstream.schemas.dead_letters import DLQ_MODEL, DeadLetter, Reason, Retry, Stage, to_headers
from spanstream.schemas.errors import InvalidRecord, one_line
from spanstream.schemas.events import ModelInfo, Question, Span, WindowsRead

_MAX_ATTEMPT = 2**31 - 1
# Just below what a broker takes by default (1 MiB with headers). Only a word of hundreds of thousands of characters,
# which is nobody's answer, makes an answer as large; refused by the broker it would stop the consumer again and again.
_MAX_ANSWER_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class RecordOutcome:
    """A consumed record's one outcome.

    `reason` is the dead letter's; None for answers and retries. `outcome` is `answered`, `no_answer`, `retried` or
    `dead_letter`, for the metrics.
    """

    outgoing: Outgoing
    outcome: str
    reason: Reason | None = None


class Outcomes:
    """Makes the outgoing records.

    Args:
        topics: where they go.
        retries: how often and how long after each other.
        manifest: the model that answers.
        source: CloudEvents source of the answers: names this deployment.
        clock: times of answers and failures.
    """

    def __init__(
        self, topics: TopicSettings, retries: RetrySettings, manifest: Manifest, *, source: str, clock: Clock
    ) -> None:
        self._topics = topics
        self._retries = retries
        self._manifest = manifest
        self._source = source
        self._clock = clock

    def answer(self, record: Record, question: Question, document_sha256: str, reading: Answer) -> RecordOutcome:
        """The answer to a question; the question's own least confidence wins over the model's threshold."""
        threshold = reading.threshold if question.min_confidence is None else question.min_confidence
        candidate = _span(reading.candidate)
        is_answered = candidate is not None and reading.confidence >= threshold
        answer = events.Answer(
            question_id=question.question_id,
            document_id=question.document_id,
            document_sha256=document_sha256,
            status="answered" if is_answered else "no_answer",
            answer=candidate if is_answered else None,
            candidate=candidate,
            confidence=reading.confidence,
            null_score_diff=reading.null_score_diff,
            windows=WindowsRead(total=reading.windows_total, read=reading.windows_read),
            model=ModelInfo(
                name=self._manifest.name,
                version=self._manifest.version,
                precision=reading.precision,
                calibration=self._manifest.calibration.name,
            ),
            metadata=question.metadata,
            answered_at=to_datetime(self._clock.now_ms()),
        )
        value = encode(answer)
        if len(value) > _MAX_ANSWER_BYTES:
            detail = f"the answer would have {len(value)} bytes, at most {_MAX_ANSWER_BYTES} are sent"
            return self.dead_letter(record, Reason.TOO_LARGE, detail, Stage.VALIDATE)
        headers = answer_headers(answer, self._source, record.header(TRACEPARENT))
        return RecordOutcome(Outgoing(self._topics.answers, record.key, value, headers), answer.status)

    def retry(self, record: Record, reason: Reason, detail: str) -> RecordOutcome:
        """Another try later, or the dead letter where there were enough."""
        earlier = _retry_of(record)
        attempt = _attempt_after(earlier)
        if attempt >= self._retries.max_attempts:
            return self.dead_letter(record, reason, f"{detail}; tried {attempt} times", Stage.RESOLVE)
        retry = Retry(
            attempt=attempt,
            due_ms=self._clock.now_ms() + round(self._retries.delay_seconds * 1000),
            reason=reason,
            detail=one_line(detail),
            **_origin(record, earlier),
        )
        headers = retry.to_headers(record.headers)
        # The number ties it to its document, whatever partitioner the producer of both has.
        number = record.partition.number
        return RecordOutcome(Outgoing(self._topics.retries, record.key, record.value, headers, number), "retried")

    def dead_letter(
        self,
        record: Record,
        reason: Reason,
        detail: str,
        stage: Stage,
        candidate: Mapping[str, Any] | None = None,
    ) -> RecordOutcome:
        """The record as it was, key and value byte for byte, with headers that say why and where it first stood."""
        topic, now_ms = self._topics.dead_letters, self._clock.now_ms()
        outgoing = dead_letter_of(record, reason, detail, stage, candidate, topic=topic, now_ms=now_ms)
        model = f"{self._manifest.name} {self._manifest.version}"
        outgoing = replace(outgoing, headers=(*outgoing.headers, (DLQ_MODEL, model.encode())))
        return RecordOutcome(outgoing, "dead_letter", reason)


def dead_letter_of(  # noqa: PLR0913  what a letter says, and where it goes
    record: Record,
    reason: Reason,
    detail: str,
    stage: Stage,
    candidate: Mapping[str, Any] | None = None,
    *,
    topic: str,
    now_ms: int,
) -> Outgoing:
    """The record as it was, for the topic, with headers that say why it failed, when, and where it first stood."""
    earlier = _retry_of(record)
    letter = DeadLetter(
        reason=reason,
        detail=one_line(detail),
        stage=stage,
        attempt=_attempt_after(earlier),
        failed_at=to_datetime(now_ms),
        candidate=None if candidate is None else dict(candidate),
        **_origin(record, earlier),
    )
    return Outgoing(topic, record.key, record.value, to_headers(letter, record.headers))


def _span(quote: Quote | None) -> Span | None:
    return None if quote is None else Span(text=quote.text, char_start=quote.char_start, char_end=quote.char_end)


def _retry_of(record: Record) -> Retry | None:
    """The record's retry headers; unreadable ones (which decoding refuses) count as none."""
    try:
        return Retry.from_headers(record.headers)
    except InvalidRecord:
        return None


def _attempt_after(earlier: Retry | None) -> int:
    """Counted from 1; a header that says nonsense does not count past what the next header can hold."""
    return min(earlier.attempt + 1, _MAX_ATTEMPT) if earlier else 1


def _origin(record: Record, earlier: Retry | None) -> dict[str, Any]:
    """Where the record first stood, as the fields that retry and dead-letter headers share."""
    if earlier is not None:
        return earlier.model_dump(include={"topic", "partition", "offset", "timestamp_ms"})
    return {
        "topic": record.partition.topic,
        "partition": record.partition.number,
        "offset": record.offset,
        # A client of its own make may have sent a negative one.
        "timestamp_ms": None if record.timestamp_ms is None or record.timestamp_ms < 0 else record.timestamp_ms,
    }
