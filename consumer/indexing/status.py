"""Says what the index is built of, and how far behind its topic it is."""

from __future__ import annotations

from dataclasses import dataclass

from spanstream.consumer.broker.protocols import Partition, PartitionReader
from spanstream.consumer.indexing.sweeping.due import safe_seconds, why_due
from spanstream.consumer.passages.index import PassageIndex, PassageIndexes


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """How far one partition of the documents topic is indexed; in offsets, those of transactions among them.

    Attributes:
        number: the partition's.
        position: the next offset to be indexed.
        end: where it ends.
        sweep_because: why documents may be in the index that the partition no longer holds; empty: there are none.
    """

    number: int
    position: int
    end: int
    sweep_because: str = ""

    @property
    def lag(self) -> int:
        """Offsets that are not indexed yet."""
        return max(0, self.end - self.position)


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """What there is.

    Attributes:
        generation: the one that is searched.
        others: further ones: of a rebuild that runs, or was killed.
        encoder: fingerprint of the encoder that made the vectors.
        dimensions: numbers in a vector.
        topic: the documents topic.
        is_current_topic: whether the index is of the topic that has this name now.
        passages: in the generation.
        partitions: of the topic, in order.
    """

    generation: str
    others: tuple[str, ...]
    encoder: str
    dimensions: int
    topic: str
    is_current_topic: bool
    passages: int
    partitions: tuple[PartitionStatus, ...]

    @property
    def lag(self) -> int:
        """Offsets that are not indexed yet."""
        return sum(partition.lag for partition in self.partitions)


def open_current(indexes: PassageIndexes) -> tuple[str, PassageIndex] | None:
    """Opens the generation that is searched; None: there is none yet. Raises `Retryable` and `Stop` as the engine."""
    name = indexes.current()
    return None if name is None else (name, indexes.open(name))


def index_status(  # noqa: PLR0913  what there is, and when
    indexes: PassageIndexes, name: str, index: PassageIndex, reader: PartitionReader, topic: str, *, now_ms: int
) -> IndexStatus:
    """Asks the engine and Kafka.

    Raises:
        Retryable: one of them does not answer.
        Stop: there is no such topic.
    """
    partitions = reader.partitions(topic)
    is_current_topic = reader.topic_id(topic) == index.description.topic_id
    positions, marks = (index.positions(), index.marks()) if is_current_topic else ({}, {})
    begins, ends = reader.begin_offsets(partitions), reader.end_offsets(partitions)
    safe_for = safe_seconds(reader, topic)

    def status_of(partition: Partition) -> PartitionStatus:
        number = partition.number
        because = why_due(marks.get(number), begins[partition], now_ms, safe_for) if number in positions else ""
        return PartitionStatus(number, positions.get(number, 0), ends[partition], because)

    return IndexStatus(
        generation=name,
        others=tuple(other for other in indexes.names() if other != name),
        encoder=index.description.encoder,
        dimensions=index.description.dimensions,
        topic=topic,
        is_current_topic=is_current_topic,
        passages=index.count(),
        partitions=tuple(map(status_of, partitions)),
    )
