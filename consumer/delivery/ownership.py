"""Which partitions this member owns, and which of them may be fetched now.

One topic is followed: the documents when answering, the state when triaging. The other topics are consumed: questions
and retries, or tickets, answers and dead letters. A consumed partition is fetched once the followed partition of the
same number is owned and was read up to where it ended at that moment. The group never fetches followed partitions. It
only assigns them, together with the consumed ones of the same number; a `PartitionReader` reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spanstream.consumer.broker.protocols import GroupConsumer, Partition


class Ownership:
    """Pauses and resumes the partitions of a group consumer."""

    def __init__(self, consumer: GroupConsumer, followed_topic: str) -> None:
        self._consumer = consumer
        self._followed_topic = followed_topic
        self._owned: set[Partition] = set()
        self._paused: set[Partition] = set()
        # Followed partitions that are not read up to where they ended when they were assigned; None: end not known.
        self._loading: dict[Partition, int | None] = {}

    @property
    def consumed(self) -> frozenset[Partition]:
        """Owned partitions of the consumed topics."""
        return frozenset(partition for partition in self._owned if partition.topic != self._followed_topic)

    @property
    def followed(self) -> frozenset[Partition]:
        """Owned partitions of the followed topic."""
        return frozenset(partition for partition in self._owned if partition.topic == self._followed_topic)

    @property
    def is_ready(self) -> bool:
        """Whether every owned partition may be fetched."""
        return bool(self._owned) and all(self._is_fetchable(partition) for partition in self.consumed)

    def add(self, partitions: Iterable[Partition]) -> None:
        """Adds newly assigned partitions; nothing of them is fetched before an `update` resumes them."""
        added = set(partitions)
        self._owned |= added
        self._paused |= added
        self._loading.update(dict.fromkeys(added & self.followed))
        self._consumer.pause(added)

    def reload(self) -> None:
        """Treats everything that is owned as if it were newly assigned."""
        self._loading.update(dict.fromkeys(self.followed))

    def begin_loading(self, ends: Mapping[Partition, int]) -> None:
        """Notes where the partitions `to_load` ended: they are not ready before they are read so far."""
        self._loading.update(ends)

    def remove(self, partitions: Iterable[Partition]) -> None:
        """Removes partitions that are no longer owned."""
        removed = set(partitions)
        self._owned -= removed
        self._paused -= removed
        for partition in removed:
            self._loading.pop(partition, None)

    def update(
        self, behind: frozenset[Partition], full_topics: frozenset[str], finished: frozenset[Partition] = frozenset()
    ) -> None:
        """Pauses and resumes partitions as these arguments want it.

        Args:
            behind: followed partitions that are not read up to their `ends_to_load`.
            full_topics: topics to fetch nothing of for now.
            finished: partitions to fetch nothing more of, for now or for good.
        """
        self._loading = {
            partition: end for partition, end in self._loading.items() if end is None or partition in behind
        }
        to_pause = {
            partition
            for partition in self._owned
            if partition.topic in full_topics or partition in finished or not self._is_fetchable(partition)
        }
        self._consumer.pause(to_pause - self._paused)
        self._consumer.resume(self._paused - to_pause)
        self._paused = to_pause

    def idle_positions(self, waiting: frozenset[Partition]) -> dict[Partition, int]:
        """Positions of the consumed partitions, without those of which records wait to be done."""
        return {
            partition: position
            for partition in self.consumed - waiting
            if (position := self._consumer.position(partition)) is not None
        }

    @property
    def to_load(self) -> frozenset[Partition]:
        """Followed partitions whose end at assignment is not known yet."""
        return frozenset(partition for partition, end in self._loading.items() if end is None)

    @property
    def ends_to_load(self) -> dict[Partition, int]:
        """The ends given to `begin_loading` that are not reached yet."""
        return {partition: end for partition, end in self._loading.items() if end is not None}

    def _is_fetchable(self, partition: Partition) -> bool:
        followed = Partition(self._followed_topic, partition.number)
        return partition != followed and followed in self._owned and followed not in self._loading
