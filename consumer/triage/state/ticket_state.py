"""What is known of one ticket, as its record in the compacted state topic holds it: enough to go on after any crash.

key `ticket:<ticket_id>` -> TicketState        key `playbook:<sha256>` -> Playbook (one that tickets are open under)
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field

from spanstream.consumer.clock import calendar_time, to_datetime
from spanstream.schemas.answer_parts import ModelInfo, Span
from spanstream.schemas.cloudevents import TRACEPARENT, TRACESTATE
from spanstream.schemas.errors import Reason
from spanstream.schemas.fields import Closed, Count, Metadata, Probability, Text
from spanstream.schemas.playbook import Playbook
from spanstream.schemas.triage import DocumentRead, Ticket

# A longer answer can only be a word without end; keeping it could make a record that no topic takes.
MAX_ANSWER_CHARS = 2_000

_TICKET = b"ticket:"
_PLAYBOOK = b"playbook:"


class TicketFacts(Closed):
    """What rules may ask about a ticket itself.

    Attributes:
        text_tests: keys of the playbook's tests of the ticket's text that hold; left out where there is none.
    """

    subject: Text
    channel: Text | None
    customer: Text | None
    attributes: Metadata
    text_tests: list[str] = Field(default=[])

    @classmethod
    def of(cls, ticket: Ticket, text_tests: Sequence[str] = ()) -> TicketFacts:
        """Takes the facts from a ticket, and from its text which tests hold."""
        return cls(
            subject=ticket.subject,
            channel=ticket.channel,
            customer=ticket.customer,
            attributes=dict(ticket.attributes),
            text_tests=list(text_tests),
        )

    @property
    def by_name(self) -> dict[str, str]:
        """The facts by the names that rules use; what is not given is left out."""
        given = {"subject": self.subject or None, "channel": self.channel, "customer": self.customer}
        given |= {f"attributes.{name}": value for name, value in self.attributes.items()}
        return {name: value for name, value in given.items() if value is not None}


class QuestionOutcome(Closed):
    """What came back for one question: the content of an answer, or the reason of a dead letter.

    Attributes:
        too_long: the candidate's length in characters, if it was too long to be kept; otherwise 0.
        dead_letter: why the question became a dead letter; None: it was answered.
    """

    candidate: Span | None = None
    confidence: Probability = 0.0
    null_score_diff: float | None = None
    model: ModelInfo | None = None
    too_long: Count = 0
    dead_letter: Text | None = None

    @classmethod
    def of(
        cls, candidate: Span | None, *, confidence: float, null_score_diff: float | None, model: ModelInfo
    ) -> QuestionOutcome:
        """Takes from an answer what counts; of a candidate that is too long only its length is kept."""
        chars = len(candidate.text) if candidate else 0
        is_kept = chars <= MAX_ANSWER_CHARS
        return cls(
            candidate=candidate if is_kept else None,
            confidence=confidence,
            null_score_diff=null_score_diff,
            model=model,
            too_long=0 if is_kept else chars,
        )

    @property
    def is_answer(self) -> bool:
        """Whether the model read the document for this question."""
        return self.dead_letter is None


class TicketState(Closed):
    """One ticket from the arrival of its record until it is forgotten. Times are milliseconds since the epoch.

    Attributes:
        playbook: SHA-256 of the playbook that the questions come from; the ticket keeps it to the end.
        due_ms: while `is_open`, the deadline of the record; after that, when the ticket is forgotten.
        is_open: whether the current text has no record yet.
        revision: number of the latest record; 0: there is none.
        replaced: documents of the latest of its earlier texts, to be deleted together with this ticket.
        outcomes: what came back, by question id.
        trace_context: of the span in which its questions were asked; empty with traces off.
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
    trace_context: dict[str, str] = Field(default_factory=dict)

    @property
    def key(self) -> bytes:
        """The key of its record in the state topic."""
        return ticket_key(self.ticket_id)

    @property
    def trace_headers(self) -> tuple[bytes | None, bytes | None]:
        """The values of the headers `traceparent` and `tracestate` for what is published about it."""
        context = {name: value.encode() for name, value in self.trace_context.items()}
        return context.get(TRACEPARENT), context.get(TRACESTATE)

    @property
    def written_at(self) -> datetime:
        """When the ticket was written, or the earliest later time that is known."""
        return calendar_time(self.created_ms) or calendar_time(self.received_ms) or to_datetime(self.asked_ms)

    def without_answers(self) -> TicketState:
        """Returns the state in which everything that came back for it is a dead letter."""
        failed = QuestionOutcome(dead_letter=Reason.INFERENCE_FAILED)
        return self.model_copy(update={"outcomes": dict.fromkeys(self.outcomes, failed)})

    def encode(self) -> bytes:
        """Returns the value of its record."""
        return self.model_dump_json(exclude_defaults=True).encode()


def ticket_key(ticket_id: str) -> bytes:
    """Returns the key of a ticket's state."""
    return ticket_key_of(ticket_id.encode())


def ticket_key_of(record_key: bytes) -> bytes:
    """Returns the key of the state of the ticket whose record has this key."""
    return _TICKET + record_key


def playbook_key(sha256: str) -> bytes:
    """Returns the key of a playbook."""
    return _PLAYBOOK + sha256.encode()


def is_ticket(key: bytes) -> bool:
    """Says whether a key is a ticket's."""
    return key.startswith(_TICKET)


def decode_state(value: bytes) -> TicketState:
    """Decodes what `TicketState.encode` wrote; raises pydantic's ValidationError on anything else."""
    return TicketState.model_validate_json(value)


def decode_playbook(value: bytes) -> Playbook:
    """Decodes a playbook's JSON; raises pydantic's ValidationError on anything else."""
    return Playbook.model_validate_json(value)
