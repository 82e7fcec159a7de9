"""Reads whole records by their places, when a page shows them; nothing of them is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from spanstream.consumer.broker.protocols import Partition, PartitionReader, Record
from spanstream.consumer.desk.view.live_view import LiveView
from spanstream.consumer.desk.view.rows import AnswerRow, RecordPlace, TriageRow
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.settings import TopicSettings
from spanstream.schemas.codec import decode_triage
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.events import Answer, Document, Question
from spanstream.schemas.triage import Ticket, Triage

_READ_SECONDS: Final = 10.0
_Event = TypeVar("_Event")


@dataclass(frozen=True, slots=True)
class SourceText:
    """The text that an answer is about: of a document as it stands now, or of the question's own context."""

    text: str
    title: str | None
    sha256: str


class WholeRecords:
    """Reads records one at a time. None: the topic no longer holds it, or it is no such event, or another one's.

    Args:
        reader: used for nothing else.
        topics: their names.
        formats: reads the events.
        view: knows the places.

    Raises:
        Retryable: by the methods: Kafka did not answer in time.
        Stop: by the methods: Kafka refuses.
    """

    def __init__(self, reader: PartitionReader, topics: TopicSettings, formats: EventFormats, view: LiveView) -> None:
        self._reader = reader
        self._topics = topics
        self._formats = formats
        self._view = view
        self._lock = threading.Lock()

    def record(self, place: RecordPlace) -> Record | None:
        """Returns the record at a place."""
        with self._lock:
            return self._reader.read_at(place.partition, place.offset, _READ_SECONDS)

    def answer(self, row: AnswerRow) -> Answer | None:
        """Returns the whole answer of a row."""
        answer = self._event(row.place, self._formats.answer)
        return answer if answer is not None and answer.question_id == row.question_id else None

    def triage(self, row: TriageRow) -> Triage | None:
        """Returns the whole triage record of a row."""
        triage = self._event(row.place, lambda record: decode_triage(self._formats.as_json(record, Triage)))
        return triage if triage is not None and triage.ticket_id == row.ticket_id else None

    def question(self, question_id: str) -> Question | None:
        """Returns a question, as it was published last."""
        row = self._view.questions.get(question_id)
        question = self._event(row.place, self._formats.question) if row is not None else None
        return question if question is not None and question.question_id == question_id else None

    def document(self, document_id: str) -> Document | None:
        """Returns a document as it stands now."""
        place = self._view.documents.get(document_id)
        document = self._event(place, self._formats.document) if place is not None else None
        return document if document is not None and document.document_id == document_id else None

    def source(self, document_id: str) -> SourceText | None:
        """Returns the text of a document as it stands now."""
        document = self.document(document_id)
        return None if document is None else SourceText(document.text, document.title, document.sha256)

    def ticket(self, ticket_id: str) -> Ticket | None:
        """Returns a ticket as it stands now."""
        place = self._view.tickets.get(ticket_id)
        return self._event(place, self._formats.ticket) if place is not None else None

    def source_of(self, row: AnswerRow) -> SourceText | None:
        """Returns the text that an answer is about."""
        if row.document_id is not None:
            return self.source(row.document_id)
        question = self.question(row.question_id)
        if question is None or question.context is None:
            return None
        return SourceText(question.context, None, Document(document_id="-", text=question.context).sha256)

    def close(self) -> None:
        """Lets go of the connections."""
        with self._lock:
            self._reader.close()

    def _event(self, place: RecordPlace, read: Callable[[Record], _Event]) -> _Event | None:
        record = self.record(place)
        if record is None or record.value is None:
            return None
        try:
            return read(record)
        except InvalidRecord:
            return None


def place_in(topic: str, text: str) -> RecordPlace | None:
    """Reads a place as it stands in an address; None where it is none."""
    number, separator, offset = text.partition("-")
    if not (separator and number.isascii() and number.isdecimal() and offset.isascii() and offset.isdecimal()):
        return None
    longest = 18  # digits that a 64-bit number surely holds
    if len(number) > 9 or len(offset) > longest:  # noqa: PLR2004  a partition's number has 32 bits
        return None
    return RecordPlace(Partition(topic, int(number)), int(offset))
