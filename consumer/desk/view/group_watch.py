"""Asks Kafka, while somebody looks, how far the consumers are: lag, members, and whether anything moves."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from spanstream.consumer.broker.protocols import Partition
from spanstream.consumer.clock import Clock
from spanstream.consumer.errors import SpanstreamError

# Seconds that one answer of Kafka is shown.
_FRESH_SECONDS: Final = 5.0


class GroupQueries(Protocol):
    """Questions about a consumer group; `broker.kafka.TopicAdmin` answers them."""

    def lag(self, group_id: str, topics: Iterable[str]) -> Mapping[Partition, int]:
        """Counts the records that the group has not committed, by partition."""

    def members(self, group_id: str) -> Mapping[str, list[Partition]]:
        """Returns the partitions of each member."""


@dataclass(frozen=True, slots=True)
class GroupState:
    """How the consumers are. `lag` and `members` are None where `problem` says why they are not known."""

    group_id: str
    lag: int | None = None
    members: int | None = None
    problem: str | None = None

    @property
    def verdict(self) -> str:
        """One word for a person: `unknown`, `stopped`, `behind` or `ready`."""
        if self.lag is None or self.members is None:
            return "unknown"
        if self.members == 0:
            return "stopped"
        return "behind" if self.lag else "ready"


class GroupWatch:
    """Keeps the last answer for a few seconds; one thread asks at a time.

    Args:
        queries: asks.
        group_id: the consumers' group.
        topics: what it consumes.
        clock: measures how old the answer is.
    """

    def __init__(self, queries: GroupQueries, group_id: str, topics: Iterable[str], clock: Clock) -> None:
        self._queries = queries
        self._topics = tuple(topics)
        self._clock = clock
        self._state = GroupState(group_id, problem="not asked yet")
        self._asked_at = -_FRESH_SECONDS
        self._lock = threading.Lock()

    def state(self) -> GroupState:
        """Returns how the consumers are, at most some seconds old; while one thread asks, the others get the last."""
        if self._clock.monotonic() - self._asked_at < _FRESH_SECONDS or not self._lock.acquire(blocking=False):
            return self._state
        try:
            self._state = self._ask(self._state.group_id)
            self._asked_at = self._clock.monotonic()
        finally:
            self._lock.release()
        return self._state

    def _ask(self, group_id: str) -> GroupState:
        try:
            lag = sum(self._queries.lag(group_id, self._topics).values())
            return GroupState(group_id, lag, len(self._queries.members(group_id)))
        except SpanstreamError as error:
            return GroupState(group_id, problem=str(error))
