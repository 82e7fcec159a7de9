"""Makes a playbook's questions about a ticket's document, under ids that are derived from their content.

A document's id is made of its text's hash and a number. The number is chosen so that the id, as a key, lands in the
ticket's own partition. So the document, its questions, their answers and their dead letters are all in partitions of
the ticket's number, and the member that owns the ticket owns them too. The same text twice in a partition is one
document.

A question's id is made of the ticket, the text, the playbook, the field and the phrasing. If it is asked again, it is
the same question.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from spanstream.consumer.broker.partitioner import partition_of
from spanstream.schemas.events import Question
from spanstream.schemas.playbook import FieldSpec, Playbook

TICKET_KEY = "triage.ticket_id"
FIELD_KEY = "triage.field"
_PREFIX = "triage:"
# Drawn once: with another one a redelivered ticket would be asked about again under other ids.
_NAMESPACE = uuid.UUID("7d1cbb8e-6a0a-4a52-9a54-2f0d3f0b7a11")


@dataclass(frozen=True, slots=True)
class FieldQuestion:
    """One phrasing of one field's question, and its id."""

    question_id: str
    field: str
    text: str


def document_id_of(text_sha256: str, number: int, partitions: int) -> str:
    """Returns an id for a text's document that lands in partition `number` of so many `partitions`.

    Kafka's default partitioner (murmur2) decides; about as many tries as there are partitions are needed.

    Raises:
        ValueError: there is no such partition.
    """
    if number >= partitions:
        raise ValueError(f"no key leads to partition {number} of {partitions}")
    candidates = (f"{_PREFIX}{text_sha256}.{suffix}" for suffix in count())
    return next(candidate for candidate in candidates if partition_of(candidate.encode(), partitions) == number)


def field_questions(ticket_id: str, text_sha256: str, playbook: Playbook) -> Iterator[FieldQuestion]:
    """Yields every phrasing of every field, in the playbook's order."""
    playbook_sha256 = playbook.sha256
    for name, field in playbook.fields.items():
        for text in field.questions:
            yield FieldQuestion(question_id_of(ticket_id, text_sha256, playbook_sha256, name, text), name, text)


def question_id_of(ticket_id: str, text_sha256: str, playbook_sha256: str, field: str, text: str) -> str:
    """Returns the id of a question: of a phrasing of a playbook's field, about a ticket's text."""
    identity = json.dumps([ticket_id, text_sha256, playbook_sha256, field, text])
    return _PREFIX + str(uuid.uuid5(_NAMESPACE, identity))


def question_event(
    question: FieldQuestion, field: FieldSpec, *, ticket_id: str, document_id: str, text_sha256: str
) -> Question:
    """Builds the event that asks a question; the answer echoes its metadata, which names the ticket."""
    return Question(
        question_id=question.question_id,
        question=question.text,
        document_id=document_id,
        document_sha256=text_sha256,
        min_confidence=field.min_confidence,
        metadata={TICKET_KEY: ticket_id, FIELD_KEY: question.field},
    )


def ticket_id_in(question_id: str, metadata: Mapping[str, str]) -> str | None:
    """Returns the ticket that a question or its answer is about; None if the triage stream did not ask it."""
    return metadata.get(TICKET_KEY) if question_id.startswith(_PREFIX) else None


def mentions_ticket(value: bytes | None) -> bool:
    """Says whether a record may be about a ticket and is worth decoding: other programs use the same topics."""
    return value is not None and TICKET_KEY.encode() in value
