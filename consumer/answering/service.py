"""The consumer's loop: one thread that talks to Kafka and prepares chunks, while other threads infer.

    poll -> Intake -> Pipeline -> Commits (Publisher)

Each consumed record leaves as exactly one record, in the transaction that commits its offset. Until then it is in the
intake or in flight; a rebalance moves what stays owned back to the intake and forgets the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from spanstream.consumer.answering.commits import Commits
from spanstream.consumer.answering.documents import Documents
from spanstream.consumer.answering.intake import Intake
from spanstream.consumer.answering.pipeline import Pipeline
from spanstream.consumer.answering.report import Reporter
from spanstream.consumer.broker.protocols import GroupConsumer, Partition
from spanstream.consumer.clock import Clock, Deadline
from spanstream.consumer.delivery.ownership import Ownership
from spanstream.consumer.errors import Fenced, Retryable
from spanstream.consumer.health import Health
from spanstream.consumer.settings import Settings

_log = structlog.get_logger(__name__)

# Seconds. An idle poll returns as soon as a record comes; the others bound how late something else is noticed.
_IDLE_POLL = 0.1
_BUSY_WAIT = 0.01
_COMMITTED_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class ServiceParts:
    """What the loop works with; wired by `bootstrap`."""

    consumer: GroupConsumer
    commits: Commits
    documents: Documents
    intake: Intake
    pipeline: Pipeline
    reporter: Reporter
    health: Health
    clock: Clock


class Service:
    """A consumer of questions. `run` is the whole life of it; the rebalance listener is part of the same thread."""

    def __init__(self, parts: ServiceParts, settings: Settings) -> None:
        self._parts = parts
        self._settings = settings
        self._clock = parts.clock
        self._ownership = Ownership(parts.consumer, settings.topics.documents)
        # With `once`: where the questions ended when their partitions were ready.
        self._once_ends: dict[Partition, int] = {}
        # Whether the last turn got anything done: then the next one waits for nothing.
        self._moved = False

    def run(self, stop: threading.Event, *, once: bool = False) -> None:
        """Answer questions until `stop` is set.

        Args:
            stop: ends the loop; started chunks are finished within `drain_seconds`.
            once: end when the questions that are there now are done.

        Raises:
            Stop: the consumer cannot go on.
        """
        try:
            self.start()
            while not stop.is_set() and not (once and self._is_done()):
                self.turn()
            self.drain()
        finally:
            self.close()

    def start(self) -> None:
        """Join the group."""
        topics = self._settings.topics
        self._parts.consumer.subscribe([topics.documents, topics.questions, topics.retries], self)

    def drain(self) -> None:
        """Finish what is in flight, within `drain_seconds`."""
        self._finish_in_flight(Deadline(self._clock, self._settings.drain_seconds))
        self._commit_progress(at_once=True)

    def close(self) -> None:
        """Leave the group and let go; what is not published is the next owner's."""
        self._give_back(None)
        self._parts.pipeline.close()
        self._parts.commits.close()
        self._parts.consumer.close()
        self._parts.documents.close()

    def turn(self) -> None:
        """Once around: everything that can be done now, waiting a moment at most."""
        documents = self._parts.documents
        patience = 0.0 if self._moved else _BUSY_WAIT
        waits_for_documents = self._parts.intake.waits_for_documents or bool(self._ownership.ends_to_load)
        moved = [
            self._poll(0.0 if waits_for_documents else patience),
            self._load_documents(),
            documents.poll(patience if waits_for_documents else 0.0) > 0,
        ]
        behind = documents.behind(self._ownership.ends_to_load)
        self._ownership.update(behind, self._parts.intake.full_topics, self._finished())
        self._moved = any([*moved, self._take(), self._parts.intake.launch(), self._publish_head()])
        self._commit_progress()
        self._parts.health.turned(self._waiting_for())
        self._parts.reporter.turned(
            backlog=len(self._parts.intake),
            ready=self._parts.intake.ready,
            windows_pending=self._parts.pipeline.windows,
            partitions=len(self._ownership.asked),
        )

    # Rebalance listener: called from inside poll and close.

    def on_assigned(self, partitions: Sequence[Partition]) -> None:
        """Own these; their questions are fetched once their documents are read."""
        _log.info("partitions_assigned", partitions=_names(partitions))
        self._ownership.assigned(partitions)

    def on_revoked(self, partitions: Sequence[Partition]) -> None:
        """Finish what has begun, give up the rest."""
        _log.info("partitions_revoked", partitions=_names(partitions))
        going = frozenset(partitions)
        if any(flight.partitions & going for flight in self._parts.pipeline):
            self._finish_in_flight(Deadline(self._clock, self._settings.drain_seconds))
        self._let_go(going)

    def on_lost(self, partitions: Sequence[Partition]) -> None:
        """Give up all of it: another member has them already."""
        _log.warning("partitions_lost", partitions=_names(partitions))
        self._let_go(frozenset(partitions))

    def _let_go(self, partitions: frozenset[Partition]) -> None:
        self._ownership.removed(partitions)
        self._give_back(partitions)
        self._parts.intake.drop(partitions)
        self._parts.documents.release(partitions)
        if self._parts.commits.forget(partitions):
            self._doubt()

    def _give_back(self, partitions: frozenset[Partition] | None) -> None:
        if self._parts.intake.give_back(partitions):
            self._doubt()

    def _doubt(self) -> None:
        """Something may have been published or not: nothing goes on before the group has said where it stands."""
        self._parts.commits.doubt()
        self._ownership.reload()

    # The steps of a turn.

    def _poll(self, patience: float) -> bool:
        """Records into the intake, waiting so long for the first one, or for the end of the head's inference."""
        pipeline = self._parts.pipeline
        if patience and pipeline and not pipeline.await_head(0.0):
            # A free place is filled only by a whole chunk; until then the head is what there is to wait for.
            pipeline.await_head(patience)
            patience = 0.0
        elif patience and not pipeline and not self._parts.intake.has_ready:
            patience = _IDLE_POLL
        records = self._parts.consumer.poll(self._settings.chunk.max_questions, patience)
        self._parts.intake.add(records)
        return bool(records)

    def _load_documents(self) -> bool:
        """Follow newly assigned documents partitions, from where their bad records were dead-lettered up to."""
        to_load = self._ownership.to_load
        if not to_load:
            return False
        asked = self._ownership.followed | self._ownership.asked
        try:
            committed = self._parts.consumer.committed(asked, _COMMITTED_TIMEOUT)
            self._parts.documents.own({partition: committed.get(partition) for partition in to_load})
            ends = self._parts.documents.ends()
        except Retryable as error:
            self._wait_for_kafka(error)
            return False
        self._parts.commits.start_from(committed)
        self._parts.intake.drop_before(committed)
        self._ownership.loading({partition: ends[partition] for partition in to_load})
        return True

    def _take(self) -> bool:
        if self._ownership.to_load:
            return False
        try:
            return self._parts.intake.take()
        except Retryable as error:
            self._wait_for_kafka(error)
            return False

    def _wait_for_kafka(self, error: Retryable) -> None:
        """It is asked again in the next turn; where it refuses at once, that would be a thousand times a second."""
        _log.warning("documents_wait_for_kafka", detail=str(error))
        self._clock.sleep(_IDLE_POLL)

    def _publish_head(self) -> bool:
        """Publish the chunk that is due, if it is inferred; whether it was published.

        Raises:
            Stop: too much of it is poison, or the broker refuses it for good.
        """
        flight, commits = self._parts.pipeline.head, self._parts.commits
        if flight is None or not flight.future.done() or not commits.may_publish:
            return False
        settled = flight.future.result()
        try:
            if flight.attempt is None and commits.finish_progress():
                flight.attempt = commits.attempt(flight.prepared.records, settled)
            if flight.attempt is None or not commits.publish(flight.attempt):
                return False
        except Fenced:
            self._give_back(None)
            self._doubt()
            return False
        self._parts.pipeline.pop()
        self._parts.reporter.published(flight.prepared, settled, self._clock.monotonic() - flight.started)
        return True

    def _commit_progress(self, *, at_once: bool = False) -> None:
        """With nothing in flight: dead letters of documents, and positions past transaction markers, so lag reads 0."""
        if self._parts.pipeline:
            return
        positions = {
            partition: position
            for partition in self._ownership.asked - self._parts.intake.partitions
            if (position := self._parts.consumer.position(partition)) is not None
        }
        at_once = at_once or self._parts.documents.is_full
        try:
            self._parts.commits.publish_progress(positions, at_once=at_once)
        except Fenced:
            self._doubt()

    def _finish_in_flight(self, deadline: Deadline) -> None:
        """Publish what is in flight, in order, until the deadline; what is left stays in flight."""
        pipeline = self._parts.pipeline
        while pipeline and not deadline.has_passed and not self._parts.commits.in_doubt:
            if pipeline.await_head(deadline.seconds_left) and not self._publish_head():
                # It failed: the next attempt is due when the failure's pause is over.
                self._clock.sleep(min(_BUSY_WAIT, deadline.seconds_left))

    # For `once` and for the probes.

    def _finished(self) -> frozenset[Partition]:
        """Partitions that were read up to their `_once_ends`; what comes later is left to the next run."""
        return frozenset(at for at, end in self._once_ends.items() if (self._parts.consumer.position(at) or 0) >= end)

    def _is_done(self) -> bool:
        """With `once`: whether of the owned partitions nothing is left that was there, retries included."""
        if not self._ownership.is_ready:
            return False
        topics, consumer, asked = self._settings.topics, self._parts.consumer, self._ownership.asked
        try:
            self._once_ends = self._once_ends or consumer.end_offsets(topics.questions)
            if self._parts.pipeline or len(self._parts.intake) or self._once_ends.keys() & asked - self._finished():
                return False
            retries = consumer.end_offsets(topics.retries)
        except Retryable:
            return False
        return all((consumer.position(at) or 0) >= end for at, end in retries.items() if at in asked)

    def _waiting_for(self) -> str:
        if not self._ownership.asked:
            return "partitions"
        return "" if self._ownership.is_ready else "documents"


def _names(partitions: Sequence[Partition]) -> list[str]:
    return [str(partition) for partition in partitions]
