"""Reads and publishes in a `BrokerState`, for tests: a group member, a reader, a publisher."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence

from spanstream.consumer.broker.memory.group import MemoryGroup
from spanstream.consumer.broker.memory.log import Log
from spanstream.consumer.broker.memory.state import BrokerState
from spanstream.consumer.broker.outgoing_chunk import OutgoingChunk
from spanstream.consumer.broker.protocols import Outgoing, Partition, RebalanceListener, Record
from spanstream.consumer.errors import Fenced, Retryable, Stop


class _Cursor:
    """Positions in several partitions, and the reading from them."""

    def __init__(self, broker: BrokerState, *, from_the_end: bool = False) -> None:
        self._broker = broker
        self._from_the_end = from_the_end
        self.positions: dict[Partition, int | None] = {}  # what `position` returns
        self._fetch_from: dict[Partition, int] = {}

    def start(self, partition: Partition, offset: int | None) -> None:
        self.positions[partition] = offset
        self._fetch_from[partition] = self._reset(self._broker.log(partition)) if offset is None else offset

    def stop(self, partition: Partition) -> None:
        del self.positions[partition], self._fetch_from[partition]

    def read(self, max_records: int, paused: set[Partition]) -> tuple[list[Record], bool]:
        """Returns records, and whether anything is new: a position that moved past a marker is."""
        records: list[Record] = []
        moved = False
        for partition in self.positions.keys() - paused if paused else self.positions:
            log = self._broker.log(partition)
            offset = self._fetch_from[partition]
            if not log.begin <= offset <= log.end:
                offset = self._reset(log)
            wanted = max_records - len(records)
            new = log.read(offset, wanted)
            records += new
            offset = new[-1].next_offset if new else offset
            if len(new) < wanted:
                offset = max(offset, log.end)
            if len(new) < wanted or new:
                moved |= self.positions[partition] != offset
                self.positions[partition] = self._fetch_from[partition] = offset
        return records, moved

    def seen_end(self, partition: Partition) -> int | None:
        return None if self.positions.get(partition) is None else self._broker.log(partition).end

    def _reset(self, log: Log) -> int:
        """Returns where to begin without an offset in the log, as `auto.offset.reset` says."""
        return log.end if self._from_the_end else log.begin


class MemoryConsumer:
    """Implements `spanstream.consumer.broker.protocols.GroupConsumer`."""

    def __init__(
        self,
        broker: BrokerState,
        group: MemoryGroup,
        member_id: str,
        group_protocol: str,
        *,
        from_the_end: bool = False,
    ) -> None:
        self.group = group
        self.member_id = member_id
        self._broker = broker
        self._eager = group_protocol == "classic"
        self._topics: Sequence[str] = ()
        self._listener: RebalanceListener | None = None
        self._cursor = _Cursor(broker, from_the_end=from_the_end)
        self._paused: set[Partition] = set()
        self._generation = 0

    def subscribe(self, topics: Sequence[str], listener: RebalanceListener) -> None:
        """Joins the group with the next poll."""
        self._topics, self._listener = topics, listener

    def poll(self, max_records: int, timeout_seconds: float) -> list[Record]:
        """Returns up to `max_records`; waits at most the timeout. Raises `Stop` where a topic does not exist."""
        deadline = time.monotonic() + timeout_seconds
        self._broker.faults.raise_next("poll")
        while True:
            self._follow_group()
            with self._broker.changed:
                records, moved = self._cursor.read(max_records, self._paused)
                remaining = deadline - time.monotonic()
                if records or moved or remaining <= 0:
                    return records
                if self._generation == self.group.generation and not self.group.takeable(self.member_id):
                    self._broker.changed.wait(remaining)

    def pause(self, partitions: Iterable[Partition]) -> None:
        """Stops reading these (of the owned)."""
        self._paused |= set(partitions) & self._cursor.positions.keys()

    def resume(self, partitions: Iterable[Partition]) -> None:
        """Goes on with these."""
        self._paused -= set(partitions)

    def position(self, partition: Partition) -> int | None:
        """Returns the next offset `poll` would return."""
        return self._cursor.positions.get(partition)

    def seen_end(self, partition: Partition) -> int | None:
        """Returns where the partition ends, once it was read from; None before that."""
        return self._cursor.seen_end(partition)

    def end_offsets(self, topic: str) -> dict[Partition, int]:
        """Tells where each partition ends."""
        self._broker.faults.raise_next("end_offsets")
        with self._broker.changed:
            return {log.partition: log.end for log in self._broker.topic(topic).logs}

    def committed(self, partitions: Iterable[Partition], timeout_seconds: float) -> dict[Partition, int | None]:  # noqa: ARG002  the protocol's signature; nothing is waited for here
        """Returns the group's committed offsets."""
        self._broker.faults.raise_next("committed")
        with self._broker.changed:
            return {partition: self.group.committed.get(partition) for partition in partitions}

    def close(self) -> None:
        """Leaves the group (`on_revoked` runs first)."""
        owned = list(self._cursor.positions)
        if owned:
            lost = self.member_id not in self.group.members
            self._release(owned, lost=lost)
        self._topics = ()
        self._broker.leave(self.group, self.member_id)

    def _follow_group(self) -> None:
        """Does what the group wants of this member, with the listener told; the lock is not held over its calls."""
        with self._broker.changed:
            for topic in self._topics:
                self._broker.topic(topic)
            expelled = self.member_id not in self.group.members
            moved_on = self._generation != self.group.generation
            target = self.group.target.get(self.member_id, set())
        owned = list(self._cursor.positions)
        gone = owned if expelled or self._eager else [p for p in owned if p not in target]
        if moved_on and gone:
            self._release(gone, lost=expelled)
        with self._broker.changed:
            if expelled and self._topics:
                self.group.join(self.member_id, self._topics, self._broker.all_partitions())
            self._generation = self.group.generation
            taken = self.group.takeable(self.member_id)
            for partition in taken:
                self.group.owners[partition] = self.member_id
                self._cursor.start(partition, self.group.committed.get(partition))
            self._broker.changed.notify_all()
        if taken and self._listener is not None:
            self._listener.on_assigned(taken)

    def _release(self, partitions: list[Partition], *, lost: bool) -> None:
        try:
            if self._listener is not None:
                (self._listener.on_lost if lost else self._listener.on_revoked)(partitions)
        finally:
            with self._broker.changed:
                for partition in partitions:
                    self._cursor.stop(partition)
                    self._paused.discard(partition)
                self.group.release(self.member_id, set(partitions))
                self._broker.changed.notify_all()


class MemoryReader:
    """Implements `spanstream.consumer.broker.protocols.PartitionReader`."""

    def __init__(self, broker: BrokerState) -> None:
        self._broker = broker
        self._cursor = _Cursor(broker)

    def partitions(self, topic: str) -> list[Partition]:
        """Returns the topic's partitions, in order. Raises `Stop` where it does not exist."""
        with self._broker.changed:
            return self._broker.topic(topic).partitions

    def follow(self, positions: Mapping[Partition, int | None]) -> None:
        """Reads exactly these; known ones go on."""
        with self._broker.changed:
            for partition in self._cursor.positions.keys() - positions.keys():
                self._cursor.stop(partition)
            for partition in positions.keys() - self._cursor.positions.keys():
                self._cursor.start(partition, positions[partition])

    def poll(self, max_records: int, timeout_seconds: float) -> list[Record]:
        """Returns up to `max_records`; waits at most the timeout."""
        self._broker.faults.raise_next("poll")
        deadline = time.monotonic() + timeout_seconds
        with self._broker.changed:
            while True:
                records, moved = self._cursor.read(max_records, set())
                remaining = deadline - time.monotonic()
                if records or moved or remaining <= 0:
                    return records
                self._broker.changed.wait(remaining)

    def position(self, partition: Partition) -> int | None:
        """Returns the next offset to be read."""
        return self._cursor.positions.get(partition)

    def seen_end(self, partition: Partition) -> int | None:
        """Returns where the partition ends, once it was read from; None before that."""
        return self._cursor.seen_end(partition)

    def topic_id(self, topic: str) -> str:
        """Tells which topic has this name now. Raises `Retryable` where there is none."""
        with self._broker.changed:
            if topic not in self._broker.topics:
                raise Retryable(f"there is no topic {topic} now")
            return self._broker.topics[topic].topic_id

    def tombstone_seconds(self, topic: str) -> float:
        """Tells what the topic was given. Raises `Stop` where it does not exist."""
        with self._broker.changed:
            return self._broker.topic(topic).tombstone_seconds

    def begin_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Tells where each partition begins."""
        with self._broker.changed:
            return {partition: self._broker.log(partition).begin for partition in partitions}

    def end_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Tells where each partition ends."""
        self._broker.faults.raise_next("end_offsets")
        with self._broker.changed:
            return {partition: self._broker.log(partition).end for partition in partitions}

    def written_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Tells where each partition ends: there are no open transactions."""
        return self.end_offsets(partitions)

    def read_at(self, partition: Partition, offset: int, timeout_seconds: float) -> Record | None:  # noqa: ARG002  the protocol's signature; nothing is waited for here
        """Returns the one record at this offset, or None."""
        self._broker.faults.raise_next("read_at")
        with self._broker.changed:
            return self._broker.log(partition).at(offset)

    def close(self) -> None:
        """Does nothing: nothing is held."""


class MemoryPublisher:
    """Implements `spanstream.consumer.broker.protocols.Publisher`."""

    def __init__(self, broker: BrokerState, member: MemoryConsumer | None, *, transactional: bool) -> None:
        self._broker = broker
        self._member = member
        self._transactional = transactional
        self._unconfirmed: OutgoingChunk | None = None  # committed, but its caller was told to try again

    def prepare(self) -> None:
        """Does nothing: a publish is one step, so a predecessor left nothing open."""

    def publish(
        self,
        records: Sequence[Outgoing],
        offsets: Mapping[Partition, int],
        timeout_seconds: float = math.inf,  # noqa: ARG002  the protocol's signature; nothing is waited for here
    ) -> None:
        """Publishes all records and commits all offsets, in one step."""
        self._broker.faults.raise_next("publish")
        chunk = OutgoingChunk(tuple(records), dict(offsets))
        unconfirmed, self._unconfirmed = self._unconfirmed, None
        if unconfirmed is not None and chunk.repeats(unconfirmed):
            return
        with self._broker.changed:
            if offsets:
                self._check_owner(offsets)
            self._broker.append(records, transactional=self._transactional)
            if self._member is not None:
                self._member.group.committed.update(offsets)
        if self._broker.faults.lost_replies:
            self._broker.faults.lost_replies -= 1
            self._unconfirmed = chunk
            raise Retryable("the reply to a commit was lost")

    def close(self) -> None:
        """Does nothing: nothing is held."""

    def _check_owner(self, offsets: Mapping[Partition, int]) -> None:
        if self._member is None:
            raise Stop("offsets were to be committed by a publisher that belongs to no group member")
        owners = self._member.group.owners
        if any(owners.get(partition) != self._member.member_id for partition in offsets):
            raise Fenced("another member owns these partitions now")
