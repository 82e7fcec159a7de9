"""The way from records and deadlines to the next transaction.

add -> backlogs (tickets; outcomes) ──> Draft (Desk) ──> Attempt
           ^         deadlines ──────────^                  │
           └────────────── give_back: it did not arrive ────┘
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from spanstream.consumer.broker.protocols import Outgoing, Partition, Record
from spanstream.consumer.clock import Clock
from spanstream.consumer.delivery.backlog import Backlog
from spanstream.consumer.delivery.circuit import Circuit
from spanstream.consumer.settings import Settings
from spanstream.consumer.triage.processor import TicketProcessor
from spanstream.consumer.triage.state import decode_state
from spanstream.consumer.triage.store import StateStore
from spanstream.consumer.triage.transaction import TriageTransaction
from spanstream.schemas.playbook import Playbook

# Records and deadlines of one transaction.
MAX_RECORDS = 1_000
_MAX_DUE = 200


@dataclass(frozen=True, slots=True)
class TriageCommit:
    """A draft as it is published, and the records that it takes, to be given back if it does not arrive."""

    draft: TriageTransaction
    states: tuple[Outgoing, ...]
    offsets: Mapping[Partition, int]
    tickets: tuple[Record, ...] = ()
    outcomes: tuple[Record, ...] = ()


class Inbox:
    """Records that were read and are not done. For the thread that talks to Kafka.

    Args:
        store: what is known of the tickets.
        desk: says what a record or a deadline changes.
        playbook: the current one.
        circuit: opens when too many tickets are poison.
        settings: sizes.
        clock: what is due.
    """

    def __init__(  # noqa: PLR0913  wired in one place, by name
        self,
        *,
        store: StateStore,
        desk: TicketProcessor,
        playbook: Playbook,
        circuit: Circuit,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._store = store
        self._desk = desk
        self._playbook = playbook
        self._circuit = circuit
        self._clock = clock
        self._topics = settings.topics
        self._max_open = settings.triage.max_open_tickets
        chunk = settings.chunk
        self._tickets, self._outcomes = (
            Backlog[Record](max_records=chunk.backlog_records, max_bytes=chunk.backlog_bytes, clock=clock)
            for _ in range(2)
        )

    @property
    def has_work(self) -> bool:
        """Whether a record could be dealt with now: tickets wait while too many are open."""
        return bool(len(self._outcomes) or (len(self._tickets) and self._room))

    @property
    def full_topics(self) -> frozenset[str]:
        """Topics of which nothing more should be fetched."""
        return self._tickets.full_topics | self._outcomes.full_topics

    @property
    def partitions(self) -> frozenset[Partition]:
        """The partitions of all records in here."""
        return self._tickets.partitions | self._outcomes.partitions

    def add(self, records: Sequence[Record]) -> None:
        """Put records behind those that are here."""
        is_ticket = [record.partition.topic == self._topics.tickets for record in records]
        self._tickets.add(record for record, is_one in zip(records, is_ticket, strict=True) if is_one)
        self._outcomes.add(record for record, is_one in zip(records, is_ticket, strict=True) if not is_one)

    def give_back(self, attempt: TriageCommit) -> None:
        """The records of an attempt that did not arrive, in front again."""
        self._tickets.give_back(attempt.tickets)
        self._outcomes.give_back(attempt.outcomes)

    def drop(self, partitions: frozenset[Partition]) -> None:
        """Forget the records of partitions that are no longer owned."""
        self._tickets.drop(partitions)
        self._outcomes.drop(partitions)

    def drop_before(self, committed: Mapping[Partition, int | None]) -> None:
        """Forget the records before these offsets: they turned out to be done."""
        self._tickets.drop_before(committed)
        self._outcomes.drop_before(committed)

    def of_deadlines(self, ready: Collection[int]) -> TriageCommit | None:
        """What is due in the partitions of these numbers; None: nothing is.

        Raises:
            Retryable: Kafka does not say where the state ends now.
        """
        due = self._store.due(ready, self._clock.now_ms(), _MAX_DUE)
        if not due:
            return None
        # They consume nothing. What is committed is where the state partitions ended: every transaction moves that on,
        # so it tells whether this one was committed, should that be in doubt.
        ends = self._store.ends({Partition(self._topics.triage_state, number) for number, _ in due})
        draft = TriageTransaction(self._store, self._playbook)
        for number, key in due:
            value = self._store.get(number, key)
            if value is not None:
                self._desk.due(number, decode_state(value).ticket_id, draft)
        return TriageCommit(draft, tuple(draft.state_records(self._topics.triage_state)), ends)

    def of_records(self) -> TriageCommit | None:
        """What the first records come to; None: there are none. It may be empty but for its offsets.

        Raises:
            CircuitOpen: too large a share of the latest tickets is poison.
        """
        outcomes = tuple(self._outcomes.take(MAX_RECORDS))
        tickets = tuple(self._tickets.take(min(self._room, MAX_RECORDS)))
        if not outcomes and not tickets:
            return None
        draft = TriageTransaction(self._store, self._playbook)
        for record in (*outcomes, *tickets):
            self._desk.take(record, draft)
        self._desk.finish(draft)
        self._circuit.observe(draft.judged)
        states = tuple(draft.state_records(self._topics.triage_state))
        return TriageCommit(draft, states, _next_offsets((*outcomes, *tickets)), tickets, outcomes)

    def of_progress(self, offsets: Mapping[Partition, int]) -> TriageCommit:
        """Nothing but offsets."""
        return TriageCommit(TriageTransaction(self._store, self._playbook), (), offsets)

    @property
    def _room(self) -> int:
        return max(0, self._max_open - self._store.open)


def _next_offsets(records: Sequence[Record]) -> dict[Partition, int]:
    offsets: dict[Partition, int] = {}
    for record in records:
        offsets[record.partition] = max(record.next_offset, offsets.get(record.partition, 0))
    return offsets
