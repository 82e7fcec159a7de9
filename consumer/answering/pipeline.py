"""Chunks on their way: prepared on one thread, inferred on others, published in the order they were taken.

    launch -> [in flight: at most two, whose windows share the session] -> head -> publish -> pop

Two in flight keep the session busy while one of them is being published. Order is what makes commits safe: a chunk's
offsets stand for everything before them, so a chunk that is given back takes all later ones with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from spanstream.consumer.answering.commits import ChunkCommit
from spanstream.consumer.answering.outcomes import RecordOutcome
from spanstream.consumer.answering.prepare import PreparedChunk
from spanstream.consumer.broker.protocols import Partition

DEPTH = 2


@dataclass(slots=True)
class InFlightChunk:
    """A chunk being inferred or published; its `attempt` is there once it was tried to publish it."""

    prepared: PreparedChunk
    future: Future[list[RecordOutcome]]
    started: float
    attempt: ChunkCommit | None = field(default=None)

    @property
    def partitions(self) -> frozenset[Partition]:
        """The partitions its records came from."""
        return frozenset(record.partition for record in self.prepared.records)


class Pipeline:
    """The chunks in flight. For the thread that talks to Kafka.

    Args:
        answer: infers and settles a prepared chunk, given the windows queued behind it; runs in the pool.
        pool: runs it; by default threads of its own.
    """

    def __init__(
        self, answer: Callable[[PreparedChunk, int], list[RecordOutcome]], pool: Executor | None = None
    ) -> None:
        self._answer = answer
        self._flights: deque[InFlightChunk] = deque()
        self._pool = pool or ThreadPoolExecutor(DEPTH, thread_name_prefix="answer")

    def __len__(self) -> int:
        return len(self._flights)

    def __iter__(self) -> Iterator[InFlightChunk]:
        return iter(self._flights)

    @property
    def has_room(self) -> bool:
        """Whether another chunk may be launched."""
        return len(self._flights) < DEPTH

    @property
    def windows(self) -> int:
        """Windows of all chunks in flight."""
        return sum(flight.prepared.windows for flight in self._flights)

    @property
    def head(self) -> InFlightChunk | None:
        """The chunk to be published next."""
        return self._flights[0] if self._flights else None

    def launch(self, prepared: PreparedChunk, waiting_windows: int, now: float) -> None:
        """Begin to infer."""
        self._flights.append(InFlightChunk(prepared, self._pool.submit(self._answer, prepared, waiting_windows), now))

    def await_head(self, timeout_seconds: float) -> bool:
        """Whether the head is inferred, waiting for it at most so long."""
        if not self._flights:
            return False
        try:
            self._flights[0].future.exception(timeout_seconds)
        except TimeoutError:
            return False
        return True

    def pop(self) -> InFlightChunk:
        """The head is published."""
        return self._flights.popleft()

    def give_back(self, partitions: frozenset[Partition] | None = None) -> list[InFlightChunk]:
        """Take back the first chunk that holds one of the partitions (None: the first of all) and every later one.

        Returns:
            Those, in the order they were taken. What is being inferred for them runs on and is thrown away.
        """
        flights = list(self._flights)
        hit = [place for place, flight in enumerate(flights) if partitions is None or flight.partitions & partitions]
        first = hit[0] if hit else len(flights)
        for flight in flights[first:]:
            flight.future.cancel()
        self._flights = deque(flights[:first])
        return flights[first:]

    def close(self) -> None:
        """End the threads; what they still infer is thrown away."""
        self._pool.shutdown(wait=False, cancel_futures=True)
