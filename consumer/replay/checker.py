"""Checks whether dead letters would pass now: runs them through the decoder, validator and model. Sends nothing.

Step (the record as it would be sent, with its fixes) ── Preparer ── Answerer ──> CheckResult
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from spanstream.consumer.answering.answer import Answerer
from spanstream.consumer.answering.outcomes import RecordOutcome
from spanstream.consumer.answering.prepare import Preparer
from spanstream.consumer.answering.question_record import QuestionRecord, read_retry_headers
from spanstream.consumer.broker.partitioner import partition_of
from spanstream.consumer.broker.protocols import Outgoing, Partition, Record
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.replay.letters.letter import Letter
from spanstream.consumer.replay.planning.headers import REPLAY_SOURCE
from spanstream.consumer.replay.planning.planner import Step
from spanstream.consumer.settings import TopicSettings
from spanstream.schemas.codec import check_bounds, check_key
from spanstream.schemas.dead_letters import Retry, from_headers
from spanstream.schemas.errors import InvalidRecord

VALID: Final = "valid"
"""A document that would be accepted."""
REFUSED: Final = "refused"
"""The record would not be sent; the detail says why."""
SUPERSEDED: Final = "superseded"
"""The record would not be sent, because its destination holds something newer of its key."""
NOT_CHECKED: Final = "not_checked"
"""The record would be sent to a topic that is not this deployment's."""
PASSED: Final = frozenset({"answered", "no_answer", VALID})

# Questions that are answered together, and the bytes of their records.
_CHUNK = 64
_CHUNK_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What would become of a record now: one of the outcomes above, or the reason of its failure.

    `detail` is one line; empty where it would pass.
    """

    letter: Letter
    outcome: str
    detail: str = ""

    @property
    def passes(self) -> bool:
        """Whether the record would not become a dead letter again."""
        return self.outcome in PASSED


@dataclass(frozen=True, slots=True)
class Checker:
    """Checks planned records; `partitions` is the documents topic's number of partitions."""

    preparer: Preparer
    answerer: Answerer
    topics: TopicSettings
    formats: EventFormats
    partitions: int

    def check(self, steps: Iterable[Step]) -> Iterator[CheckResult]:
        """Yields a result for each step. Questions are answered in chunks, so the order differs from the steps'."""
        questions: list[Step] = []
        waiting_bytes = 0
        for step in steps:
            outgoing = step.outgoing
            if step.superseded is not None:
                by = f" ({step.superseded.by})" if step.superseded.by else ""
                yield CheckResult(step.letter, SUPERSEDED, f"{step.why}{by}")
            elif outgoing is None or step.identity is None:
                yield CheckResult(step.letter, REFUSED, step.why)
            elif outgoing.topic == self.topics.documents:
                yield self._check_document(step.letter, outgoing)
            elif outgoing.topic in self.topics.consumed:
                questions.append(step)
                waiting_bytes += outgoing.size
                if len(questions) >= _CHUNK or waiting_bytes >= _CHUNK_BYTES:
                    yield from self._check_questions(questions)
                    questions, waiting_bytes = [], 0
            else:
                yield CheckResult(step.letter, NOT_CHECKED, f"{outgoing.topic} is no topic of this deployment")
        yield from self._check_questions(questions)

    def _check_document(self, letter: Letter, outgoing: Outgoing) -> CheckResult:
        if outgoing.value is None:
            return CheckResult(letter, VALID)
        try:
            check_bounds(outgoing.key, outgoing.size, self.formats.limits)
            check_key(outgoing.key, self.formats.document(outgoing).document_id)
        except InvalidRecord as error:
            return CheckResult(letter, error.reason, error.detail)
        return CheckResult(letter, VALID)

    def _check_questions(self, steps: Sequence[Step]) -> Iterator[CheckResult]:
        letters = {step.letter.place: step.letter for step in steps}
        remaining = [self._record(step) for step in steps]
        while remaining:
            prepared, remaining = self.preparer.prepare(remaining)
            outcomes = self.answerer.answer(prepared)
            sources = [_source(outcome.outgoing.headers) for outcome in prepared.outcomes]
            sources += [_source(planned.record.headers) for planned in prepared.planned]
            for source, settled in zip(sources, outcomes, strict=True):
                yield _result(letters[source], settled)

    def _record(self, step: Step) -> QuestionRecord:
        """Returns the record as the consumer would read it."""
        sent = step.outgoing
        assert sent is not None  # noqa: S101  `check` takes only steps with a record
        number = sent.partition if sent.partition is not None else partition_of(sent.key or b"", self.partitions)
        record = step.letter.record
        sent_record = Record(Partition(sent.topic, number), record.offset, sent.key, sent.value, sent.headers)
        return read_retry_headers(sent_record)


def _source(headers: Iterable[tuple[str, bytes | None]]) -> str:
    return next((value or b"").decode() for name, value in headers if name == REPLAY_SOURCE)


def _result(letter: Letter, settled: RecordOutcome) -> CheckResult:
    headers = settled.outgoing.headers
    if settled.reason is not None:
        return CheckResult(letter, settled.reason, from_headers(headers).detail)
    retry = Retry.from_headers(headers) if settled.outcome == "retried" else None
    if retry is not None:
        return CheckResult(letter, retry.reason, retry.detail)
    return CheckResult(letter, settled.outcome)
