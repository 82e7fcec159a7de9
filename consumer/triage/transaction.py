"""One transaction in the making: what it publishes, and the states it changes."""

from __future__ import annotations

from collections import Counter

from pydantic import ValidationError

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.errors import Stop
from spanstream.consumer.triage.state import TicketState, decode_playbook, decode_state, playbook_key, ticket_key
from spanstream.consumer.triage.store import StateStore
from spanstream.schemas.dead_letters import Reason
from spanstream.schemas.playbook import Playbook


class TriageTransaction:
    """Reads through to the store; nothing changes there before the transaction is committed.

    Attributes:
        outgoing: what is published, beside the states.
        changes: the states that change: (partition number, key) to value; None: forgotten.
        counts: what happened, by name, for the metrics.
        ages_ms: of each record made: milliseconds since its ticket came.
        judged: of each ticket: the reason of its dead letter, or None.
    """

    def __init__(self, store: StateStore, current: Playbook) -> None:
        self._store = store
        self._current = current
        self._states: dict[tuple[int, bytes], TicketState | None] = {}
        self._touched: dict[tuple[int, str], None] = {}
        self.outgoing: list[Outgoing] = []
        self.changes: dict[tuple[int, bytes], bytes | None] = {}
        self.counts: Counter[tuple[str, str]] = Counter()
        self.ages_ms: list[int] = []
        self.judged: list[Reason | None] = []

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it."""
        return not self.outgoing and not self.changes

    @property
    def touched(self) -> list[tuple[int, str]]:
        """Tickets with something new, as (partition number, ticket id), in the order in which it came."""
        return list(self._touched)

    def ticket(self, number: int, ticket_id: str) -> TicketState | None:
        """A ticket as it stands after what is in here."""
        at = (number, ticket_key(ticket_id))
        if at not in self._states:
            value = self._store.get(*at)
            self._states[at] = None if value is None else decode_state(value)
        return self._states[at]

    def put(self, number: int, state: TicketState, *, is_news: bool = False) -> None:
        """A ticket's new state; `is_news`: it may make a record."""
        at = (number, state.key)
        self._states[at] = state
        self.changes[at] = state.encode()
        if is_news:
            self._touched[number, state.ticket_id] = None

    def forget(self, number: int, state: TicketState) -> None:
        """A ticket is no longer known."""
        at = (number, state.key)
        self._states[at] = None
        self.changes[at] = None

    def tickets_with(self, number: int, document_id: str) -> int:
        """How many tickets of a partition have this document, after what is in here."""
        changed = [at for at in self.changes if at[0] == number and at in self._states]
        gone = sum(self._document_before(at) == document_id for at in changed)
        come = sum(state.document.document_id == document_id for at in changed if (state := self._states[at]))
        return self._store.tickets_with(number, document_id) - gone + come

    def keep_playbook(self, number: int) -> None:
        """Have the current playbook in the partition, for whoever owns it when it is no longer current."""
        at = (number, playbook_key(self._current.sha256))
        if at not in self.changes and self._store.get(*at) is None:
            self.changes[at] = self._current.model_dump_json(exclude_defaults=True).encode()

    def playbook(self, number: int, sha256: str) -> Playbook:
        """A playbook that a ticket was begun under.

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

    def state_records(self, topic: str) -> list[Outgoing]:
        """The changes as records of the state topic."""
        return [Outgoing(topic, key, value, partition=number) for (number, key), value in self.changes.items()]

    def _document_before(self, at: tuple[int, bytes]) -> str | None:
        value = self._store.get(*at)
        return decode_state(value).document.document_id if value is not None else None
