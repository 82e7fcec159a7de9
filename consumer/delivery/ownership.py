"""Which partitions are this member's, which of them may be fetched now, and nothing else.

One topic is followed (the consumer's documents, the triage stream's state). A partition of another topic (questions
and retries; tickets, answers and dead letters) is fetched once the followed partition of the same number is owned and
was read up to where it ended at that moment. The followed partitions are never fetched through the group: they are
owned there so that they go where the others go, and read by a `PartitionReader`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spanstream.consumer.broker.protocols import GroupConsumer, Partition


class Ownership:
    """Keeps a group consumer's pauses as they should be."""

    def __init__(self, consumer: GroupConsumer, followed_topic: str) -> None:
        self._consumer = consumer
        self._followed_topic = followed_topic
        self._owned: set[Partition] = set()
        self._paused: set[Partition] = set()
        # Followed partitions that are not read up to where they ended when they were assigned; None: not known where.
        self._loading: dict[Partition, int | None] = {}

    @property
    def asked(self) -> frozenset[Partition]:
        """Owned partitions of the other topics."""
        return frozenset(partition for partition in self._owned if partition.topic != self._followed_topic)

    @property
    def followed(self) -> frozenset[Partition]:
        """Owned partitions of the followed topic."""
        return frozenset(partition for partition in self._owned if partition.topic == self._followed_topic)

    @property
    def is_ready(self) -> bool:
        """Whether every owned partition may be fetched."""
        return bool(self._owned) and all(self._is_fetchable(partition) for partition in self.asked)

    def assigned(self, partitions: Iterable[Partition]) -> None:
        """These are added; nothing of them is fetched before `update` says so."""
        added = set(partitions)
        self._owned |= added
        self._paused |= added
        self._loading.update(dict.fromkeys(added & self.followed))
        self._consumer.pause(added)

    def reload(self) -> None:
        """Treat everything that is owned as if it were newly assigned."""
        self._loading.update(dict.fromkeys(self.followed))

    def loading(self, ends: Mapping[Partition, int]) -> None:
        """Where the followed partitions `to_load` ended: they are not ready before they are read so far."""
        self._loading.update(ends)

    def removed(self, partitions: Iterable[Partition]) -> None:
        """These are gone."""
        gone = set(partitions)
        self._owned -= gone
        self._paused -= gone
        for partition in gone:
            self._loading.pop(partition, None)

    def update(
        self, behind: frozenset[Partition], full_topics: frozenset[str], finished: frozenset[Partition] = frozenset()
    ) -> None:
        """Pause and resume what should be.

        Args:
            behind: followed partitions that are not read up to their `ends_to_load`.
            full_topics: topics of which nothing is to be fetched for now.
            finished: partitions of which nothing more is to be fetched.
        """
        self._loading = {at: end for at, end in self._loading.items() if end is None or at in behind}
        wanted = {
            partition
            for partition in self._owned
            if partition.topic in full_topics or partition in finished or not self._is_fetchable(partition)
        }
        self._consumer.pause(wanted - self._paused)
        self._consumer.resume(self._paused - wanted)
        self._paused = wanted

    @property
    def to_load(self) -> frozenset[Partition]:
        """Followed partitions of which it is not known where they ended."""
        return frozenset(partition for partition, end in self._loading.items() if end is None)

    @property
    def ends_to_load(self) -> dict[Partition, int]:
        """The ends given to `loading` that were not reached yet."""
        return {partition: end for partition, end in self._loading.items() if end is not None}

    def _is_fetchable(self, partition: Partition) -> bool:
        twin = Partition(self._followed_topic, partition.number)
        return partition.topic != self._followed_topic and twin in self._owned and twin not in self._loading
