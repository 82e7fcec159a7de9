"""What is known of one ticket, as it stands in the compacted state topic: enough to go on after any crash.

key `ticket:<ticket_id>` -> TicketState        key `playbook:<sha256>` -> Playbook (one that tickets are open under)
"""

from __future__ import annotations

from datetime import datetime

from spanstream.consumer.clock import to_datetime
from spanstream.consumer.triage.gather import QuestionOutcome
from spanstream.schemas.fields import Closed, Metadata, Text
from spanstream.schemas.playbook import Playbook
from spanstream.schemas.triage import DocumentRead, Ticket

_TICKET = b"ticket:"
_PLAYBOOK = b"playbook:"


class TicketFacts(Closed):
    """What rules may ask about a ticket itself."""

    subject: Text
    channel: Text | None
    customer: Text | None
    attributes: Metadata

    @classmethod
    def of(cls, ticket: Ticket) -> TicketFacts:
        """A ticket's."""
        return cls(
            subject=ticket.subject, channel=ticket.channel, customer=ticket.customer, attributes=dict(ticket.attributes)
        )

    @property
    def by_name(self) -> dict[str, str]:
        """As rules name them; what is not given is left out."""
        given = {"subject": self.subject or None, "channel": self.channel, "customer": self.customer}
        given |= {f"attributes.{name}": value for name, value in self.attributes.items()}
        return {name: value for name, value in given.items() if value is not None}


class TicketState(Closed):
    """One ticket between its record's arrival and the day it is forgotten. Times are milliseconds since the epoch.

    Attributes:
        playbook: SHA-256 of the playbook that asks; the ticket stays with it to the end.
        due_ms: while `is_open`, when a record is made of what there is; after that, when this is forgotten.
        is_open: whether the present text has no record yet.
        revision: of the latest record; 0: there is none.
        replaced: documents of earlier texts, to be deleted with this.
        outcomes: what came back, by question id.
    """

    ticket_id: Text
    facts: TicketFacts
    created_ms: int | None
    received_ms: int | None
    asked_ms: int
    document: DocumentRead
    playbook: Text
    due_ms: int
    is_open: bool
    revision: int
    replaced: list[Text]
    outcomes: dict[Text, QuestionOutcome]

    @property
    def key(self) -> bytes:
        """Of its record in the state topic."""
        return ticket_key(self.ticket_id)

    @property
    def written_at(self) -> datetime:
        """When the ticket was written, as well as it is known."""
        known = (self.created_ms, self.received_ms, self.asked_ms)
        return to_datetime(next(one for one in known if one is not None))

    def encode(self) -> bytes:
        """The value of its record."""
        return self.model_dump_json(exclude_defaults=True).encode()


def ticket_key(ticket_id: str) -> bytes:
    """The key of a ticket's state."""
    return _TICKET + ticket_id.encode()


def playbook_key(sha256: str) -> bytes:
    """The key of a playbook."""
    return _PLAYBOOK + sha256.encode()


def is_ticket(key: bytes) -> bool:
    """Whether a key is a ticket's."""
    return key.startswith(_TICKET)


def decode_state(value: bytes) -> TicketState:
    """What `TicketState.encode` wrote; pydantic's ValidationError on anything else."""
    return TicketState.model_validate_json(value)


def decode_playbook(value: bytes) -> Playbook:
    """A playbook's JSON; pydantic's ValidationError on anything else."""
    return Playbook.model_validate_json(value)
