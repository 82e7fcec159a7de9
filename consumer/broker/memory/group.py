"""Keeps a consumer group in memory, for tests: its members, who owns which partition, what is committed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from spanstream.consumer.broker.protocols import Partition


def assign_ranges(
    members: Mapping[str, Iterable[str]], partitions: Mapping[str, Sequence[Partition]]
) -> dict[str, set[Partition]]:
    """Assigns as Kafka's range assignor: of every topic, each member (by id) gets one run of partitions.

    Args:
        members: the topics that each member is subscribed to.
        partitions: the partitions of each topic, in order.
    """
    assigned: dict[str, set[Partition]] = {member: set() for member in members}
    for topic, topic_partitions in partitions.items():
        subscribed = sorted(member for member, topics in members.items() if topic in topics)
        for index, member in enumerate(subscribed):
            share, remainder = divmod(len(topic_partitions), len(subscribed))
            start = index * share + min(index, remainder)
            assigned[member].update(topic_partitions[start : start + share + (index < remainder)])
    return assigned


@dataclass(slots=True)
class MemoryGroup:
    """One group. A partition is given to its next owner when the one before has let go of it.

    Under the classic protocol a rebalance takes everything from everybody first; under `consumer` (KIP-848) only what
    moves is taken.
    """

    members: dict[str, Sequence[str]] = field(default_factory=dict)  # member id: topics
    owners: dict[Partition, str] = field(default_factory=dict)
    committed: dict[Partition, int] = field(default_factory=dict)
    generation: int = 0
    target: dict[str, set[Partition]] = field(default_factory=dict)

    def join(self, member: str, topics: Sequence[str], partitions: Mapping[str, Sequence[Partition]]) -> None:
        """Takes a member in; everybody's assignment is computed anew."""
        self.members[member] = topics
        self.assign_anew(partitions)

    def leave(self, member: str, partitions: Mapping[str, Sequence[Partition]]) -> None:
        """Lets a member go, with what it owns."""
        if self.members.pop(member, None) is not None:
            self.release(member, set(self.owned_by(member)))
            self.assign_anew(partitions)

    def owned_by(self, member: str) -> list[Partition]:
        """Returns what the member owns now."""
        return sorted(partition for partition, owner in self.owners.items() if owner == member)

    def release(self, member: str, partitions: set[Partition]) -> None:
        """Takes these from the member."""
        for partition in partitions:
            if self.owners.get(partition) == member:
                del self.owners[partition]

    def takeable(self, member: str) -> list[Partition]:
        """Returns what the member is to own and does not yet; nothing while another still holds a part of it."""
        wanted = sorted(self.target.get(member, set()) - set(self.owned_by(member)))
        return [] if any(partition in self.owners for partition in wanted) else wanted

    def assign_anew(self, partitions: Mapping[str, Sequence[Partition]]) -> None:
        """Computes everybody's assignment; members, or the partitions of a topic, have changed."""
        self.generation += 1
        self.target = assign_ranges(self.members, partitions)
