"""The feedback under the soak: what people say of answers goes in, labels come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from spanstream.consumer.broker.kafka import TopicAdmin
from spanstream.consumer.broker.protocols import Outgoing, Record
from spanstream.consumer.settings import GroupProtocol
from spanstream.schemas.answer_parts import Span
from spanstream.schemas.codec import decode_label
from spanstream.schemas.dead_letters import Reason, from_headers
from spanstream.schemas.events import Document
from spanstream.schemas.feedback import Feedback
from tests.soak.crew import Post
from tests.soak.ledger import Expected, Outcome, SoakLedger
from tests.soak.streams import PARTITIONS, Ground, SoakedStream
from tests.support.kafka.feedback_stream import FeedbackStream
from tests.support.kafka.stream import document, name_of, named

_GIVEN_AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
_QUESTIONS_OF_A_TEXT = 5


class Verdicts(SoakedStream):
    """Feedback on texts that stand; some of it bad, some of no text that stands, some sent twice."""

    stream: FeedbackStream

    def __init__(self, ground: Ground, protocol: GroupProtocol, seed: int) -> None:
        settings = ground.settings(protocol, transactions=True)
        super().__init__(ground, FeedbackStream(ground.bootstrap, ground.folder, PARTITIONS, settings), seed)
        self.verdicts: dict[str, Feedback] = {}
        self.refused: dict[str, Reason] = {}

    @property
    def posts(self) -> list[Post]:
        start = self.stream.start_feedback
        return [Post(start), Post(lambda: start(**self.ground.through_proxies))]

    @property
    def outputs(self) -> Sequence[str]:
        return self.stream.topics.labels, self.stream.topics.dead_letters

    def publish(self, count: int) -> None:
        self.portions += 1
        texts = [self._document(number) for number in range(1 + count // _QUESTIONS_OF_A_TEXT)]
        self.send([document(self.stream.topics.documents, one.document_id, one.text) for one in texts])
        made = [self._verdict(number, self.draw.choice(texts)) for number in range(count - 3)]
        again = self.draw.sample(list(self.verdicts.values()), min(3, len(self.verdicts)))
        self.verdicts |= {one.label_key: one for one in made}
        self.send([*map(self.stream.feedback, made + again), *self._bad_ones(texts[0])])
        self.awaited += count

    def _document(self, number: int) -> Document:
        code = self.draw.randrange(1_000, 9_999)
        return Document(document_id=f"d-{self.portions}-{number}", text=f"The export stops with error E-{code}.")

    def _verdict(self, number: int, about: Document) -> Feedback:
        start = about.text.index("E-")
        span = Span(text=about.text[start:-1], char_start=start, char_end=len(about.text) - 1)
        is_answered = self.draw.random() < 0.8
        return Feedback(
            question_id=f"q-{self.portions}-{number}",
            document_id=about.document_id,
            document_sha256=about.sha256,
            question="Which error?",
            verdict="corrected" if is_answered else "no_answer",
            span=span if is_answered else None,
            given_at=_GIVEN_AT,
        )

    def _bad_ones(self, about: Document) -> list[Outgoing]:
        topic, good = self.stream.topics.feedback, self._verdict(0, about)
        changed = good.model_copy(update={"document_sha256": "0" * 64})
        missing = good.model_copy(update={"document_id": f"missing-{self.portions}"})
        bad = {
            Reason.UNDECODABLE: (about.document_id, b"{"),
            Reason.DOCUMENT_CHANGED: (about.document_id, changed.model_dump_json().encode()),
            Reason.DOCUMENT_MISSING: (missing.record_key, missing.model_dump_json().encode()),
        }
        self.refused |= {f"{reason}-{self.portions}": reason for reason in bad}
        return [named(f"{reason}-{self.portions}", topic, *record) for reason, record in bad.items()]

    def foreign_records(self) -> Sequence[Outgoing]:
        foreign = self._verdict(0, self._document(0)).model_copy(update={"question_id": f"foreign-{self.portions}"})
        return [self.stream.feedback(foreign)]

    def outcome(self, record: Record) -> Outcome:
        place = f"{record.partition}@{record.offset}"
        if record.partition.topic != self.stream.topics.labels:
            return Outcome(name_of(record) or place, place, str(from_headers(record.headers).reason))
        if record.value is None:
            return Outcome((record.key or b"").decode(), place, "deleted")
        label = decode_label(record.value)
        return Outcome(label.label_key, place, version=label.document_sha256 or "", content=(label.verdict, label.span))

    def settle(self, ledger: SoakLedger) -> None:
        expected = [
            Expected(name, about=one.document_id or "", versions=(one.document_sha256 or "",))
            for name, one in self.verdicts.items()
        ]
        expected += [Expected(name, reasons=frozenset({str(reason)})) for name, reason in self.refused.items()]
        ledger.settle(expected, self.outcomes(self.outputs))

    def right_content(self, expected: Expected, version: str) -> object:  # noqa: ARG002  a text has one version
        right = self.verdicts[expected.name]
        return right.verdict, right.span

    def lag(self) -> Mapping[Any, int]:
        lag = TopicAdmin(self.stream.config).lag(f"{self.stream.name}.feedback", [self.stream.topics.feedback])
        return {partition: records for partition, records in lag.items() if records}
