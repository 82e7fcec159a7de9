"""Questions about a collection under the soak: documents come, change and go, and indexers follow them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spanstream.consumer.broker.kafka import TopicAdmin
from spanstream.consumer.broker.protocols import Outgoing, Record
from spanstream.consumer.settings import GroupProtocol
from spanstream.schemas.codec import decode_answer
from spanstream.schemas.dead_letters import Reason, from_headers
from tests.soak.crew import Post
from tests.soak.ledger import Expected, Outcome, SoakLedger, Violation
from tests.soak.streams import PARTITIONS, Ground, SoakedStream
from tests.support.kafka.index_stream import IndexStream
from tests.support.kafka.stream import name_of
from tests.support.passages.changing_collection import ChangingCollection
from tests.support.passages.collected import collected
from tests.support.passages.quoted_versions import QuotedVersions

_DOCUMENTS = 120
_CHANGED = 12  # documents, in each portion
_STANDING = "versions that stood"


class Collections(SoakedStream):
    """Questions about a collection; some are bad, and so are some documents."""

    stream: IndexStream

    def __init__(self, ground: Ground, protocol: GroupProtocol, seed: int) -> None:
        # An index that is behind makes questions wait, however long the fault stands.
        settings = ground.settings(protocol, transactions=True) | {"RETRIES__MAX_ATTEMPTS": "1000"}
        super().__init__(ground, IndexStream(ground.bootstrap, ground.folder, PARTITIONS, settings), seed)
        self.collection = ChangingCollection(self.stream, _DOCUMENTS, self.draw)
        self._versions = QuotedVersions(())  # until all is answered

    @property
    def posts(self) -> list[Post]:
        start, index, proxied = self.stream.start, self.stream.start_index, self.ground.through_proxies
        return [Post(start), Post(lambda: start(**proxied)), Post(index), Post(lambda: index(**proxied))]

    @property
    def outputs(self) -> Sequence[str]:
        return self.stream.topics.answers, self.stream.topics.dead_letters

    def publish(self, count: int) -> None:
        self.portions += 1
        if self.portions == 1:
            self.collection.publish_all()
        self.collection.change(_CHANGED)
        self.collection.ask(count)
        self.awaited = self.collection.outcomes

    def foreign_records(self) -> Sequence[Outgoing]:
        about = f"depot-{self.draw.randrange(_DOCUMENTS)}"
        return [collected(self.stream.topics.documents, about, f"Version {self.portions} was never committed.")]

    def outcome(self, record: Record) -> Outcome:
        place = f"{record.partition}@{record.offset}"
        if record.partition.topic != self.stream.topics.answers:
            return Outcome(name_of(record), place, str(from_headers(record.headers).reason))
        answer = decode_answer(record.value or b"")
        asked = self.collection.asked.get(answer.question_id)
        wrong = self._versions.wrong(answer, asked) if asked else []
        version = "; ".join(wrong) or _STANDING
        return Outcome(answer.question_id, place, version=version, event_id=record.header("ce_id"))

    def settle(self, ledger: SoakLedger) -> None:
        self._versions = QuotedVersions(self.read(self.stream.topics.documents))
        undecodable = frozenset({str(Reason.UNDECODABLE)})
        expected = [Expected(name, about=self.stream.name, versions=(_STANDING,)) for name in self.collection.asked]
        expected += [Expected(name, reasons=undecodable) for name in self.collection.bad]
        ledger.settle(expected, self.outcomes(self.outputs))
        check = self.stream.status(check=True)["check"]
        if not check["is_equal"]:
            ledger.report(Violation.WRONG_VERSION, f"the index is not what the topic says: {check}")

    def right_content(self, expected: Expected, version: str) -> object:  # noqa: ARG002  what is quoted is judged
        return None

    def lag(self) -> Mapping[Any, int]:
        lag = TopicAdmin(self.stream.config).lag(self.stream.group, [self.stream.topics.documents])
        return {**self.stream.lag(), **{f"{partition} of the index": left for partition, left in lag.items() if left}}
