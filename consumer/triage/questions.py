"""A ticket's document and the playbook's questions about it, under ids that are derived.

The document's id comes from its text, and a number behind it makes its key land in the ticket's own partition. So
the document, its questions, their answers and dead letters are all in partitions of the ticket's number, the member
that owns the ticket owns them too, and nobody else's document has the id. The same text twice in a partition is one
document. A question's id comes from ticket, text, playbook, field and phrasing: asked again, it is the same question.
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
# Drawn once: with another one a redelivered ticket would be asked anew under other ids.
_NAMESPACE = uuid.UUID("7d1cbb8e-6a0a-4a52-9a54-2f0d3f0b7a11")


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """One phrasing of one field's question, and its id."""

    question_id: str
    field: str
    text: str


def document_id_of(text_sha256: str, number: int, partitions: int) -> str:
    """The id of a text's document that lands in the partition of this number, of so many.

    Kafka's default partitioner decides (murmur2); about as many tries as there are partitions are needed.
    """
    candidates = (f"{_PREFIX}{text_sha256}.{tried}" for tried in count())
    return next(one for one in candidates if partition_of(one.encode(), partitions) == number)


def asked_of(ticket_id: str, text_sha256: str, playbook: Playbook) -> Iterator[AskedQuestion]:
    """Every phrasing of every field, in the playbook's order."""
    made_by = playbook.sha256
    for name, field in playbook.fields.items():
        for text in field.questions:
            identity = json.dumps([ticket_id, text_sha256, made_by, name, text])
            yield AskedQuestion(_PREFIX + str(uuid.uuid5(_NAMESPACE, identity)), name, text)


def question_of(
    asked: AskedQuestion, field: FieldSpec, *, ticket_id: str, document_id: str, text_sha256: str
) -> Question:
    """The event that asks; its metadata, which the answer echoes, leads back to the ticket."""
    return Question(
        question_id=asked.question_id,
        question=asked.text,
        document_id=document_id,
        document_sha256=text_sha256,
        min_confidence=field.min_confidence,
        metadata={TICKET_KEY: ticket_id, FIELD_KEY: asked.field},
    )


def ticket_asked_about(question_id: str, metadata: Mapping[str, str]) -> str | None:
    """The ticket that a question or its answer is about; None where it is not one of these."""
    return metadata.get(TICKET_KEY) if question_id.startswith(_PREFIX) else None


def may_be_ours(value: bytes | None) -> bool:
    """Whether it is worth decoding: others use the same topics."""
    return value is not None and TICKET_KEY.encode() in value
