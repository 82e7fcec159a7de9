"""Holds which labels stand in the owned partitions: an index of the compacted labels topic, which is the truth.

    labels topic ── load (read to its end) ──> {key: what is known of its label} <── apply (what was just committed)

The labels themselves are not kept in memory: only what is needed to tell which verdict is newer, and which of them go
with a document.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

import structlog

from spanstream.consumer.broker.protocols import Partition, PartitionReader, Record
from spanstream.consumer.delivery.compacted_topic import CompactedTopic
from spanstream.consumer.feedback.judged_answers import judged_answer
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.models.labelling.promises import JudgedAnswer
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.feedback import Feedback

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KnownLabel:
    """What is known of a label.

    Attributes:
        document_id: the document that it quotes; None: an inline context.
        sha256: the version of the text.
        feedback_id: tells a redelivery.
        is_persons: whether a person gave it, or a model suggested it.
        given_at: when.
        judged: the answer that it is about; None where it does not say.
    """

    document_id: str | None
    sha256: str
    feedback_id: str
    is_persons: bool
    given_at: datetime
    judged: JudgedAnswer | None = None

    @classmethod
    def of(cls, label: Feedback) -> Self:
        """Returns what is to be known of a label."""
        return cls(
            label.document_id,
            label.document_sha256 or "",
            label.feedback_id or "",
            label.source == "person",
            label.given_at,
            judged_answer(label),
        )

    def outranks(self, other: KnownLabel) -> bool:
        """Whether another verdict on the same answer comes to nothing: a person's goes first, then the newer one."""
        return (self.is_persons, self.given_at) > (other.is_persons, other.given_at)


@dataclass(slots=True)
class _PartitionLabels:
    labels: dict[bytes, KnownLabel] = field(default_factory=dict)
    by_document: dict[str, set[bytes]] = field(default_factory=dict)


class KnownLabels:
    """The labels by partition number. Only for the thread that talks to Kafka.

    Args:
        reader: reads partitions outside of the group.
        formats: reads the labels.
    """

    def __init__(self, reader: PartitionReader, formats: EventFormats) -> None:
        self._topic = CompactedTopic(reader, self._take)
        self._formats = formats
        self._partitions: dict[int, _PartitionLabels] = {}
        self.changes = 0  # labels that came or went, partitions too

    @property
    def known(self) -> int:
        """How many labels."""
        return sum(len(partition.labels) for partition in self._partitions.values())

    def load(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Starts to read these partitions anew, and returns where they end now; raises `Retryable` on no answer."""
        to_load = set(partitions)
        self.release(to_load)
        ends = self._topic.load(to_load)
        self._partitions |= {partition.number: _PartitionLabels() for partition in to_load}
        return ends

    def poll(self, ends: Mapping[Partition, int], timeout_seconds: float) -> int:
        """Reads on in the partitions that are loading; returns how many records came.

        Raises:
            TranslatorUnavailable: a label cannot be read yet; it is read by a later call.
        """
        return self._topic.poll(ends, timeout_seconds)

    def ends(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Returns where these partitions end now, open transactions included; raises `Retryable` without an answer."""
        return self._topic.ends(partitions)

    def behind(self, ends: Mapping[Partition, int]) -> frozenset[Partition]:
        """Returns which of these partitions are not read to their end yet."""
        return self._topic.behind(ends)

    def release(self, partitions: Iterable[Partition]) -> None:
        """Forgets the labels of these partitions."""
        released = set(partitions)
        self._topic.release(released)
        for partition in released:
            self._partitions.pop(partition.number, None)
        self.changes += 1

    def get(self, number: int, key: bytes) -> KnownLabel | None:
        """Returns what is known of the label of a key in a partition; None: there is none."""
        partition = self._partitions.get(number)
        return partition.labels.get(key) if partition else None

    def documents(self, number: int) -> list[str]:
        """Returns the documents of a partition that have labels."""
        partition = self._partitions.get(number)
        return list(partition.by_document) if partition else []

    def judged(self) -> Iterator[JudgedAnswer]:
        """Yields the answers that labels are about, of those that say so."""
        for partition in self._partitions.values():
            for label in partition.labels.values():
                if label.judged is not None:
                    yield label.judged

    def of_document(self, number: int, document_id: str) -> list[tuple[bytes, KnownLabel]]:
        """Returns the labels of a document, with their keys."""
        partition = self._partitions.get(number)
        if partition is None:
            return []
        return [(key, partition.labels[key]) for key in sorted(partition.by_document.get(document_id, ()))]

    def apply(self, changes: Mapping[tuple[int, bytes], KnownLabel | None]) -> None:
        """Takes over what a transaction wrote, once it is committed; None: the label is deleted."""
        for (number, key), label in changes.items():
            if number in self._partitions:
                self._put(self._partitions[number], key, label)

    def close(self) -> None:
        """Closes the reader."""
        self._topic.close()

    def _take(self, record: Record) -> None:
        label = None
        if record.value is not None:
            try:
                label = KnownLabel.of(self._formats.label(record))
            except InvalidRecord as error:
                # Another program's, or damaged: whatever it is, it stands in the place of what was there before.
                place = {"partition": str(record.partition), "offset": record.offset}
                _log.error("label_unreadable", **place, reason=error.reason, detail=error.detail)
        self._put(self._partitions[record.partition.number], record.key or b"", label)

    def _put(self, partition: _PartitionLabels, key: bytes, label: KnownLabel | None) -> None:
        self.changes += 1
        before = partition.labels.pop(key, None)
        if before is not None and before.document_id is not None:
            keys = partition.by_document[before.document_id]
            keys.discard(key)
            if not keys:
                del partition.by_document[before.document_id]
        if label is not None:
            partition.labels[key] = label
            if label.document_id is not None:
                partition.by_document.setdefault(label.document_id, set()).add(key)
