"""Makes feedback on what was published: on the answer to a question, or on a field of a ticket's triage record."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from spanstream.consumer.broker.protocols import PartitionReader
from spanstream.consumer.broker.reading import tail
from spanstream.consumer.clock import Clock
from spanstream.consumer.errors import Stop
from spanstream.consumer.feedback.judged_answers import metadata_of
from spanstream.consumer.formats.opening import open_formats
from spanstream.consumer.operations.published_questions import PublishedQuestion
from spanstream.consumer.replay.current_documents import CurrentDocuments
from spanstream.consumer.settings import Settings
from spanstream.consumer.triage.questions import question_id_of
from spanstream.models.labelling.quotes import places_of
from spanstream.schemas.answer_parts import Span
from spanstream.schemas.codec import decode_triage
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.feedback import Feedback, TicketField, Verdict
from spanstream.schemas.triage import Triage

_PATIENCE_SECONDS = 30.0
_PLACES_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Opinion:
    """What somebody says.

    Attributes:
        verdict: the kind.
        text: the right piece, verbatim; with `corrected` only.
        nth: which of its places in the document, counted from 1; None: there is one.
        by: who says so.
        given_at: when.
        char_start: where the right piece begins, in place of `nth`.
    """

    verdict: Verdict
    text: str | None
    nth: int | None
    by: str | None
    given_at: datetime
    char_start: int | None = None


@dataclass(frozen=True, slots=True)
class PublishedField:
    """A field of a ticket's latest triage record, and the text that it was read from, as it stands now."""

    triage: Triage
    name: str
    text: str


def feedback_on_question(published: PublishedQuestion, opinion: Opinion) -> Feedback:
    """Makes the feedback on a question's answer.

    Raises:
        Stop: the opinion does not fit what was published; the text says why, and holds none of the document.
    """
    question, answer = published.question, published.answer
    name = f"question {question.question_id}"
    version = sha256(published.text.encode()).hexdigest()
    if answer is not None and answer.document_sha256 != version:
        raise Stop(f"{name}: the document has changed since it was answered", hint="ask again")
    if opinion.verdict == "accepted" and answer is None:
        raise Stop(f"{name}: there is no answer to accept", hint="say --correct, --no-answer or --unsure")
    return Feedback(
        question_id=question.question_id,
        document_id=published.document_id,
        context=question.context,
        document_sha256=version,
        question=question.question,
        verdict=opinion.verdict,
        span=_span(name, published.text, answer.answer if answer else None, opinion),
        by=opinion.by,
        given_at=opinion.given_at,
        metadata={} if answer is None else metadata_of(answer),
    ).identified()


def feedback_on_field(published: PublishedField, opinion: Opinion) -> Feedback:
    """Makes the feedback on a field of a triage record; raises as `feedback_on_question`."""
    triage, field = published.triage, published.name
    name = f"field {field} of ticket {triage.ticket_id}"
    result = triage.fields.get(field)
    if result is None:
        raise Stop(f"{name}: the record has no such field", hint=f"it has {', '.join(sorted(triage.fields))}")
    if sha256(published.text.encode()).hexdigest() != triage.document.sha256:
        raise Stop(f"{name}: the ticket's text is another one now", hint="wait for its next record")
    if result.question is None:
        raise Stop(f"{name}: nothing was read for it ({result.status}), so there is nothing to judge")
    ids = (triage.ticket_id, triage.document.sha256, triage.playbook.sha256)
    return Feedback(
        question_id=question_id_of(*ids, field, result.question),
        field=TicketField(ticket_id=triage.ticket_id, name=field),
        document_id=triage.document.document_id,
        document_sha256=triage.document.sha256,
        question=result.question,
        verdict=opinion.verdict,
        span=_span(name, published.text, result.answer, opinion),
        by=opinion.by,
        given_at=opinion.given_at,
    ).identified()


def find_field(
    ticket_id: str, name: str, settings: Settings, open_reader: Callable[[], PartitionReader], clock: Clock
) -> PublishedField:
    """Reads the latest triage record of a ticket, and the text that it was made of.

    Args:
        ticket_id: of the ticket.
        name: of the field.
        settings: name the topics.
        open_reader: opens a reader; each of them is closed.
        clock: bounds how long Kafka may be silent.

    Raises:
        Stop: there is no record, or the ticket's document is gone.
        Retryable: Kafka did not answer in time.
    """
    formats = open_formats(settings).patient(clock, _PATIENCE_SECONDS)
    latest: Triage | None = None
    with closing(open_reader()) as reader:
        for record in tail(reader, settings.topics.triage):
            try:
                triage = decode_triage(formats.as_json(record, Triage))
            except InvalidRecord:
                continue
            if triage.ticket_id == ticket_id and (latest is None or triage.revision >= latest.revision):
                latest = triage
    if latest is None:
        raise Stop(f"there is no record of ticket {ticket_id} in {settings.topics.triage}")
    with closing(CurrentDocuments(open_reader(), settings, formats, clock, _PATIENCE_SECONDS)) as documents:
        document = documents.find(latest.document.document_id)
    if document is None:
        raise Stop(f"ticket {ticket_id}: its document is not in {settings.topics.documents}: it is forgotten")
    return PublishedField(latest, name, document.text)


def _span(name: str, text: str, answer: Span | None, opinion: Opinion) -> Span | None:
    """Returns the span that the verdict quotes; None where it quotes none."""
    if opinion.verdict == "accepted":
        if answer is None:
            hint = "--no-answer says that this is right, --correct what the answer is"
            raise Stop(f"{name} was declined: there is no answer to accept", hint=hint)
        return answer
    return _located(name, text, opinion) if opinion.verdict == "corrected" else None


def _located(name: str, text: str, opinion: Opinion) -> Span:
    """Finds the right piece in the text, in whole words."""
    given = opinion.text or ""
    quoted = given.strip()
    wanted = None if opinion.char_start is None else opinion.char_start + len(given) - len(given.lstrip())
    starts = [start for start, _ in places_of(text, quoted) if wanted in {None, start}]
    if not starts:
        stands = bool(quoted) and quoted in text
        where = "stands only inside of words in the document" if stands else "does not stand in the document, verbatim"
        raise Stop(f"{name}: the correction {where}")
    if opinion.nth is None and len(starts) > 1:
        shown = ", ".join(map(str, starts[:_PLACES_SHOWN])) + (", ..." if len(starts) > _PLACES_SHOWN else "")
        hint = "--nth says which of them"
        raise Stop(f"{name}: the correction stands at {len(starts)} places in the document ({shown})", hint=hint)
    number = opinion.nth or 1
    if number > len(starts):
        raise Stop(f"{name}: the correction stands at {len(starts)} places in the document, not at {number}")
    start = starts[number - 1]
    return Span(text=quoted, char_start=start, char_end=start + len(quoted))
