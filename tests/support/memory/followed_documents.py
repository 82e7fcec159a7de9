"""Documents that follow a topic of a broker in memory, and a way to write into it."""

from __future__ import annotations

import json
from typing import Any

from spanstream.consumer.answering.documents import Documents
from spanstream.consumer.broker.memory.broker import MemoryBroker
from spanstream.consumer.broker.protocols import Outgoing, Partition, PartitionReader, Record
from spanstream.consumer.cache.asked_texts import AskedTexts
from spanstream.consumer.delivery.circuit import Circuit
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.schemas.limits import Limits
from tests.support.memory.fake_time import FakeClock

TOPIC = "documents"
ZERO, ONE = Partition(TOPIC, 0), Partition(TOPIC, 1)
ROOM = 1 << 20


class WatchedReader:
    """A reader, and what was asked of it."""

    def __init__(self, inner: PartitionReader) -> None:
        self._inner = inner
        self.reread: list[int] = []
        self.polled: list[Record] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def poll(self, max_records: int, timeout_seconds: float) -> list[Record]:
        records = self._inner.poll(max_records, timeout_seconds)
        self.polled += records
        return records

    def read_at(self, partition: Partition, offset: int, timeout_seconds: float) -> Record | None:
        self.reread.append(offset)
        return self._inner.read_at(partition, offset, timeout_seconds)


class DocumentsRig:
    """A topic of two partitions and the documents that follow it."""

    def __init__(self) -> None:
        self.broker = MemoryBroker()
        self.broker.create_topic(TOPIC, 2)
        self.clock = FakeClock()
        self.forgotten: list[str] = []
        self.documents = self.follower()

    def follower(
        self,
        *,
        memory_bytes: int = ROOM,
        max_share: float = 1.0,
        limits: Limits | None = None,
        formats: EventFormats | None = None,
        watches_all: bool = False,
    ) -> Documents:
        self.reader = WatchedReader(self.broker.reader())
        reader: Any = self.reader
        return Documents(
            reader,
            TOPIC,
            formats=formats or EventFormats(limits or Limits()),
            memory_bytes=memory_bytes,
            read_seconds=1.0,
            circuit=Circuit(window=20, min_records=10, max_share=max_share),
            clock=self.clock,
            asked=AskedTexts(self.forgotten.append, cache_bytes=ROOM),
            watches_all=watches_all,
        )

    def put(self, key: str | None, value: bytes | None, number: int = 0) -> None:
        record = Outgoing(TOPIC, None if key is None else key.encode(), value, partition=number)
        self.broker.publisher().publish([record], {})  # a marker follows each record

    def write(self, document_id: str, text: str, number: int = 0) -> None:
        self.put(document_id, json.dumps({"document_id": document_id, "text": text}).encode(), number)

    def text(self, document_id: str, number: int = 0) -> str | None:
        document = self.documents.find(number, document_id)
        return None if document is None else document.text

    def read(self) -> None:
        while self.documents.behind(self.documents.ends()):
            self.documents.poll()
