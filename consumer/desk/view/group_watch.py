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
# Seconds that a page waits for it.
_PAGE_SECONDS: Final = 0.3


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
    """Keeps the last answer for a few seconds; a page never waits long for a Kafka that is silent.

    Args:
        queries: asks.
        group_id: the consumers' group.
        topics: what it consumes.
        clock: measures how old the answer is.
    """

    def __init__(self, queries: GroupQueries, group_id: str, topics: Iterable[str], clock: Clock) -> None:
        self._queries = queries
        self._group_id = group_id
        self._topics = tuple(topics)
        self._clock = clock
        self._state = GroupState(group_id, problem="not asked yet")
        self._asked_at = -_FRESH_SECONDS
        self._answered = threading.Event()  # whether the last question is
        self._answered.set()
        self._lock = threading.Lock()

    def state(self) -> GroupState:
        """Returns how the consumers are, as far as Kafka has answered; one question at a time is asked."""
        with self._lock:
            now = self._clock.monotonic()
            if self._answered.is_set() and now - self._asked_at >= _FRESH_SECONDS:
                self._asked_at = now
                self._answered.clear()
                threading.Thread(target=self._ask, name="desk-group", daemon=True).start()
        self._answered.wait(_PAGE_SECONDS)
        return self._state

    def _ask(self) -> None:
        try:
            lag = sum(self._queries.lag(self._group_id, self._topics).values())
            self._state = GroupState(self._group_id, lag, len(self._queries.members(self._group_id)))
        except SpanstreamError as error:
            self._state = GroupState(self._group_id, problem=str(error))
        finally:
            self._answered.set()
