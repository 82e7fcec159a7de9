"""Would it pass now? The selected records through today's decoder, validator and model; nothing is sent.

Step (the record as it would be sent, fixes and all) ── Preparer ── Answerer ──> Verdict
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
from spanstream.consumer.replay.letters.headers import REPLAY_SOURCE
from spanstream.consumer.replay.letters.letter import Letter
from spanstream.consumer.replay.sending.plan import Step
from spanstream.consumer.settings import TopicSettings
from spanstream.schemas.codec import check_key, decode_document
from spanstream.schemas.dead_letters import Retry, from_headers
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.limits import Limits

VALID: Final = "valid"
"""A document that would be taken."""
REFUSED: Final = "refused"
"""It would not be sent: the detail says why."""
NOT_CHECKED: Final = "not_checked"
"""It would be sent to no topic of this deployment."""
PASSED: Final = frozenset({"answered", "no_answer", VALID})

_CHUNK = 64


@dataclass(frozen=True, slots=True)
class Verdict:
    """What would become of a record now: one of `PASSED`, `refused`, `not_checked`, or the reason it would fail.

    `detail` is one line; empty where it would pass.
    """

    letter: Letter
    outcome: str
    detail: str = ""

    @property
    def passes(self) -> bool:
        """Whether it would be no dead letter again."""
        return self.outcome in PASSED


@dataclass(frozen=True, slots=True)
class Checker:
    """Checks steps; `partitions` is how many the documents topic has, where it is not the record's own number."""

    preparer: Preparer
    answerer: Answerer
    topics: TopicSettings
    limits: Limits
    partitions: int

    def check(self, steps: Iterable[Step]) -> Iterator[Verdict]:
        """A verdict for each step; questions are read in chunks, so not in the order of the steps."""
        asked: list[Step] = []
        for step in steps:
            outgoing = step.outgoing
            if outgoing is None or step.identity is None:
                yield Verdict(step.letter, REFUSED, step.why)
            elif outgoing.topic == self.topics.documents:
                yield self._document(step.letter, outgoing)
            elif outgoing.topic in self.topics.consumed:
                asked.append(step)
                if len(asked) >= _CHUNK:
                    yield from self._questions(asked)
                    asked = []
            else:
                yield Verdict(step.letter, NOT_CHECKED, f"{outgoing.topic} is no topic of this deployment")
        yield from self._questions(asked)

    def _document(self, letter: Letter, outgoing: Outgoing) -> Verdict:
        if outgoing.value is None:
            return Verdict(letter, VALID)
        try:
            check_key(outgoing.key, decode_document(outgoing.value, self.limits).document_id)
        except InvalidRecord as error:
            return Verdict(letter, error.reason, error.detail)
        return Verdict(letter, VALID)

    def _questions(self, steps: Sequence[Step]) -> Iterator[Verdict]:
        letters = {step.letter.place: step.letter for step in steps}
        left = [self._record(step) for step in steps]
        while left:
            prepared, left = self.preparer.prepare(left)
            outcomes = self.answerer.answer(prepared)
            sources = [_source(outcome.outgoing.headers) for outcome in prepared.outcomes]
            sources += [_source(planned.record.headers) for planned in prepared.planned]
            for source, settled in zip(sources, outcomes, strict=True):
                yield _verdict(letters[source], settled)

    def _record(self, step: Step) -> QuestionRecord:
        """The record as the consumer would read it."""
        sent = step.outgoing
        assert sent is not None  # noqa: S101  what is not sent is not asked
        number = sent.partition if sent.partition is not None else partition_of(sent.key or b"", self.partitions)
        record = step.letter.record
        sent_record = Record(Partition(sent.topic, number), record.offset, sent.key, sent.value, sent.headers)
        return read_retry_headers(sent_record)


def _source(headers: Iterable[tuple[str, bytes | None]]) -> str:
    return next((value or b"").decode() for name, value in headers if name == REPLAY_SOURCE)


def _verdict(letter: Letter, settled: RecordOutcome) -> Verdict:
    headers = settled.outgoing.headers
    if settled.reason is not None:
        return Verdict(letter, settled.reason, from_headers(headers).detail)
    retry = Retry.from_headers(headers) if settled.outcome == "retried" else None
    if retry is not None:
        return Verdict(letter, retry.reason, retry.detail)
    return Verdict(letter, settled.outcome)
