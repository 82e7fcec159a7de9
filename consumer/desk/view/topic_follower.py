"""Follows the topics from a bounded distance behind their ends, on a thread of its own, and fills the view."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog

from spanstream.consumer.broker.protocols import Partition, PartitionReader, Record
from spanstream.consumer.clock import Clock
from spanstream.consumer.desk.view.live_view import LiveView
from spanstream.consumer.desk.view.rows import (
    RecordPlace,
    answer_row,
    feedback_row,
    letter_row,
    place_of_record,
    question_row,
    triage_row,
)
from spanstream.consumer.errors import MissingRight, Retryable, Stop
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.logs import exception_facts
from spanstream.consumer.replay.ledger import Ledger, ledger_of
from spanstream.consumer.replay.letters.formats import read_letter
from spanstream.consumer.settings import TopicSettings
from spanstream.schemas.codec import decode_triage
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.feedback import Feedback
from spanstream.schemas.triage import Triage

_log = structlog.get_logger(__name__)

_BATCH: Final = 1_000
_WAIT_SECONDS: Final = 0.2
_PAUSE_SECONDS: Final = 2.0
# Seconds between two looks at which topics and partitions there are.
_LOOK_EVERY: Final = 10.0
# Milliseconds for which the pages say that a topic was deleted or created anew.
_TOLD_MS: Final = 600_000


class TopicFollower:
    """Fills a view from the topics until it is closed.

    Args:
        open_reader: opens what follows the topics.
        topics: their names.
        view: is filled.
        formats: reads the events.
        clock: says when to look again for topics that are missing.
    """

    def __init__(
        self,
        open_reader: Callable[[], PartitionReader],
        topics: TopicSettings,
        view: LiveView,
        formats: EventFormats,
        clock: Clock,
    ) -> None:
        self._open_reader = open_reader
        self._view = view
        self._formats = formats
        self._clock = clock
        self._letters_topic = topics.dead_letters
        self._take: Mapping[str, Callable[[Record], None]] = {
            topics.documents: lambda record: self._note(record, self._view.documents.put, self._view.documents.remove),
            topics.questions: self._question,
            topics.answers: self._answer,
            topics.dead_letters: self._letter,
            ledger_of(topics.dead_letters): self._settled,
            topics.triage: self._triage,
            topics.feedback: self._feedback,
            topics.labels: self._label,
            topics.tickets: lambda record: self._note(record, self._view.tickets.put, self._view.tickets.remove),
        }
        self._ends: dict[Partition, int] = {}
        self._followed: dict[Partition, int | None] = {}
        self._ids: dict[str, str] = {}  # of the topics that the view was filled from
        self._replaced: dict[str, int] = {}
        self.missing: frozenset[str] = frozenset()
        self.refused: dict[str, str] = {}
        self.problem: str | None = None
        self.is_caught_up = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="desk-follower", daemon=True)
        self._thread.start()

    @property
    def replaced(self) -> list[str]:
        """The topics that were deleted, or created anew, in the last minutes."""
        since = self._clock.now_ms() - _TOLD_MS
        return sorted(topic for topic, at_ms in self._replaced.items() if at_ms >= since)

    def close(self) -> None:
        """Ends the thread, and waits for it."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        """Reads, and begins anew after what may pass; what is wrong is told on the pages and logged."""
        while not self._stop.is_set():
            reader = self._open_reader()
            try:
                self._follow(reader)
            except (Retryable, Stop) as error:
                self.problem = str(error)
                _log.warning("desk_waits_for_kafka", detail=str(error))
                self._stop.wait(_PAUSE_SECONDS)
            except Exception as error:  # noqa: BLE001  whatever it is, the pages must not stand still unnoticed
                self.problem = f"reading the topics raised {type(error).__name__}"
                _log.error("desk_reading_failed", **exception_facts(error))
                self._stop.wait(_PAUSE_SECONDS)
            finally:
                reader.close()

    def _follow(self, reader: PartitionReader) -> None:
        self._followed, self._ends = {}, {}
        self._view.ledger = None
        next_look = 0.0
        while not self._stop.is_set():
            if self._clock.monotonic() >= next_look:
                self._look_for_topics(reader)
                next_look = self._clock.monotonic() + _LOOK_EVERY
            for record in reader.poll(_BATCH, _WAIT_SECONDS):
                self._read(record)
            if not self.is_caught_up:
                self.is_caught_up = all((reader.position(p) or 0) >= end for p, end in self._ends.items())
            self.problem = None

    def _look_for_topics(self, reader: PartitionReader) -> None:
        """Follows the partitions that are there; where a topic is another one now, everything is read again."""
        there, missing, refused = dict[str, tuple[str, list[Partition]]](), set[str](), dict[str, str]()
        for topic in self._take:
            try:
                partitions = reader.partitions(topic)
                there[topic] = reader.topic_id(topic), partitions
            except MissingRight as error:
                refused[topic] = str(error)
            except Stop:
                missing.add(topic)
        self._forget_replaced(reader, {topic: topic_id for topic, (topic_id, _) in there.items()})
        for topic, (topic_id, partitions) in there.items():
            self._ids[topic] = topic_id
            if topic == self._letters_topic and self._view.ledger is None:
                self._view.ledger = Ledger(ledger_of(topic), topic_id)
            self._add(reader, partitions)
        reader.follow(self._followed)
        self.missing, self.refused = frozenset(missing), refused

    def _forget_replaced(self, reader: PartitionReader, ids: Mapping[str, str]) -> None:
        """Begins anew where a topic is gone or another one: its rows name places that hold something else now."""
        replaced = [topic for topic, topic_id in self._ids.items() if ids.get(topic) != topic_id]
        if not replaced:
            return
        _log.warning("desk_topics_replaced", topics=replaced)
        self._replaced |= dict.fromkeys(replaced, self._clock.now_ms())
        self.is_caught_up = False
        self._followed, self._ends, self._ids = {}, {}, {}
        reader.follow({})
        self._view.clear()

    def _add(self, reader: PartitionReader, partitions: Sequence[Partition]) -> None:
        """Adds the partitions that are new, each from its share of the view's size behind its end."""
        new = [partition for partition in partitions if partition not in self._followed]
        begins, ends = reader.begin_offsets(new), reader.end_offsets(new)
        # Twice its share, because the markers of transactions take offsets too.
        share = 2 * -(-self._view.most // len(partitions))
        self._followed |= {partition: max(begins[partition], ends[partition] - share) for partition in new}
        self._ends |= {partition: ends[partition] for partition in new if ends[partition] > begins[partition]}

    def _read(self, record: Record) -> None:
        try:
            self._take[record.partition.topic](record)
        except InvalidRecord:
            return  # the consumer makes a dead letter of it
        except Retryable:
            raise
        except Exception as error:  # noqa: BLE001  whatever one record is, the others are shown
            _log.error("desk_passed_over", offset=record.offset, **exception_facts(error))

    def _note(self, record: Record, put: Callable[[str, RecordPlace], None], remove: Callable[[str], None]) -> None:
        """Notes where a document or ticket stands; a tombstone takes it out."""
        key = (record.key or b"").decode(errors="replace")
        if record.value is None:
            remove(key)
        else:
            put(key, place_of_record(record))

    def _question(self, record: Record) -> None:
        question = self._formats.question(record)
        self._view.questions.put(question.question_id, question_row(record, question))

    def _answer(self, record: Record) -> None:
        row = answer_row(record, self._formats.answer(record))
        self._view.answers.put(row.place, row)

    def _letter(self, record: Record) -> None:
        row = letter_row(read_letter(record))
        self._view.letters.put(row.place, row)

    def _triage(self, record: Record) -> None:
        row = triage_row(record, decode_triage(self._formats.as_json(record, Triage)))
        self._view.triage.put(row.ticket_id, row)

    def _feedback(self, record: Record) -> None:
        self._take_feedback(self._formats.feedback(record))

    def _label(self, record: Record) -> None:
        """Takes checked feedback; where its document was deleted, it is taken out."""
        if record.value is None:
            self._view.feedback.remove((record.key or b"").decode(errors="replace"))
        else:
            self._take_feedback(self._formats.label(record))

    def _take_feedback(self, feedback: Feedback) -> None:
        """Takes what a person said; what a model suggested takes no person's place."""
        if feedback.source != "suggested":
            self._view.take_feedback(feedback_row(feedback))

    def _settled(self, record: Record) -> None:
        """Takes an entry of the ledger: which dead letters were dealt with."""
        if self._view.ledger is not None:
            self._view.ledger.apply_record(record)
