"""Holds the state of the owned partitions in memory: an index of the compacted state topic, which is the truth.

    state topic ── load (read to its end) ──> {key: value} <── apply (what a transaction just committed)
                                                   └──> which tickets are due, and how many are open

A partition is read from its beginning when it is assigned, and when the outcome of a transaction is in doubt. From
then on only this member writes it, and what it wrote is applied here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from spanstream.consumer.broker.protocols import Partition, PartitionReader, Record
from spanstream.consumer.clock import Clock, monotonic_due
from spanstream.consumer.delivery.compacted_topic import CompactedTopic
from spanstream.consumer.errors import Stop
from spanstream.consumer.triage.state.calendar import Calendar
from spanstream.consumer.triage.state.ticket_state import TicketState, decode_state, is_ticket


@dataclass(frozen=True, slots=True)
class _Entry:
    """What the index needs of one ticket; `due` is `due_ms` by the clock's monotonic time."""

    document_id: str
    due_ms: int
    due: float


@dataclass(slots=True)
class _PartitionState:
    """The state of one partition; values are bytes, as the topic has them."""

    values: dict[bytes, bytes] = field(default_factory=dict)
    entries: dict[bytes, _Entry] = field(default_factory=dict)
    # Tickets for each document: the same text twice is one document.
    documents: Counter[str] = field(default_factory=Counter)
    # Of open tickets: when their record is due. Of decided ones: when they are forgotten.
    deadlines: Calendar = field(default_factory=Calendar)
    expiries: Calendar = field(default_factory=Calendar)
    # Keys of states that say they belong to another key. Nothing would ever change them.
    misplaced: set[bytes] = field(default_factory=set)


class StateStore:
    """The state by partition number. Only for the thread that talks to Kafka.

    Args:
        reader: reads partitions outside of the group.
        keep_seconds: no decided ticket waits longer to be forgotten, whatever the machine's time is set to.
        clock: compared with due times once, when they are read or set; from then on its monotonic time counts.
    """

    def __init__(self, reader: PartitionReader, *, keep_seconds: float, clock: Clock) -> None:
        self._topic = CompactedTopic(reader, self._take)
        self._keep_ms = round(keep_seconds * 1000)
        self._clock = clock
        self._partitions: dict[int, _PartitionState] = {}

    @property
    def open(self) -> int:
        """Tickets that wait for answers."""
        return sum(len(partition.deadlines) for partition in self._partitions.values())

    @property
    def known(self) -> int:
        """Tickets, open or decided and not yet forgotten."""
        return sum(len(partition.entries) for partition in self._partitions.values())

    def load(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Starts to read these partitions from their beginning, and returns where they end now.

        What is held of them is dropped. The ends include open transactions, so every transaction that was decided
        before this call will be read.

        Raises:
            Retryable: Kafka did not answer; call again.
        """
        to_load = set(partitions)
        self.release(to_load)
        ends = self._topic.load(to_load)
        self._partitions |= {partition.number: _PartitionState() for partition in to_load}
        return ends

    def poll(self, ends: Mapping[Partition, int], timeout_seconds: float) -> int:
        """Reads on in the partitions that are loading, each up to its end; returns how many records came.

        Raises:
            Stop: a record cannot be read.
        """
        return self._topic.poll(ends, timeout_seconds)

    def ends(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Returns where these partitions end now, open transactions included; raises `Retryable` without an answer."""
        return self._topic.ends(partitions)

    def behind(self, ends: Mapping[Partition, int]) -> frozenset[Partition]:
        """Returns which of these partitions are not read to their end yet."""
        return self._topic.behind(ends)

    def release(self, partitions: Iterable[Partition]) -> None:
        """Drops the state of these partitions."""
        released = set(partitions)
        self._topic.release(released)
        for partition in released:
            self._partitions.pop(partition.number, None)

    def get(self, number: int, key: bytes) -> bytes | None:
        """Returns the value of a key in a partition; None: there is none."""
        partition = self._partitions.get(number)
        return partition.values.get(key) if partition else None

    def tickets_with(self, number: int, document_id: str) -> int:
        """Counts the tickets of a partition that have this document."""
        partition = self._partitions.get(number)
        return partition.documents[document_id] if partition else 0

    def apply(self, changes: Mapping[tuple[int, bytes], bytes | None]) -> None:
        """Takes over what a transaction wrote, once it is committed."""
        for (number, key), value in changes.items():
            if number in self._partitions:
                self._put(number, key, value, "what was just written")

    def earliest_deadline(self, number: int) -> float | None:
        """Returns when the first open ticket of a partition is due, in monotonic seconds; None: none is open."""
        partition = self._partitions.get(number)
        return partition.deadlines.earliest if partition else None

    def overdue(self, until: Mapping[int, float], limit: int) -> list[tuple[int, bytes]]:
        """Returns at most `limit` open tickets that are due by their partition's moment, as (partition number, key)."""
        return self._due(until, limit, lambda partition: partition.deadlines)

    def expired(self, until: Mapping[int, float], limit: int) -> list[tuple[int, bytes]]:
        """Returns at most `limit` decided tickets to be forgotten, as `overdue` does."""
        return self._due(until, limit, lambda partition: partition.expiries)

    def misplaced(self, numbers: Collection[int]) -> list[tuple[int, bytes]]:
        """Returns the states whose key is not their ticket's, as (partition number, key)."""
        return [
            (number, key)
            for number in numbers
            if number in self._partitions
            for key in self._partitions[number].misplaced
        ]

    def close(self) -> None:
        """Closes the reader."""
        self._topic.close()

    def _take(self, record: Record) -> None:
        if record.key is not None:
            self._put(record.partition.number, record.key, record.value, f"{record.partition} at {record.offset}")

    def _due(
        self, until: Mapping[int, float], limit: int, calendar_of: Callable[[_PartitionState], Calendar]
    ) -> list[tuple[int, bytes]]:
        """Finds what is due in one kind of calendar; it stays due until it changes."""
        tickets: list[tuple[int, bytes]] = []
        for number, moment in until.items():
            partition = self._partitions.get(number)
            if partition is not None:
                keys = calendar_of(partition).due(moment, limit - len(tickets))
                tickets += [(number, key) for key in keys]
        return tickets

    def _put(self, number: int, key: bytes, value: bytes | None, place: str) -> None:
        partition = self._partitions[number]
        state = _decoded(value, place) if value is not None and is_ticket(key) else None
        is_misplaced = state is not None and state.key != key
        (partition.misplaced.add if is_misplaced else partition.misplaced.discard)(key)
        if value is None or is_misplaced:
            partition.values.pop(key, None)
            state = None
        else:
            partition.values[key] = value
        self._index(partition, key, state)

    def _index(self, partition: _PartitionState, key: bytes, state: TicketState | None) -> None:
        """Updates the documents and the calendars to a key's new state; None: the state is deleted."""
        before = partition.entries.pop(key, None)
        if before is not None:
            partition.documents[before.document_id] -= 1
            if not partition.documents[before.document_id]:
                del partition.documents[before.document_id]
        due = 0.0
        if state is not None:
            due = before.due if before is not None and before.due_ms == state.due_ms else self._due_of(state)
            partition.entries[key] = _Entry(state.document.document_id, state.due_ms, due)
            partition.documents[state.document.document_id] += 1
        for calendar, is_open in ((partition.deadlines, True), (partition.expiries, False)):
            if state is not None and state.is_open is is_open:
                calendar.put(key, due)
            else:
                calendar.remove(key)

    def _due_of(self, state: TicketState) -> float:
        """Returns when a ticket is due; no wait is longer than it was meant to be when the ticket was written."""
        meant_ms = state.due_ms - state.asked_ms if state.is_open else self._keep_ms
        return monotonic_due(self._clock, state.due_ms, longest_ms=meant_ms)


def _decoded(value: bytes, place: str) -> TicketState:
    try:
        return decode_state(value)
    except ValidationError as error:
        raise Stop(
            f"the state of a ticket ({place}) cannot be read: {error.error_count()} errors",
            hint="was it written by a newer version, or does another program write to this topic? "
            "See SPANSTREAM_TOPICS__TRIAGE_STATE",
        ) from None
