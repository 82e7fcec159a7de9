"""Holds records from their arrival until they are published, and builds the next transaction.

add -> backlogs (outcomes, tickets), then deadlines ──> TriageTransaction (by TicketProcessor) ──> TriageCommit
           ^                                                                                            │
           └───────────────────── give_back: it could not be published ─────────────────────────────────┘
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import structlog

from spanstream.consumer.broker.protocols import Outgoing, Partition, Record
from spanstream.consumer.clock import Clock, Deadline
from spanstream.consumer.delivery.backlog import Backlog
from spanstream.consumer.delivery.circuit import Circuit
from spanstream.consumer.delivery.committed_offsets import offsets_behind
from spanstream.consumer.errors import Retryable, TooLarge
from spanstream.consumer.formats.translator import TranslatorUnavailable
from spanstream.consumer.settings import Settings
from spanstream.consumer.tracing.tracing import OFF, Tracing
from spanstream.consumer.triage.outcomes_read import OutcomesRead
from spanstream.consumer.triage.processor import TicketProcessor
from spanstream.consumer.triage.state.state_store import StateStore
from spanstream.consumer.triage.state.transaction import TriageTransaction
from spanstream.schemas.dead_letters import Reason, Stage
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.playbook import Playbook

_log = structlog.get_logger(__name__)

# Records, and deadlines, of one transaction.
MAX_RECORDS = 1_000
_MAX_DEADLINES = 200
# Between two tries to read a record whose translator is unavailable.
_PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class TriageCommit:
    """A transaction ready to be published, with the records it consumes, to be given back if that fails."""

    transaction: TriageTransaction
    states: tuple[Outgoing, ...]
    offsets: Mapping[Partition, int]
    tickets: tuple[Record, ...] = ()
    outcomes: tuple[Record, ...] = ()


class TriageIntake:
    """Records that were read and are not published yet. Only for the thread that talks to Kafka.

    Args:
        store: what is known of the tickets.
        outcomes_read: says which deadlines may be judged.
        processor: says what a record or a deadline changes.
        playbook: the current one.
        circuit: opens when too many tickets are poison.
        settings: sizes.
        clock: says which deadlines have come.
        tracing: told which records are done, and which come again.
    """

    def __init__(  # noqa: PLR0913  wired in one place, by name
        self,
        *,
        store: StateStore,
        outcomes_read: OutcomesRead,
        processor: TicketProcessor,
        playbook: Playbook,
        circuit: Circuit,
        settings: Settings,
        clock: Clock,
        tracing: Tracing = OFF,
    ) -> None:
        self._store = store
        self._outcomes_read = outcomes_read
        self._processor = processor
        self._playbook = playbook
        self._circuit = circuit
        self._clock = clock
        self._refused: dict[tuple[Partition, int], InvalidRecord] = {}  # by the ticket's place
        self._tracing = tracing
        self._topics = settings.topics
        self._max_open = settings.triage.max_open_tickets
        self._pause: Deadline | None = None
        self._unavailable = ""
        chunk = settings.chunk
        self._tickets, self._outcomes = (
            Backlog[Record](max_records=chunk.backlog_records, max_bytes=chunk.backlog_bytes, clock=clock)
            for _ in range(2)
        )

    @property
    def has_work(self) -> bool:
        """Whether a record could be processed now: tickets wait while too many are open."""
        return not self._is_paused and bool(len(self._outcomes) or (len(self._tickets) and self._free_places))

    @property
    def waiting_for(self) -> str:
        """What a translator waited for when records were last processed; empty: nothing."""
        return self._unavailable

    @property
    def full_topics(self) -> frozenset[str]:
        """Topics to fetch nothing more of."""
        return self._tickets.full_topics | self._outcomes.full_topics

    @property
    def partitions(self) -> frozenset[Partition]:
        """The partitions of all records in here."""
        return self._tickets.partitions | self._outcomes.partitions

    def add(self, records: Sequence[Record]) -> None:
        """Adds records behind those that are here."""
        tickets = self._topics.tickets
        self._tickets.add(record for record in records if record.partition.topic == tickets)
        self._outcomes.add(record for record in records if record.partition.topic != tickets)

    def give_back(self, commit: TriageCommit) -> None:
        """Puts the records of a commit that failed in front again."""
        self._tickets.give_back(commit.tickets)
        self._outcomes.give_back(commit.outcomes)
        self._tracing.drop((*commit.tickets, *commit.outcomes))

    def refuse_for_size(self, commit: TriageCommit, error: TooLarge) -> None:
        """Gives back a commit in which a topic does not take a record: the ticket that it was made of is refused.

        Raises:
            TooLarge: it was made of no ticket of this commit.
        """
        key = error.record.key if isinstance(error.record, Outgoing) else None
        ticket = commit.transaction.tickets.get(key or b"")
        if ticket is None:
            raise error
        detail = f"what is made of the ticket: {error}"
        self._refused[ticket.partition, ticket.offset] = InvalidRecord(Reason.TOO_LARGE, detail)
        self.give_back(commit)

    def drop(self, partitions: frozenset[Partition]) -> None:
        """Drops the records of partitions that are no longer owned."""
        self._forget_what_was_read(partitions)
        self._tickets.drop(partitions)
        self._outcomes.drop(partitions)

    def drop_before(self, committed: Mapping[Partition, int | None]) -> None:
        """Drops the records before these committed offsets: they have been published."""
        self._tickets.drop_before(committed)
        self._outcomes.drop_before(committed)

    def drop_from(self, offsets: Mapping[Partition, int]) -> None:
        """Drops the records from these offsets on: they come again."""
        self._forget_what_was_read(offsets.keys())
        self._tickets.drop_from(offsets)
        self._outcomes.drop_from(offsets)

    def next_commit(self, ready: Collection[int], positions: Mapping[Partition, int]) -> TriageCommit | None:
        """Builds the commit of the first records and of what is due; None: there is nothing.

        Args:
            ready: the numbers of the partitions whose state has been read.
            positions: up to where the owned partitions are read, the records in here included.

        Raises:
            CircuitOpen: too large a share of the latest tickets is poison.
            Retryable: Kafka does not say where the state ends now.
        """
        self._outcomes_read.update({**positions, **self._outcomes.first_offsets})
        transaction = TriageTransaction(self._store, self._playbook)
        self._drop_misplaced(ready, transaction)
        outcomes, tickets = self._apply_records(transaction)
        self._processor.decide_tickets_with_news(transaction)
        self._circuit.check(transaction.ticket_reasons)
        for number, key in self._due(ready):
            if (number, key) not in transaction.changes:  # what has just changed may be due another time
                self._processor.apply_deadline(number, key, transaction)
        if outcomes or tickets:
            offsets: Mapping[Partition, int] = offsets_behind((*outcomes, *tickets))
        elif not transaction.is_empty:
            # Without records, the ends of the state partitions stand in the place of offsets: every transaction moves
            # those on, so if the commit's outcome is in doubt, they tell whether it was made.
            offsets = self._store.ends(
                {Partition(self._topics.triage_state, number) for number, _ in transaction.changes}
            )
        else:
            return None
        return TriageCommit(transaction, self._states(transaction), offsets, tickets, outcomes)

    def commit_of_offsets(self, offsets: Mapping[Partition, int]) -> TriageCommit:
        """Builds a commit of nothing but offsets."""
        return TriageCommit(TriageTransaction(self._store, self._playbook), (), offsets)

    def count(self, transaction: TriageTransaction) -> None:
        """Takes in that a transaction is done: its tickets count for the circuit, and its records' spans end."""
        self._circuit.count(transaction.ticket_reasons)
        self._tracing.end(transaction.processed)

    def _apply_records(self, transaction: TriageTransaction) -> tuple[tuple[Record, ...], tuple[Record, ...]]:
        """Applies the first outcomes, then tickets, and returns them; none while a translator is unavailable."""
        if self._is_paused:
            return (), ()
        self._unavailable, self._pause = "", None
        outcomes = self._apply(self._outcomes, MAX_RECORDS, transaction)
        return outcomes, self._apply(self._tickets, min(self._free_places, MAX_RECORDS), transaction)

    def _apply(self, backlog: Backlog[Record], max_records: int, transaction: TriageTransaction) -> tuple[Record, ...]:
        """Applies records out of a backlog; the first one that cannot be read yet stays in it, with those behind."""
        records = backlog.take(max_records)
        for index, record in enumerate(records):
            refusal = self._refused.pop((record.partition, record.offset), None)
            if refusal is not None:
                self._tracing.begin([record])
                self._processor.refuse(record, refusal, Stage.PREPARE, transaction)
                continue
            try:
                self._processor.apply_record(record, transaction)
            except TranslatorUnavailable as error:
                backlog.give_back(records[index:])
                self._tracing.drop([record])
                self._unavailable, self._pause = error.detail, Deadline(self._clock, _PAUSE_SECONDS)
                return tuple(records[:index])
        return tuple(records)

    def _forget_what_was_read(self, partitions: Collection[Partition]) -> None:
        self._outcomes_read.forget(partition.number for partition in partitions)
        self._refused = {place: refusal for place, refusal in self._refused.items() if place[0] not in partitions}

    @property
    def _is_paused(self) -> bool:
        return self._pause is not None and not self._pause.has_passed

    def _drop_misplaced(self, ready: Collection[int], transaction: TriageTransaction) -> None:
        """Deletes states whose key is not their ticket's: nothing else would ever change them."""
        for number, key in self._store.misplaced(ready)[:_MAX_DEADLINES]:
            partition = Partition(self._topics.triage_state, number)
            _log.error("misplaced_state_deleted", partition=str(partition), key=key.decode(errors="backslashreplace"))
            transaction.forget(number, key)

    def _due(self, ready: Collection[int]) -> list[tuple[int, bytes]]:
        """Returns tickets that are due, as (partition number, key): open ones first, then those to be forgotten."""
        now = self._clock.monotonic()
        until = {number: min(now, self._outcomes_read.until(number)) for number in ready}
        deadlines = {number: self._store.earliest_deadline(number) for number in ready}
        unread = [
            number for number, deadline in deadlines.items() if deadline is not None and until[number] < deadline <= now
        ]
        try:
            self._outcomes_read.look(unread)
        except Retryable as error:
            _log.warning("deadlines_wait_for_kafka", detail=str(error))
        due = self._store.overdue(until, _MAX_DEADLINES)
        return due + self._store.expired(dict.fromkeys(ready, now), _MAX_DEADLINES - len(due))

    @property
    def _free_places(self) -> int:
        return max(0, self._max_open - self._store.open)

    def _states(self, transaction: TriageTransaction) -> tuple[Outgoing, ...]:
        return tuple(transaction.state_records(self._topics.triage_state))
