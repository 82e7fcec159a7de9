"""The answering loop: one thread talks to Kafka and prepares chunks, while other threads infer.

    poll -> Intake -> Pipeline -> Committer (Publisher)

Each consumed record leads to exactly one outcome, in the transaction that commits its offset. Until then it is in the
intake or in flight. A rebalance moves what stays owned back to the intake and forgets the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import structlog

from spanstream.consumer.answering.once import OnceProgress
from spanstream.consumer.answering.parts import AnsweringParts
from spanstream.consumer.answering.stored_documents import DocumentsReplaced
from spanstream.consumer.broker.protocols import Partition
from spanstream.consumer.clock import Deadline
from spanstream.consumer.delivery.ownership import Ownership
from spanstream.consumer.errors import Fenced, Retryable
from spanstream.consumer.formats.translator import TranslatorUnavailable
from spanstream.consumer.settings import Settings

_log = structlog.get_logger(__name__)

# Seconds. An idle poll returns as soon as a record comes; the others bound how late something else is noticed.
_IDLE_POLL = 0.1
_BUSY_WAIT = 0.01


class AnsweringService:
    """Consumes questions and answers them. All methods run on one thread, the rebalance listener's too."""

    def __init__(self, parts: AnsweringParts, settings: Settings) -> None:
        self._parts = parts
        self._settings = settings
        self._clock = parts.clock
        self._ownership = Ownership(parts.consumer, settings.topics.documents)
        self._once = OnceProgress(parts.consumer, self._ownership, parts.partition_counts, settings.topics)
        self._made_progress = False  # by the last turn: then the next one does not wait
        self._unavailable = ""  # what a translator waited for in this turn

    def run(self, stop: threading.Event, *, once: bool = False) -> None:
        """Answers questions until `stop` is set.

        Args:
            stop: ends the loop; started chunks are finished within `drain_seconds`.
            once: ends it when the questions that are there now are done.

        Raises:
            Stop: the consumer cannot go on.
        """
        deadline = self._new_deadline()
        try:
            self.start()
            while not stop.is_set() and not (once and self._is_done()):
                deadline = self._new_deadline()  # from before the turn in which the signal comes
                self.turn()
            self.drain(deadline)
        finally:
            self.close()

    def start(self) -> None:
        """Joins the group; what a predecessor of the same name left open is ended first, if Kafka answers."""
        if self._parts.shadow is not None:
            self._parts.shadow.start()
        self._parts.committer.prepare()
        self._parts.consumer.subscribe(list(self._settings.topics.consumed), self)

    def drain(self, deadline: Deadline | None = None) -> None:
        """Finishes what is in flight until the deadline, by default within `drain_seconds`."""
        deadline = deadline or self._new_deadline()
        self._finish_in_flight(deadline)
        with self._parts.committer.until(deadline):
            self._commit_progress(at_once=True)

    def close(self) -> None:
        """Leaves the group and closes everything; what is not published is left to the next owner."""
        self._give_back(None)
        if self._parts.shadow is not None:
            self._parts.shadow.close()
        self._parts.pipeline.close()
        self._parts.committer.close()
        self._parts.consumer.close()
        self._parts.documents.close()

    def turn(self) -> None:
        """Does everything that can be done now, and waits a moment at most."""
        documents = self._parts.documents
        wait_seconds = 0.0 if self._made_progress else _BUSY_WAIT
        waits_for_documents = self._parts.intake.waits_for_documents or bool(self._ownership.ends_to_load)
        self._unavailable = ""
        progress = [
            self._poll(0.0 if waits_for_documents else wait_seconds),
            self._try(self._load_documents),
            self._try(lambda: documents.poll(wait_seconds if waits_for_documents else 0.0) > 0),
        ]
        if self._parts.shadow is not None:
            self._parts.shadow.wait_while(bool(self._parts.pipeline) or self._parts.intake.ready > 0)
        self._parts.partition_counts.compare()
        self._parts.health.beat()  # each of the questions above may have waited for Kafka
        behind = documents.behind(self._ownership.ends_to_load)
        self._ownership.update(behind, self._parts.intake.full_topics, self._once.finished)
        progress += [self._try(self._take), self._try(self._parts.intake.launch), self._publish_head()]
        self._made_progress = any(progress)
        self._commit_progress()
        self._parts.health.turned(self._waiting_for())
        self._parts.reporter.turned(
            backlog=len(self._parts.intake),
            ready=self._parts.intake.ready,
            windows_pending=self._parts.pipeline.windows,
            partitions=len(self._ownership.consumed),
        )
        self._parts.lag.update(self._ownership)

    # Rebalance listener: called from inside poll and close.

    def on_assigned(self, partitions: Sequence[Partition]) -> None:
        """Owns these; their questions are fetched once their documents are read."""
        _log.info("partitions_assigned", partitions=_names(partitions))
        self._ownership.add(partitions)
        self._parts.partition_counts.compare_soon()

    def on_revoked(self, partitions: Sequence[Partition]) -> None:
        """Finishes the chunks in flight, gives up the rest."""
        _log.info("partitions_revoked", partitions=_names(partitions))
        revoked = frozenset(partitions)
        if any(chunk.partitions & revoked for chunk in self._parts.pipeline):
            self._finish_in_flight(self._new_deadline())
        self._forget(revoked)

    def on_lost(self, partitions: Sequence[Partition]) -> None:
        """Gives up these at once: another member has them already."""
        _log.warning("partitions_lost", partitions=_names(partitions))
        self._forget(frozenset(partitions))

    def _forget(self, partitions: frozenset[Partition]) -> None:
        self._ownership.remove(partitions)
        self._give_back(partitions)
        self._parts.intake.drop(partitions)
        self._parts.rewinds.forget(partitions)
        self._parts.documents.release(partitions)
        self._parts.reporter.forgot(partitions)
        if self._parts.committer.forget(partitions):
            self._ask_what_is_committed()

    def _give_back(self, partitions: frozenset[Partition] | None) -> None:
        if self._parts.intake.give_back(partitions):
            self._ask_what_is_committed()

    def _ask_what_is_committed(self) -> None:
        """Publishes nothing more before the group has said what it has committed: an outcome is not known."""
        self._parts.committer.mark_in_doubt()
        self._ownership.reload()

    # The steps of a turn.

    def _poll(self, wait_seconds: float) -> bool:
        """Polls records into the intake; waits so long for the first one, or for the head to be inferred."""
        pipeline = self._parts.pipeline
        if wait_seconds and pipeline and not pipeline.await_head(0.0):
            # While a chunk is in flight, only a whole chunk is taken next: the head is done first, mostly.
            pipeline.await_head(wait_seconds)
            wait_seconds = 0.0
        elif wait_seconds and not pipeline and not self._parts.intake.has_ready:
            wait_seconds = _IDLE_POLL
        polled = self._parts.consumer.poll(self._settings.chunk.max_questions, wait_seconds)
        records, rewound = self._parts.rewinds.sift(polled)
        if rewound:
            self._give_back(None)
            self._parts.committer.forget(())
            self._parts.intake.drop_from(rewound)
            self._ask_what_is_committed()
        self._parts.intake.add(records)
        return bool(records)

    def _load_documents(self) -> bool:
        """Begins to read newly assigned documents partitions; bad records before the committed offset are skipped.

        Raises:
            Retryable: nothing has begun.
        """
        to_load = self._ownership.to_load
        if not to_load or not self._parts.committer.prepare():
            return False
        owned = self._ownership.followed | self._ownership.consumed
        committed = self._parts.start_offsets.committed(owned)
        self._parts.documents.own({partition: committed.get(partition) for partition in to_load})
        ends = self._parts.documents.ends()
        self._parts.committer.start_from(committed)
        self._parts.rewinds.start_from(committed)
        self._parts.intake.drop_before(committed)
        self._ownership.begin_loading({partition: ends[partition] for partition in to_load})
        return True

    def _take(self) -> bool:
        return not self._ownership.to_load and self._parts.writer.open() and self._parts.intake.take()

    def _try(self, step: Callable[[], bool]) -> bool:
        """Does a step; one that has to be tried again is done by one of the next turns."""
        try:
            return step()
        except Retryable as error:
            self._wait(error)
            return False

    def _wait(self, error: Retryable) -> None:
        """Waits a moment before the next turn asks again; Kafka may refuse at once, a thousand times a second.

        If the documents topic was replaced, nothing more is answered before all its documents are read again.
        """
        if isinstance(error, DocumentsReplaced):
            self._give_back(None)
            if self._parts.committer.forget(()):  # progress in the topic that is no more
                self._ask_what_is_committed()
            self._ownership.reload()
        if isinstance(error, TranslatorUnavailable):
            self._unavailable = error.detail
        else:
            _log.warning("documents_wait_for_kafka", detail=str(error))
        self._parts.health.beat()
        self._clock.sleep(_IDLE_POLL)

    def _publish_head(self) -> bool:
        """Publishes the oldest chunk in flight, if it is inferred; returns whether it was published.

        Raises:
            Stop: too many of the latest records are poison, or the broker refuses it for good.
        """
        chunk, committer = self._parts.pipeline.head, self._parts.committer
        if chunk is None or not chunk.future.done() or not committer.may_publish:
            return False
        outcomes = chunk.future.result()
        try:
            if chunk.commit is None and committer.finish_progress():
                chunk.commit = committer.commit_of(chunk.prepared.records, outcomes)
            if chunk.commit is None or not committer.publish(chunk.commit):
                return False
        except Fenced:
            self._give_back(None)
            self._ask_what_is_committed()
            return False
        self._parts.pipeline.pop()
        self._parts.reporter.published(
            chunk.prepared, chunk.commit.of_questions, self._clock.monotonic() - chunk.started
        )
        if self._parts.shadow is not None:
            self._parts.shadow.offer(chunk.prepared, chunk.commit.of_questions)
        return True

    def _commit_progress(self, *, at_once: bool = False) -> None:
        """Commits, with nothing in flight, dead letters of documents and positions past transaction markers."""
        if self._parts.pipeline:
            return
        positions = self._ownership.idle_positions(self._parts.intake.partitions)
        try:
            self._parts.committer.publish_progress(positions, at_once=at_once or self._parts.documents.is_full)
        except Fenced:
            self._ask_what_is_committed()

    def _finish_in_flight(self, deadline: Deadline) -> None:
        """Publishes what is in flight, in order, until the deadline; what is left stays in flight."""
        pipeline, committer = self._parts.pipeline, self._parts.committer
        with committer.until(deadline):
            while pipeline and not deadline.has_passed and not committer.in_doubt:
                self._parts.health.beat()
                if pipeline.await_head(min(_IDLE_POLL, deadline.seconds_left)) and not self._publish_head():
                    self._clock.sleep(min(_BUSY_WAIT, deadline.seconds_left))  # the pause after a failure

    def _new_deadline(self) -> Deadline:
        return Deadline(self._clock, self._settings.drain_seconds)

    # For `once` and for the probes.

    def _is_done(self) -> bool:
        return self._once.is_done(is_idle=not (self._parts.pipeline or len(self._parts.intake)))

    def _waiting_for(self) -> str:
        if not self._ownership.consumed:
            return "partitions"
        if self._unavailable or self._ownership.is_ready:
            return self._unavailable
        return self._parts.partition_counts.differing or "documents"


def _names(partitions: Sequence[Partition]) -> list[str]:
    return [str(partition) for partition in partitions]
