"""Says what the index is built of, and how far behind its topic it is."""

from __future__ import annotations

from dataclasses import dataclass

from spanstream.consumer.broker.protocols import PartitionReader
from spanstream.consumer.passages.index import PassageIndex, PassageIndexes


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """How far one partition of the documents topic is indexed; in offsets, those of transactions among them."""

    number: int
    position: int
    end: int

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


def index_status(
    indexes: PassageIndexes, name: str, index: PassageIndex, reader: PartitionReader, topic: str
) -> IndexStatus:
    """Asks the engine and Kafka.

    Raises:
        Retryable: one of them does not answer.
        Stop: there is no such topic.
    """
    partitions = reader.partitions(topic)
    is_current_topic = reader.topic_id(topic) == index.description.topic_id
    positions, ends = index.positions() if is_current_topic else {}, reader.end_offsets(partitions)
    return IndexStatus(
        generation=name,
        others=tuple(other for other in indexes.names() if other != name),
        encoder=index.description.encoder,
        dimensions=index.description.dimensions,
        topic=topic,
        is_current_topic=is_current_topic,
        passages=index.count(),
        partitions=tuple(
            PartitionStatus(partition.number, positions.get(partition.number, 0), ends[partition])
            for partition in partitions
        ),
    )
