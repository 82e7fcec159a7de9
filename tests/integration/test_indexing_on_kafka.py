"""The indexing loop on a real Kafka: partitions that change hands, transaction markers, a topic that is replaced.

The engine is one in memory, shared by members that are threads: what is tested here is what Kafka's client does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from spanstream.consumer.broker.kafka import KafkaPartitionReader, TopicAdmin
from spanstream.consumer.broker.kafka.publisher import open_publisher
from spanstream.consumer.clock import SystemClock
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.indexing.comparing import IndexComparison, IndexDifferences
from spanstream.consumer.indexing.cutting import DocumentCutter
from spanstream.consumer.indexing.wiring import IndexingApplication, IndexTools, build_indexing
from spanstream.consumer.passages.memory_index import MemoryPassageIndexes
from spanstream.consumer.settings import GroupProtocol, IndexSettings, Settings
from spanstream.schemas.limits import Limits
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.program import PATIENCE, until
from tests.support.kafka.stream import Stream
from tests.support.memory.memory_indexing import lines_of
from tests.support.passages.collected import collected
from tests.support.passages.word_encoder import WordEncoder

ADVANCE = "the index to come to the end of the topic"


class Indexing:
    """Members of one group, as threads."""

    def __init__(self, stream: Stream, protocol: GroupProtocol) -> None:
        self.stream, self.protocol = stream, protocol
        self.indexes = MemoryPassageIndexes()
        self.members: list[tuple[IndexingApplication, threading.Thread, threading.Event]] = []
        self.errors: list[BaseException] = []

    @property
    def settings(self) -> Settings:
        kafka = self.stream.config.model_copy(update={"group_protocol": self.protocol})
        index = IndexSettings(uri="memory", group_id=f"{self.stream.name}.index", batch_documents=4)
        return Settings(kafka=kafka, topics=self.stream.topics, index=index)

    def start(self) -> IndexingApplication:
        tools = IndexTools(self.indexes, WordEncoder(), lines_of)
        application, stop = build_indexing(self.settings, open_tools=lambda _: tools), threading.Event()

        def run() -> None:
            try:
                application.service.run(stop)
            except BaseException as error:  # noqa: BLE001  the test raises it
                self.errors.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self.members.append((application, thread, stop))
        return application

    def leave(self, number: int) -> None:
        _, thread, stop = self.members.pop(number)
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()

    def publish(self, versions: dict[str, str | None]) -> None:
        """Writes documents in one transaction; without a text, deletes them."""
        topic = self.stream.topics.documents
        records = [collected(topic, name, text) for name, text in versions.items()]
        with closing(open_publisher(self.stream.config)) as publisher:
            publisher.prepare()
            publisher.publish(records, {})

    def texts(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        name = self.indexes.current()
        for passage in self.indexes.open(name).contents() if name else ():
            found.setdefault(passage.place.document_id, []).append(passage.text)
        return found

    def await_end(self) -> None:
        with closing(KafkaPartitionReader(self.stream.config)) as reader:
            topic = self.stream.topics.documents
            ends, topic_id = reader.end_offsets(reader.partitions(topic)), reader.topic_id(topic)

        def is_there() -> bool:
            if self.errors:
                raise self.errors[0]
            name = self.indexes.current()
            index = self.indexes.open(name) if name else None
            if index is None or index.description.topic_id != topic_id:
                return False
            positions = index.positions()
            return all(positions.get(partition.number, 0) >= end for partition, end in ends.items())

        until(is_there, ADVANCE)

    def compare(self) -> IndexDifferences:
        with closing(KafkaPartitionReader(self.stream.config)) as reader:
            cutter, topic = DocumentCutter(EventFormats(Limits()), lines_of), self.stream.topics.documents
            index = self.indexes.open(self.indexes.current() or "")
            return IndexComparison(index, reader, topic, cutter, SystemClock(), PATIENCE, _no_stage, WordEncoder).run()

    def lag(self) -> int:
        lag = TopicAdmin(self.stream.config).lag(self.settings.index.group_id, [self.stream.topics.documents])
        return sum(lag.values()) if lag else -1


def _no_stage(_stage: str, _size: int) -> Callable[[int], None]:
    return lambda _more: None


@pytest.fixture(params=["classic", "consumer"])
def indexing(kafka: KafkaBroker, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Indexing]:
    stream = Stream(kafka.bootstrap, tmp_path, 4)
    stream.create_topics()
    indexing = Indexing(stream, request.param)
    yield indexing
    while indexing.members:
        indexing.leave(0)


def test_members_that_come_and_go_keep_the_index_what_the_topic_says(indexing: Indexing) -> None:
    indexing.publish({f"d{number}": f"Text {number}.\nMore of {number}." for number in range(20)})
    first = indexing.start()
    indexing.await_end()
    indexing.start()
    owned = first.metrics.registry.get_sample_value
    until(lambda: owned("spanstream_index_partitions_owned") == 2, "the second member to own half of the partitions")
    indexing.publish({f"d{number}": f"Changed {number}." for number in range(10)})
    indexing.publish({f"d{number}": None for number in range(5)})
    indexing.await_end()
    indexing.leave(0)
    indexing.publish({f"new{number}": "New." for number in range(10)})
    indexing.await_end()
    comparison = indexing.compare()
    assert comparison.is_equal, comparison
    assert (comparison.documents, comparison.behind) == (25, 0)
    assert indexing.texts()["d7"] == ["Changed 7."]
    until(lambda: indexing.lag() == 0, "no lag of the group")


def test_a_topic_that_is_replaced_is_indexed_anew(indexing: Indexing) -> None:
    indexing.start()
    indexing.publish({f"d{number}": f"Text {number}." for number in range(20)})
    indexing.await_end()
    indexing.stream.recreate_documents()
    indexing.publish({"other": "Of the new topic."})
    indexing.await_end()
    assert indexing.texts() == {"other": ["Of the new topic."]}
    assert indexing.compare().is_equal
