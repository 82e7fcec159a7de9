"""Compares how many partitions the topics have whose partitions of one number belong together.

A question's partition is fetched only together with the documents partition of the same number. Where a topic has more
partitions than another, the group assigns some that can never be fetched, and nothing else would say why.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from spanstream.consumer.broker.protocols import PartitionReader
from spanstream.consumer.clock import Clock
from spanstream.consumer.errors import Retryable, Stop

_log = structlog.get_logger(__name__)

# Seconds between two looks while the numbers differ: a topic that no group member reads may grow last.
_LOOK_EVERY = 5.0
_ASK_AGAIN = 0.5


class PartitionCounts:
    """Asks after each assignment, and now and then while the numbers differ; logs a difference once.

    Args:
        reader: tells the partitions of a topic.
        topics: those that need the same number of partitions.
        clock: measures the time between two looks.
    """

    def __init__(self, reader: PartitionReader, topics: Iterable[str], clock: Clock) -> None:
        self._reader = reader
        self._topics = tuple(topics)
        self._clock = clock
        self._is_due = False
        self._next_look = 0.0
        self._shared = 0
        self._differing = ""

    @property
    def shared(self) -> int:
        """How many partitions each of the topics has, at least; 0 while that is not known."""
        return 0 if self._is_due else self._shared

    @property
    def differing(self) -> str:
        """What is missing, with the numbers of partitions, for a person; empty where they are the same."""
        return self._differing

    def compare_soon(self) -> None:
        """Lets the next `compare` ask: partitions were assigned, so a topic may have new ones."""
        self._is_due = True
        self._next_look = 0.0

    def compare(self) -> None:
        """Compares, if it is due; where Kafka does not say, it asks again half a second later."""
        if not (self._is_due or self._differing) or self._clock.monotonic() < self._next_look:
            return
        self._next_look = self._clock.monotonic() + _LOOK_EVERY
        try:
            counts = {topic: len(self._reader.partitions(topic)) for topic in self._topics}
        except (Retryable, Stop) as error:  # a topic that is missing or may not be read stops the group member itself
            _log.warning("partition_counts_unknown", detail=str(error))
            self._next_look = self._clock.monotonic() + _ASK_AGAIN
            return
        self._is_due = False
        self._shared = min(counts.values())
        differing = describe_difference(counts)
        if differing and differing != self._differing:
            _log.error(
                "partition_counts_differ",
                detail=f"this needs {differing}: what has no partner waits; `spanstream doctor` says what to do",
            )
        self._differing = differing


def describe_difference(counts: dict[str, int]) -> str:
    """Returns what is missing where topics differ in their number of partitions, with the numbers; else nothing."""
    if len(set(counts.values())) <= 1:
        return ""
    listed = ", ".join(f"{topic} {count}" for topic, count in counts.items())
    return f"topics with the same number of partitions ({listed})"


def refuse_differing(reader: PartitionReader, topics: Iterable[str], who: str) -> None:
    """Refuses to start where the topics do not have the same number of partitions.

    Where Kafka does not say, a `PartitionCounts` asks again.

    Args:
        reader: tells the partitions of a topic.
        topics: those that need the same number of partitions.
        who: needs them, for a person.

    Raises:
        Stop: the numbers differ, or a topic does not exist.
    """
    try:
        counts = {topic: len(reader.partitions(topic)) for topic in topics}
    except Retryable as error:
        _log.warning("partition_counts_unknown", detail=str(error))
        return
    if differing := describe_difference(counts):
        raise Stop(f"{who} needs {differing}", hint="`spanstream doctor` says what to do")
