"""Small protocols of a broker, with their records; `kafka` is the real one, `memory` is for tests.

Every `offset` in this room is a Kafka offset; "next offset" is `Record.next_offset`, and nobody else adds one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

Headers = tuple[tuple[str, bytes | None], ...]

UNREADABLE_HEADERS: Final[Headers] = (("headers.unreadable", b"a name is not UTF-8"),)
"""In the place of headers that the client cannot give out; it travels on, and so says what was lost."""


# Of each header beside its name and value: their lengths on the wire, and more of its objects in memory.
_HEADER_BYTES: Final = 10
# Kafka's own default of max.message.bytes.
_DEFAULT_MAX_MESSAGE_BYTES: Final = 1_048_588


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.number}]"


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was read; `timestamp_ms` is milliseconds since the epoch."""

    partition: Partition
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp_ms: int | None = None

    @property
    def next_offset(self) -> int:
        """The offset to commit once this record is done."""
        return self.offset + 1

    @property
    def size(self) -> int:
        """Bytes of key, value and headers."""
        return _size(self.key, self.value, self.headers)

    def header(self, name: str) -> bytes | None:
        """Returns the last value of a header, as Kafka's own `lastHeader`; None where there is none."""
        return next((value for key, value in reversed(self.headers) if key == name), None)


def _size(key: bytes | None, value: bytes | None, headers: Headers) -> int:
    of_headers = sum(len(name.encode()) + len(content or b"") + _HEADER_BYTES for name, content in headers)
    return len(key or b"") + len(value or b"") + of_headers


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to be written; without a `partition` the key decides (murmur2, as Kafka's Java clients do)."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None

    @property
    def size(self) -> int:
        """Bytes of key, value and headers."""
        return _size(self.key, self.value, self.headers)


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic to be created, or as it is; `config` as Kafka names it (`cleanup.policy`, `max.message.bytes`)."""

    name: str
    partitions: int
    replication_factor: int = 1
    config: Mapping[str, str] = field(default_factory=dict)

    @property
    def max_message_bytes(self) -> int:
        """Bytes of the largest batch that the topic takes."""
        return int(self.config.get("max.message.bytes", _DEFAULT_MAX_MESSAGE_BYTES))


@dataclass(frozen=True, slots=True)
class BrokerNode:
    """A broker under the address that it advertises."""

    broker_id: int
    address: str


class RebalanceListener(Protocol):
    """Called on the thread that polls, from inside `GroupConsumer.poll` or `close`."""

    def on_assigned(self, partitions: Sequence[Partition]) -> None:
        """Is told that these partitions are added to what this member owns."""

    def on_revoked(self, partitions: Sequence[Partition]) -> None:
        """Is told that these are about to go: their work may still be committed during this call."""

    def on_lost(self, partitions: Sequence[Partition]) -> None:
        """Is told that these are gone already: nothing of theirs can be committed."""


class GroupConsumer(Protocol):
    """A member of a consumer group. It never commits by itself: a `Publisher` commits offsets with the output."""

    def subscribe(self, topics: Sequence[str], listener: RebalanceListener) -> None:
        """Joins the group."""

    def poll(self, max_records: int, timeout_seconds: float) -> list[Record]:
        """Returns up to `max_records`; waits at most the timeout for the first one. Runs the listener's callbacks.

        Raises:
            Stop: the broker refuses this client for good (authentication, authorization, unknown topic).
        """

    def pause(self, partitions: Iterable[Partition]) -> None:
        """Stops fetching from these (owned) partitions; they stay owned."""

    def resume(self, partitions: Iterable[Partition]) -> None:
        """Fetches again, from the record after the last one that `poll` returned."""

    def position(self, partition: Partition) -> int | None:
        """Returns the next offset `poll` would return, past transaction markers at the end; None: not known."""

    def seen_end(self, partition: Partition) -> int | None:
        """Returns where the partition ended when it was last fetched from; asks nobody. None: not known."""

    def end_offsets(self, topic: str) -> dict[Partition, int]:
        """Tells where each partition of the topic ends now for a `read_committed` reader.

        Raises:
            Retryable: the broker did not answer in time.
        """

    def committed(self, partitions: Iterable[Partition], timeout_seconds: float) -> dict[Partition, int | None]:
        """Returns the group's committed offsets; None where nothing was committed yet.

        Raises:
            Retryable: no answer, or a transaction on its way is not settled, in time.
        """

    def close(self) -> None:
        """Leaves the group (`on_revoked` runs first)."""


class PartitionReader(Protocol):
    """Reads partitions outside any group: the documents topic's follower, and the tail of any topic."""

    def partitions(self, topic: str) -> list[Partition]:
        """Returns the topic's partitions, in order. Raises `Stop` where there is no topic, `Retryable` on no answer."""

    def follow(self, positions: Mapping[Partition, int | None]) -> None:
        """Reads exactly these from now on: each new one from its offset (None: its beginning); known ones go on."""

    def poll(self, max_records: int, timeout_seconds: float) -> list[Record]:
        """Returns up to `max_records` records (tombstones included); waits at most the timeout for the first one."""

    def position(self, partition: Partition) -> int | None:
        """Returns the next offset to be read, past transaction markers at the end; None: nothing read yet."""

    def seen_end(self, partition: Partition) -> int | None:
        """Returns where the partition ended when it was last fetched from; asks nobody. None: not known."""

    def topic_id(self, topic: str) -> str:
        """Tells which topic has this name now: another one after it was deleted and created anew.

        What this reader followed of the one before goes on; `follow` nothing, and then these again, to begin anew.

        Raises:
            Retryable: no answer, or there is no such topic now.
        """

    def tombstone_seconds(self, topic: str) -> float:
        """Tells how long the topic keeps a tombstone at the least (`delete.retention.ms`).

        Raises:
            Retryable: no answer.
            Stop: there is no such topic, it does not say, or this client may not see its configuration.
        """

    def begin_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Tells where each partition begins now. Raises `Retryable` on no answer."""

    def end_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Tells where each partition ends now for a `read_committed` reader. Raises `Retryable` on no answer."""

    def written_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Tells where each partition ends now with what open transactions wrote; at least `end_offsets`.

        A transaction that is decided may show in one partition before it does in another. A reader that has read up
        to these offsets has read everything that was decided before. Raises `Retryable` on no answer.
        """

    def read_at(self, partition: Partition, offset: int, timeout_seconds: float) -> Record | None:
        """Returns the one record at this offset; None where the topic no longer holds it (compacted, retention).

        What `follow` reads is not disturbed. Raises `Retryable` when nothing came in time.
        """

    def close(self) -> None:
        """Lets go of the connections."""


class Publisher(Protocol):
    """Writes records and commits what was consumed for them."""

    def prepare(self) -> None:
        """Ends at once what a predecessor with the same transactional id left open; its offsets are settled then.

        Without transactions, and when it is done, it does nothing.

        Raises:
            Retryable: the broker did not answer in time.
            Stop: the broker refuses this client.
        """

    def publish(
        self, records: Sequence[Outgoing], offsets: Mapping[Partition, int], timeout_seconds: float = math.inf
    ) -> None:
        """Publishes all records and commits all offsets (next offset of each partition).

        It is one transaction, where transactions are on. It takes no longer than the timeout, or the publisher's own
        where that is shorter, and what follows a time-out (`spanstream.consumer.time_limits`).

        Raises:
            Retryable: not done, or its outcome is not known yet: call again with the same arguments (the offsets at
                least; without any, the records), and it is published once.
            Fenced: the group or another producer moved on; nothing is visible, and nothing will be.
            TooLarge: a topic takes no record of this size; with transactions, nothing is visible.
            Stop: the broker refuses for good (authorization).
        """

    def close(self) -> None:
        """Aborts what is open and lets go."""


class ProgressPublisher(Protocol):
    """Writes records together with the progress of a group that has no members; made for one process at a time.

    The process that holds the transactional id is the one that took it over last. It is crash-only: after an error it
    is closed, and a new one that has taken over finds in the topics what became of the last publish.
    """

    def take_over(self) -> None:
        """Holds the transactional id: what a predecessor left is aborted or completed now, and it publishes no more.

        Raises:
            Retryable: the broker did not answer in time.
            Stop: the broker refuses this client.
        """

    def committed(self, partitions: Iterable[Partition]) -> dict[Partition, int | None]:
        """Returns the group's committed offsets, settled ones only; None where nothing was committed yet.

        Raises:
            Retryable: no answer in time.
            Stop: this client may not see the group.
        """

    def publish(self, records: Sequence[Outgoing], offsets: Mapping[Partition, int]) -> None:
        """Publishes all records and commits all offsets (next offset of each partition), in one transaction.

        Raises:
            Retryable: whether it was committed is not known; close this publisher and begin with a new one.
            Fenced: another process took over, and settled this transaction: whether it was committed is not known.
            Stop: the broker refuses for good; nothing is visible.
        """

    def close(self) -> None:
        """Lets go of the connections."""
