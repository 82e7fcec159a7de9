"""The chunks in flight: inferred on threads of their own, published in the order they were taken.

    launch -> [in flight: at most two, whose windows share the session] -> head -> publish -> pop

Two chunks in flight keep the session busy while one of them is being published. Order makes commits safe: committing a
chunk's offsets commits everything before them. A chunk that is given back therefore takes all later ones with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass

from spanstream.consumer.answering.committer import ChunkCommit
from spanstream.consumer.answering.outcomes import RecordOutcome
from spanstream.consumer.answering.planned import PreparedChunk
from spanstream.consumer.broker.protocols import Partition

DEPTH = 2


@dataclass(slots=True)
class InFlightChunk:
    """A chunk that is being inferred or published.

    Attributes:
        prepared: the chunk.
        future: its outcomes, once they are inferred.
        started: when inference began, by the clock's monotonic time.
        commit: None before the first try to publish it.
    """

    prepared: PreparedChunk
    future: Future[list[RecordOutcome]]
    started: float
    commit: ChunkCommit | None = None

    @property
    def partitions(self) -> frozenset[Partition]:
        """The partitions its records came from."""
        return frozenset(record.partition for record in self.prepared.records)


class Pipeline:
    """Holds the chunks in flight. For the thread that talks to Kafka.

    Args:
        answer: answers a prepared chunk, given the windows queued behind it; runs in the pool.
        pool: runs it; by default threads of its own.
    """

    def __init__(
        self, answer: Callable[[PreparedChunk, int], list[RecordOutcome]], pool: Executor | None = None
    ) -> None:
        self._answer = answer
        self._chunks: deque[InFlightChunk] = deque()
        self._pool = pool or ThreadPoolExecutor(DEPTH, thread_name_prefix="answer")

    def __len__(self) -> int:
        return len(self._chunks)

    def __iter__(self) -> Iterator[InFlightChunk]:
        return iter(self._chunks)

    @property
    def has_room(self) -> bool:
        """Whether another chunk may be launched."""
        return len(self._chunks) < DEPTH

    @property
    def windows(self) -> int:
        """Windows of all chunks in flight."""
        return sum(chunk.prepared.windows for chunk in self._chunks)

    @property
    def head(self) -> InFlightChunk | None:
        """The chunk to be published next."""
        return self._chunks[0] if self._chunks else None

    def launch(self, prepared: PreparedChunk, waiting_windows: int, now: float) -> None:
        """Begins to infer a chunk."""
        future = self._pool.submit(self._answer, prepared, waiting_windows)
        self._chunks.append(InFlightChunk(prepared, future, now))

    def await_head(self, timeout_seconds: float) -> bool:
        """Waits for the head to be inferred, at most so long; returns whether it is."""
        if not self._chunks:
            return False
        try:
            self._chunks[0].future.exception(timeout_seconds)
        except TimeoutError:
            return False
        return True

    def pop(self) -> InFlightChunk:
        """Removes the head, once it is published."""
        return self._chunks.popleft()

    def give_back(self, partitions: frozenset[Partition] | None = None) -> list[InFlightChunk]:
        """Removes the first chunk that holds one of the partitions (None: the first of all) and every later one.

        Returns:
            The removed chunks, in the order they were taken. Inference that has begun for them runs on and is thrown
            away.
        """
        chunks = list(self._chunks)
        affected = (index for index, chunk in enumerate(chunks) if partitions is None or chunk.partitions & partitions)
        first = next(affected, len(chunks))
        for chunk in chunks[first:]:
            chunk.future.cancel()
        self._chunks = deque(chunks[:first])
        return chunks[first:]

    def close(self) -> None:
        """Ends the threads; what they still infer is thrown away."""
        self._pool.shutdown(wait=False, cancel_futures=True)
