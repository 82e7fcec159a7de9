"""Knows up to which moment the answers and dead letters of a partition number have been read.

After an outage the answers of many tickets stand in the topics, unread, while the tickets' deadlines have passed. So a
deadline is judged only once everything is processed that stood there when it had passed:

    a deadline has passed ── look: where do the topics end now? ── processed up to there ──> judged
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from spanstream.consumer.broker.protocols import Partition, PartitionReader
from spanstream.consumer.clock import Clock, Deadline

# A topic that was cut or created anew meanwhile may end before the place that is waited for.
_LOOK_AGAIN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Look:
    """Where the topics ended at a moment, and until when that is believed."""

    at: float
    ends: Mapping[Partition, int]
    believed: Deadline


class OutcomesRead:
    """Holds these moments by partition number, in seconds of `Clock.monotonic`.

    Args:
        reader: tells where partitions end.
        topics: those of answers and dead letters.
        clock: tells the moment of a look.
    """

    def __init__(self, reader: PartitionReader, topics: Iterable[str], clock: Clock) -> None:
        self._reader = reader
        self._topics = tuple(topics)
        self._clock = clock
        self._looks: dict[int, _Look] = {}
        self._read_until: dict[int, float] = {}

    def until(self, number: int) -> float:
        """Returns the moment: whatever stood in the topics then has been processed."""
        return self._read_until.get(number, -math.inf)

    def look(self, numbers: Collection[int]) -> None:
        """Looks where the topics end in the partitions of these numbers, unless that is being waited for.

        Raises:
            Retryable: Kafka does not say.
        """
        wanted = [number for number in numbers if number not in self._looks or self._looks[number].believed.has_passed]
        if not wanted:
            return
        started = self._clock.monotonic()
        ends = self._reader.end_offsets({Partition(topic, number) for topic in self._topics for number in wanted})
        for number in wanted:
            before = self._looks.get(number)
            now = {partition: end for partition, end in ends.items() if partition.number == number}
            if before is not None:
                now = {partition: min(end, before.ends[partition]) for partition, end in now.items()}
            at = started if before is None else before.at
            self._looks[number] = _Look(at, now, Deadline(self._clock, _LOOK_AGAIN_SECONDS))

    def update(self, processed: Mapping[Partition, int]) -> None:
        """Takes in up to which offsets the owned partitions are processed; what is not owned is not waited for."""
        for number, look in list(self._looks.items()):
            if all(processed.get(partition, end) >= end for partition, end in look.ends.items()):
                self._read_until[number] = look.at
                del self._looks[number]

    def forget(self, numbers: Iterable[int]) -> None:
        """Forgets the partitions of these numbers: another member reads them."""
        for number in numbers:
            self._looks.pop(number, None)
            self._read_until.pop(number, None)
