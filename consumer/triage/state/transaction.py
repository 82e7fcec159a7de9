"""One transaction while it is being built: what it publishes, and the states it changes."""

from __future__ import annotations

from collections import Counter

from pydantic import ValidationError

from spanstream.consumer.answering.outcomes import without_content
from spanstream.consumer.broker.protocols import Outgoing, Record
from spanstream.consumer.errors import Stop, TooLarge
from spanstream.consumer.tracing.tracing import Processed
from spanstream.consumer.triage.state.state_store import StateStore
from spanstream.consumer.triage.state.ticket_state import (
    TicketState,
    decode_playbook,
    decode_state,
    playbook_key,
    ticket_key,
)
from spanstream.schemas.dead_letters import DLQ_REASON, Reason
from spanstream.schemas.playbook import Playbook


class TriageTransaction:
    """Reads the store through its own changes; the store itself does not change before the transaction is committed.

    Attributes:
        outgoing: the records to publish, without the states.
        changes: the states that change: (partition number, key) to value; None: forgotten.
        counts: what happened, by (group, name), for the metrics.
        processed: the records that were applied, and what they were, for the traces.
        ages_ms: for each first record of a ticket: milliseconds since the ticket arrived.
        ticket_reasons: for each ticket record: the reason of its dead letter, or None.
        tickets: the ticket record that each document and state was made of, by the key of these.
    """

    def __init__(self, store: StateStore, current: Playbook) -> None:
        self._store = store
        self._current = current
        self._states: dict[tuple[int, bytes], TicketState | None] = {}
        # By (partition number, document): how many more tickets have the document than the store says.
        self._documents: Counter[tuple[int, str]] = Counter()
        self._tickets_with_news: dict[tuple[int, str], None] = {}
        self.outgoing: list[Outgoing] = []
        self.changes: dict[tuple[int, bytes], bytes | None] = {}
        self.counts: Counter[tuple[str, str]] = Counter()
        self.processed: list[Processed] = []
        self.ages_ms: list[int] = []
        self.ticket_reasons: list[Reason | None] = []
        self.tickets: dict[bytes, Record] = {}

    @property
    def is_empty(self) -> bool:
        """Whether it publishes nothing and changes nothing."""
        return not self.outgoing and not self.changes

    @property
    def tickets_with_news(self) -> list[tuple[int, str]]:
        """Tickets that something new came for, as (partition number, ticket id), in the order of arrival."""
        return list(self._tickets_with_news)

    def ticket(self, number: int, ticket_id: str) -> TicketState | None:
        """Returns a ticket's state after the changes in here; None: it is not known."""
        return self.state(number, ticket_key(ticket_id))

    def state(self, number: int, key: bytes) -> TicketState | None:
        """Returns the state of a ticket's key after the changes in here; None: it is not known."""
        place = (number, key)
        if place not in self._states:
            value = self._store.get(*place)
            self._states[place] = None if value is None else decode_state(value)
        return self._states[place]

    def put(self, number: int, state: TicketState, *, is_news: bool = False) -> None:
        """Sets a ticket's new state; with `is_news` it may be time for a record."""
        self._set(number, state.key, state)
        self.changes[number, state.key] = state.encode()
        if is_news:
            self._tickets_with_news[number, state.ticket_id] = None

    def forget(self, number: int, key: bytes) -> None:
        """Deletes the state of a key."""
        self._set(number, key, None)
        self.changes[number, key] = None

    def ticket_done(self, record: Record, outcome: str, reason: Reason | None = None) -> None:
        """Counts a ticket's record by what it was; `reason` is its dead letter's."""
        self.counts["tickets", outcome] += 1
        self.ticket_reasons.append(reason)
        self.processed.append(Processed(record, outcome, reason))

    def tickets_with(self, number: int, document_id: str) -> int:
        """Counts the tickets of a partition that have this document, after the changes in here."""
        return self._store.tickets_with(number, document_id) + self._documents[number, document_id]

    def keep_playbook(self, number: int) -> None:
        """Stores the current playbook in a partition, for a later owner that runs another one."""
        place = (number, playbook_key(self._current.sha256))
        if place not in self.changes and self._store.get(*place) is None:
            self.changes[place] = self._current.model_dump_json(exclude_defaults=True).encode()

    def playbook(self, number: int, sha256: str) -> Playbook:
        """Returns the playbook that a ticket was begun under.

        Raises:
            Stop: the state topic does not hold it.
        """
        if sha256 == self._current.sha256:
            return self._current
        value = self._store.get(number, playbook_key(sha256))
        try:
            return decode_playbook(value or b"")
        except ValidationError:
            raise Stop(
                f"the state topic's partition {number} holds tickets of a playbook that it does not hold"
            ) from None

    def replace_by_smaller(self, error: TooLarge) -> bool:
        """Replaces a dead letter that its topic does not take by one without content; False: it is something else."""
        for index, record in enumerate(self.outgoing):
            if record is error.record and any(name == DLQ_REASON for name, _ in record.headers):
                smaller = without_content(record)
                if smaller is not None:
                    self.outgoing[index] = smaller
                    return True
        return False

    def state_records(self, topic: str) -> list[Outgoing]:
        """Returns the changes as records of the state topic."""
        return [Outgoing(topic, key, value, partition=number) for (number, key), value in self.changes.items()]

    def _set(self, number: int, key: bytes, state: TicketState | None) -> None:
        before = self.state(number, key)
        if before is not None:
            self._documents[number, before.document.document_id] -= 1
        if state is not None:
            self._documents[number, state.document.document_id] += 1
        self._states[number, key] = state
