"""What goes into a stream and what may come out of it: questions, and dead letters that are sent again.

Each stream publishes portion by portion, remembers what it asked, and in the end settles everything with the ledger.
Support tickets are in `tickets`.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spanstream.consumer.broker.partitioner import partition_of
from spanstream.consumer.broker.protocols import Outgoing, Record
from spanstream.consumer.settings import GroupProtocol
from spanstream.models.reader import Reader
from spanstream.schemas.codec import decode_answer
from spanstream.schemas.dead_letters import Reason, from_headers
from tests.soak.crew import Post
from tests.soak.documents import DocumentHistory
from tests.soak.ledger import Expected, Outcome, SoakLedger
from tests.soak.patience import PATIENCE_SECONDS, patiently
from tests.support.events.dead_letters import dead_letter, question_value
from tests.support.kafka.program import Program
from tests.support.kafka.quick_settings import quick_settings
from tests.support.kafka.stream import NAME, Stream, document, name_of, question

PARTITIONS = 4


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a stream runs: `bootstrap` leads to the brokers, `proxied` through the proxies in front of them."""

    bootstrap: str
    proxied: str
    redis_url: str
    folder: Path
    reader: Reader

    def settings(self, protocol: GroupProtocol, *, transactions: bool) -> dict[str, str]:
        """Returns settings under which a fault is soon noticed and Redis is asked for every text."""
        return quick_settings(protocol) | {
            "KAFKA__TRANSACTIONS": str(transactions).lower(),
            "RETRIES__DELAY_SECONDS": "1",
            "RETRIES__MAX_ATTEMPTS": "8",
            "CHUNK__MAX_QUESTIONS": "32",
            "CACHE__MEMORY_BYTES": "1",
            "REDIS__URL": self.redis_url,
            "REDIS__BREAKER_RESET_SECONDS": "0.2",
            "HTTP__STUCK_SECONDS": "600",
        }

    @property
    def through_proxies(self) -> dict[str, str]:
        return {"KAFKA__BOOTSTRAP_SERVERS": self.proxied}


class SoakedStream(ABC):
    """A stream with the programs that serve it, what it was asked, and what has to come of that.

    Attributes:
        questions_each: how many questions stand behind one outcome.
        awaited: how many outcomes have to come.
    """

    questions_each = 1

    def __init__(self, ground: Ground, stream: Stream, seed: int) -> None:
        self.ground, self.stream = ground, stream
        self.draw = random.Random(seed)  # noqa: S311  no secret
        self.portions = 0
        self.awaited = 0

    @property
    @abstractmethod
    def posts(self) -> list[Post]:
        """The programs that serve it."""

    @property
    @abstractmethod
    def outputs(self) -> Sequence[str]:
        """Topics whose records are outcomes."""

    @abstractmethod
    def publish(self, count: int) -> None:
        """Asks so many more, and awaits an outcome of each."""

    @abstractmethod
    def foreign_records(self) -> Sequence[Outgoing]:
        """What somebody else writes into its topics in a transaction that is aborted."""

    @abstractmethod
    def outcome(self, record: Record) -> Outcome:
        """Reads a record of the outputs."""

    @abstractmethod
    def settle(self, ledger: SoakLedger) -> None:
        """Compares everything that stands in the topics with what was asked."""

    @abstractmethod
    def right_content(self, expected: Expected, version: str) -> object:
        """Returns what the model in this process makes of it."""

    def lag(self) -> Mapping[Any, int]:
        """Returns what is still unconsumed."""
        return self.stream.lag()

    def read(self, topic: str) -> list[Record]:
        """Reads a topic from its beginning, as a read_committed reader does."""
        return patiently(lambda: self.stream.read(topic))

    def send(self, records: Sequence[Outgoing]) -> None:
        """Publishes the records, once each."""
        self.stream.publish(records, PATIENCE_SECONDS)

    def outcomes(self, topics: Sequence[str]) -> list[Outcome]:
        """Reads the outcomes in these topics."""
        return [self.outcome(record) for topic in topics for record in self.read(topic)]


class SoakedQuestions(SoakedStream):
    """Questions about documents that change meanwhile; some are bad, some about what is not there."""

    def __init__(self, ground: Ground, protocol: GroupProtocol, seed: int, *, transactions: bool = True) -> None:
        settings = ground.settings(protocol, transactions=transactions)
        super().__init__(ground, Stream(ground.bootstrap, ground.folder, PARTITIONS, settings), seed)
        self.documents = DocumentHistory(seed)

    @property
    def posts(self) -> list[Post]:
        start = self.stream.start
        return [Post(lambda: start(**self.ground.through_proxies)), Post(start)]

    @property
    def outputs(self) -> Sequence[str]:
        return self.stream.topics.answers, self.stream.topics.dead_letters

    def publish(self, count: int) -> None:
        self.portions += 1
        topics, made = self.stream.topics, self.documents.portion(count)
        self.send(made.before_records(topics.documents))
        self.send([one.record(topics.questions) for one in made.asked])
        self.send(made.after_records(topics.documents))
        self.awaited += count

    def foreign_records(self) -> Sequence[Outgoing]:
        topics, about = self.stream.topics, self.documents.any_id(self.draw)
        name = f"foreign-{self.portions}"
        return [
            document(topics.documents, about, f"{name} was never committed"),
            question(topics.questions, name, "Who?", about),
        ]

    def outcome(self, record: Record) -> Outcome:
        place = f"{record.partition}@{record.offset}"
        if record.partition.topic != self.stream.topics.answers:
            return Outcome(name_of(record), place, str(from_headers(record.headers).reason))
        answer = decode_answer(record.value or b"")
        span = answer.candidate and (answer.candidate.text, answer.candidate.char_start, answer.candidate.char_end)
        content = (answer.status, span, answer.confidence, answer.null_score_diff)
        ce_id = record.header("ce_id")
        return Outcome(answer.question_id, place, version=answer.document_sha256 or "", content=content, event_id=ce_id)

    def settle(self, ledger: SoakLedger) -> None:
        topics = self.stream.topics
        retried = {name_of(record) for record in self.read(topics.retries)}
        positions = {
            name: (record.partition.number, record.offset)
            for record in self.read(topics.questions)
            if (name := name_of(record)) not in retried
        }
        ledger.settle(self.documents.expected(), self.outcomes(self.outputs), positions)

    def right_content(self, expected: Expected, version: str) -> object:
        (read,) = self.ground.reader.read(self.documents.texts[version], [expected.question])
        span = read.candidate and (read.candidate.text, read.candidate.char_start, read.candidate.char_end)
        return "no_answer" if read.quote is None else "answered", span, read.confidence, read.null_score_diff


class SoakedReplays(SoakedQuestions):
    """Dead letters of questions whose documents have come meanwhile; `replay run` sends them, again and again."""

    def __init__(self, ground: Ground, protocol: GroupProtocol, seed: int) -> None:
        super().__init__(ground, protocol, seed)
        self.letters: dict[str, Outgoing] = {}
        self.runs = 0

    @property
    def posts(self) -> list[Post]:
        return [*super().posts, Post(self._start_run, ends=True)]

    def _start_run(self) -> Program:
        self.runs += 1
        manifest = self.ground.folder / f"{self.stream.name}-{self.runs}.jsonl"
        selection = ("--reason", Reason.DOCUMENT_MISSING, "--yes", "--manifest", str(manifest))
        slowly = ("--batch", "10", "--rate", "40")
        return self.stream.start("replay", "run", *selection, *slowly, **self.ground.through_proxies)

    @property
    def outputs(self) -> Sequence[str]:
        return (self.stream.topics.answers,)

    def publish(self, count: int) -> None:
        self.portions += 1
        topics, made = self.stream.topics, self.documents.portion(count, plain=True)
        self.send(made.before_records(topics.documents))
        letters = {one.name: self._letter(one.name, one.about, one.question) for one in made.asked}
        kept = f"kept-{self.portions}"
        others = {kept: self._letter(kept, made.asked[0].about, "Who?", Reason.SPAN_MISMATCH)}
        self.letters |= letters | others
        self.send([*letters.values(), *others.values()])
        self.awaited += count

    def _letter(self, name: str, about: str, asked: str, reason: Reason = Reason.DOCUMENT_MISSING) -> Outgoing:
        return dead_letter(
            self.stream.topics.dead_letters,
            name,
            reason,
            origin=self.stream.topics.questions,
            origin_partition=partition_of(about.encode(), PARTITIONS),
            key=about.encode(),
            value=question_value(name, about, question=asked),
            headers=((NAME, name.encode()),),
        )

    def foreign_records(self) -> Sequence[Outgoing]:
        name = f"foreign-{self.portions}"
        return [self._letter(name, self.documents.any_id(self.draw), "Who?")]

    def settle(self, ledger: SoakLedger) -> None:
        topics, sent = self.stream.topics, {one.name for one in self.documents.asked}
        super().settle(ledger)
        ledger.settle(
            [Expected(name, about="the record", versions=("as it was",)) for name in sent],
            [self._as_sent(record) for record in self.read(topics.questions)],
        )
        ledger.settle(
            [
                Expected(name, reasons=frozenset({str(from_headers(letter.headers).reason)}))
                for name, letter in self.letters.items()
            ],
            [super(SoakedReplays, self).outcome(record) for record in self.read(topics.dead_letters)],
        )

    def _as_sent(self, record: Record) -> Outcome:
        place = f"{record.partition}@{record.offset}"
        return Outcome(name_of(record), place, version="as it was", content=(record.key, record.value))

    def right_content(self, expected: Expected, version: str) -> object:
        if expected.question:
            return super().right_content(expected, version)
        return self.letters[expected.name].key, self.letters[expected.name].value
