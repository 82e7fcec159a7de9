"""The whole indexing loop over a broker in memory.

Real: everything of the indexing. Not real: the broker and the engine (fakes with contract suites of their own), the
encoder, and time. A passage is a line.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spanstream.consumer.broker.memory.clients import MemoryConsumer
from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.delivery.group_member import BrokerClients
from spanstream.consumer.errors import Retryable, Stop
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.indexing.batches import BatchBuilder
from spanstream.consumer.indexing.comparing import IndexComparison, IndexDifferences
from spanstream.consumer.indexing.cutting import DocumentCutter
from spanstream.consumer.indexing.rebuild import Rebuild, RebuildCounts
from spanstream.consumer.indexing.service import IndexingService
from spanstream.consumer.indexing.wiring import IndexingApplication, IndexTools, build_indexing
from spanstream.consumer.passages.index import DocumentPassages, IndexDescription, PassageIndex, SweepMark
from spanstream.consumer.passages.memory_index import MemoryPassageIndex, MemoryPassageIndexes
from spanstream.consumer.settings import IndexSettings, Settings, TopicSettings
from spanstream.models.arrays import Float32Array
from spanstream.schemas.limits import Limits
from tests.support.memory.stream_under_test import FakeTimePoller, StreamUnderTest
from tests.support.passages.collected import KB, collected
from tests.support.passages.word_encoder import WordEncoder

TOPICS = TopicSettings()
GROUP = IndexSettings().group_id


def lines_of(text: str) -> list[tuple[int, int]]:
    return [(match.start(), match.end()) for match in re.finditer(r"\w[^\n]*", text)]


class FailingIndex(MemoryPassageIndex):
    """An index whose engine may be away, or die in the middle of an apply."""

    def __init__(self, description: IndexDescription, faults: list[str]) -> None:
        super().__init__(description)
        self.faults = faults
        self.optimized = 0

    def apply(
        self,
        changes: Sequence[DocumentPassages],
        positions: Mapping[int, int],
        marks: Mapping[int, SweepMark] | None = None,
    ) -> None:
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "away":
            raise Retryable("the engine does not answer")
        if fault == "half":
            super().apply(changes[: len(changes) // 2 + 1], {})
            raise Retryable("the engine died")
        super().apply(changes, positions, marks)

    def vectors_of(self, document_ids: Collection[str]) -> dict[str, dict[str, Float32Array]]:
        if self.faults and self.faults[0] == "silent":
            self.faults.pop(0)
            raise Retryable("the engine does not answer")
        return super().vectors_of(document_ids)

    def optimize(self) -> None:
        self.optimized += 1


class FailingIndexes(MemoryPassageIndexes):
    """The generations of such an engine; `faults` are what becomes of the next applies."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.damaged: set[str] = set()

    def open(self, name: str) -> PassageIndex:
        if name in self.damaged:
            raise Stop(f"the passage index {name} is damaged")
        return super().open(name)

    def create(self, name: str, description: IndexDescription) -> PassageIndex:
        self._generations[name] = FailingIndex(description, self.faults)
        return self._generations[name]


@dataclass
class IndexingMember:
    """One running member."""

    application: IndexingApplication
    consumer: MemoryConsumer
    encoder: WordEncoder

    @property
    def service(self) -> IndexingService:
        return self.application.service

    def metric(self, name: str, **labels: str) -> float:
        return self.application.metrics.registry.get_sample_value(f"spanstream_index_{name}", labels) or 0.0


@dataclass
class MemoryIndexing(StreamUnderTest[IndexingMember]):
    """The index's group: the documents topic, the engine, a clock and the members that were started."""

    all_topics = (TOPICS.documents,)
    indexes: FailingIndexes = field(default_factory=FailingIndexes)

    def start(self, encoder: WordEncoder | None = None, formats: EventFormats | None = None) -> IndexingMember:
        encoder = encoder or WordEncoder()
        consumer = self.broker.consumer(GROUP, group_protocol=self.group_protocol)
        publisher = self.broker.publisher(consumer, transactions=False)
        clients: Any = BrokerClients(
            FakeTimePoller(consumer, self.clock), FakeTimePoller(self.broker.reader(), self.clock), publisher
        )
        application = build_indexing(
            Settings(index=IndexSettings(uri="memory", batch_documents=4)),
            open_clients=lambda _: clients,
            open_reader=lambda _: FakeTimePoller(self.broker.reader(), self.clock),
            open_tools=lambda _: IndexTools(self.indexes, encoder, lines_of),
            formats=formats,
            clock=self.clock,
        )
        member = IndexingMember(application, consumer, encoder)
        self.members.append(member)
        application.service.start()
        return member

    def document(self, document_id: str, text: str, collections: Sequence[str] = KB, **metadata: str) -> None:
        self.send(collected(TOPICS.documents, document_id, text, collections, **metadata))

    def delete(self, document_id: str) -> None:
        self.send(collected(TOPICS.documents, document_id, None))

    def send_raw(self, key: str, value: bytes | None) -> None:
        self.send(Outgoing(TOPICS.documents, key.encode(), value))

    @property
    def index(self) -> PassageIndex:
        return self.indexes.open(self.indexes.current() or "")

    def texts(self) -> dict[str, list[str]]:
        """Returns the texts of each document's passages."""
        found: dict[str, list[str]] = {}
        for passage in sorted(self.index.contents(), key=lambda one: one.place.number):
            found.setdefault(passage.place.document_id, []).append(passage.text)
        return found

    def settle(self) -> None:
        self.until(self.is_settled)

    def is_settled(self) -> bool:
        name = self.indexes.current()
        if name is None:
            return False
        logs = self.broker.topic(TOPICS.documents).logs
        index = self.indexes.open(name)
        positions = index.positions() if index.description.topic_id == self.topic_id() else {}
        return all(positions.get(log.partition.number, 0) >= log.end for log in logs)

    def topic_id(self) -> str:
        return self.broker.reader().topic_id(TOPICS.documents)

    def compare(self, encoder: WordEncoder | None = None) -> IndexDifferences:
        reader: Any = FakeTimePoller(self.broker.reader(), self.clock)
        cutter = DocumentCutter(EventFormats(Limits()), lines_of)
        return IndexComparison(
            self.index,
            reader,
            TOPICS.documents,
            cutter,
            self.clock,
            10.0,
            lambda _stage, _size: lambda _more: None,
            lambda: encoder or WordEncoder(),
        ).run()

    def rebuild(self, encoder: WordEncoder | None = None, **options: Any) -> RebuildCounts:
        encoder = encoder or WordEncoder()
        reader: Any = FakeTimePoller(self.broker.reader(), self.clock)
        builder = BatchBuilder(DocumentCutter(EventFormats(Limits()), lines_of), encoder)
        settings: dict[str, Any] = {"watch": lambda _: None, "batch_documents": 4} | options
        return Rebuild(
            indexes=self.indexes,
            reader=reader,
            topic=TOPICS.documents,
            builder=builder,
            encoder=encoder,
            clock=self.clock,
            **settings,
        ).run()
