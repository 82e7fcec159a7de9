"""Follows the documents of the owned partition numbers; what is bad in their topic is the consumers' to dead-letter."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from spanstream.consumer.answering.documents import Documents
from spanstream.consumer.broker.protocols import Partition, PartitionReader


class FollowedDocuments:
    """Documents by partition number. Only for the thread that talks to Kafka.

    Args:
        documents: reads them.
        reader: the one that `documents` reads with.
        topic: the documents topic.
    """

    def __init__(self, documents: Documents, reader: PartitionReader, topic: str) -> None:
        self._documents = documents
        self._reader = reader
        self._topic = topic
        self._ends: dict[Partition, int] = {}  # up to where newly owned partitions are to be read

    def own(self, numbers: Collection[int]) -> None:
        """Follows these too; they are loading until they are read up to where they end now.

        Raises:
            DocumentsReplaced: own all partitions again.
            Retryable: Kafka does not say where they end.
        """
        ends = self._reader.end_offsets(self._partitions(numbers))
        self._documents.own(ends)  # as if all of it were committed: nothing in it is judged here
        self._ends |= ends

    def release(self, numbers: Collection[int]) -> None:
        """Gives up these."""
        partitions = self._partitions(numbers)
        self._documents.release(partitions)
        self._ends = {partition: end for partition, end in self._ends.items() if partition not in partitions}

    def start_over(self) -> None:
        """Takes in that the topic was replaced: all partitions will be owned again."""
        self._ends = {}

    def poll(self, timeout_seconds: float) -> None:
        """Reads what is there; waits at most the timeout. Raises `TranslatorUnavailable` as `Documents.poll`."""
        self._documents.poll(timeout_seconds)
        self._documents.committed(self._documents.progress())

    @property
    def loading(self) -> frozenset[int]:
        """The numbers of the partitions that are not read to where they ended when they were owned."""
        behind = self._documents.behind(self._ends)
        self._ends = {partition: self._ends[partition] for partition in behind}
        return frozenset(partition.number for partition in behind)

    def close(self) -> None:
        """Closes the reader."""
        self._documents.close()

    def _partitions(self, numbers: Iterable[int]) -> frozenset[Partition]:
        return frozenset(Partition(self._topic, number) for number in numbers)
