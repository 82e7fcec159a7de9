"""Where labelling reads what was asked, answered and labelled: the stream's topics, or files of the same events."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from spanstream.consumer.broker.protocols import Partition, PartitionReader, Record
from spanstream.consumer.broker.reading import read_topic
from spanstream.consumer.clock import Clock
from spanstream.consumer.errors import Stop
from spanstream.consumer.formats.opening import open_formats
from spanstream.consumer.operations.local_texts import STANDARD_INPUT
from spanstream.consumer.replay.current_documents import CurrentDocuments
from spanstream.consumer.settings import Settings
from spanstream.schemas.codec import decode_answer, decode_document, decode_feedback, decode_question
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.events import Answer, Question
from spanstream.schemas.feedback import Feedback
from spanstream.schemas.limits import Limits

_PATIENCE_SECONDS = 30.0
_Event = TypeVar("_Event")


class LabellingSources(Protocol):
    """Gives the events that labelling needs, each kind in the order of its records."""

    def answers(self) -> Iterator[Answer]:
        """Yields what was answered and declined."""

    def questions(self) -> Iterator[Question]:
        """Yields what was asked."""

    def labels(self) -> Iterator[Feedback]:
        """Yields what people said."""

    def text(self, document_id: str) -> str | None:
        """Returns a document's current text; None where there is none."""

    def close(self) -> None:
        """Closes what was opened."""


class TopicSources:
    """Reads the topics of the settings from their beginning to where they end now; what cannot be read is passed over.

    Raises, by its methods:
        Stop: there is no such topic.
        Retryable: Kafka did not answer in time.
    """

    def __init__(self, settings: Settings, open_reader: Callable[[], PartitionReader], clock: Clock) -> None:
        self._settings, self._open_reader, self._clock = settings, open_reader, clock
        self._formats = open_formats(settings).patient(clock, _PATIENCE_SECONDS)
        self._documents: CurrentDocuments | None = None

    def answers(self) -> Iterator[Answer]:
        """Yields what was answered and declined."""
        return self._read(self._settings.topics.answers, self._formats.answer)

    def questions(self) -> Iterator[Question]:
        """Yields what was asked."""
        return self._read(self._settings.topics.questions, self._formats.question)

    def labels(self) -> Iterator[Feedback]:
        """Yields the labels that hold now, of each answer the newest.

        A question about a collection may have one in the partition of each document that it was answered from.
        """
        latest: dict[tuple[Partition, bytes | None], Feedback] = {}
        for record, label in self._records(self._settings.topics.labels, self._formats.label):
            place = (record.partition, record.key)
            latest.pop(place, None)
            if label is not None:
                latest[place] = label
        newest: dict[str, Feedback] = {}
        for label in latest.values():
            known = newest.get(label.label_key)
            if known is None or known.given_at <= label.given_at:
                newest[label.label_key] = label
        return iter(newest.values())

    def text(self, document_id: str) -> str | None:
        """Returns a document's current text; None where there is none."""
        if self._documents is None:
            self._documents = CurrentDocuments(
                self._open_reader(), self._settings, self._formats, self._clock, _PATIENCE_SECONDS
            )
        document = self._documents.find(document_id)
        return None if document is None else document.text

    def close(self) -> None:
        """Closes the reader of documents."""
        if self._documents is not None:
            self._documents.close()

    def _read(self, topic: str, decode: Callable[[Record], _Event]) -> Iterator[_Event]:
        for _, event in self._records(topic, decode):
            if event is not None:
                yield event

    def _records(self, topic: str, decode: Callable[[Record], _Event]) -> Iterator[tuple[Record, _Event | None]]:
        """Yields records with their events; None: a tombstone."""
        with closing(self._open_reader()) as reader:
            for record in read_topic(reader, topic, clock=self._clock, patience_seconds=_PATIENCE_SECONDS):
                try:
                    yield record, None if record.value is None else decode(record)
                except InvalidRecord:
                    continue


@dataclass(frozen=True, slots=True)
class FileSources:
    """Reads files of JSON lines, as `spanstream answers --json` writes them and `spanstream publish` takes them.

    Raises, by its methods:
        Stop: a file cannot be read, or a line is no such event; the text names both.
    """

    limits: Limits
    answer_files: Sequence[Path] = ()
    question_files: Sequence[Path] = ()
    document_files: Sequence[Path] = ()
    feedback_files: Sequence[Path] = ()
    _texts: dict[str, str] = field(default_factory=dict, init=False)

    def answers(self) -> Iterator[Answer]:
        """Yields what was answered and declined."""
        return _events(self.answer_files, decode_answer)

    def questions(self) -> Iterator[Question]:
        """Yields what was asked."""
        return _events(self.question_files, lambda line: decode_question(line, self.limits))

    def labels(self) -> Iterator[Feedback]:
        """Yields what people said."""
        return _events(self.feedback_files, lambda line: decode_feedback(line, self.limits))

    def text(self, document_id: str) -> str | None:
        """Returns the last text of a document; None where the files have none."""
        if not self._texts:
            documents = _events(self.document_files, lambda line: decode_document(line, self.limits))
            self._texts.update({document.document_id: document.text for document in documents})
        return self._texts.get(document_id)

    def close(self) -> None:
        """Closes nothing: each file is closed when it was read."""


def open_sources(
    settings: Settings, files: Mapping[str, Sequence[Path]], open_reader: Callable[[], PartitionReader], clock: Clock
) -> LabellingSources:
    """Returns what reads the files, or the topics where no file is named.

    Args:
        settings: name the topics.
        files: of `answers`, `questions`, `documents` and `feedback`; one of them may be standard input (`-`).
        open_reader: opens a reader of the topics.
        clock: bounds how long Kafka may be silent.

    Raises:
        Stop: standard input is named twice.
    """
    if [file for paths in files.values() for file in paths].count(STANDARD_INPUT) > 1:
        raise Stop("standard input (-) can be read once only")
    if not any(files.values()):
        return TopicSources(settings, open_reader, clock)
    return FileSources(
        settings.limits,
        files.get("answers", ()),
        files.get("questions", ()),
        files.get("documents", ()),
        files.get("feedback", ()),
    )


def _events(files: Sequence[Path], decode: Callable[[bytes], _Event]) -> Iterator[_Event]:
    for file in files:
        try:
            content = sys.stdin.buffer.read() if file == STANDARD_INPUT else file.read_bytes()
        except OSError as error:
            raise Stop(f"{file}: cannot be read: {error.strerror}") from error
        for number, line in enumerate(content.split(b"\n"), start=1):
            if not line.strip():
                continue
            try:
                yield decode(line)
            except InvalidRecord as error:
                raise Stop(f"{file}:{number}: {error}") from None
