"""Publishes records and commits the offsets that belong to them, in one transaction.

A chunk's records and the progress made in the documents topic go together. A commit is made once and repeated as it
is: a publisher that does not know the outcome of a commit has to be asked again for exactly the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import structlog

from spanstream.consumer.answering.documents import Documents
from spanstream.consumer.answering.outcomes import Outcomes, RecordOutcome
from spanstream.consumer.answering.report import Reporter
from spanstream.consumer.answering.stored_documents import DocumentProgress
from spanstream.consumer.broker.protocols import Outgoing, Partition, Publisher, Record
from spanstream.consumer.clock import Clock, Deadline
from spanstream.consumer.delivery.circuit import Circuit
from spanstream.consumer.delivery.committed_offsets import CommittedOffsets, offsets_behind
from spanstream.consumer.delivery.paced_publisher import PacedPublisher
from spanstream.consumer.errors import Fenced, TooLarge
from spanstream.consumer.health import Health
from spanstream.schemas.dead_letters import Reason

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class ChunkCommit:
    """The records to publish, and the offsets to commit with them.

    Attributes:
        outcomes: the questions' outcomes, then those of bad documents; one that a topic does not take for its size is
            replaced by a smaller one.
        questions: how many of them are of questions.
        offsets: the offsets to commit.
        progress: of the documents topic, committed along.
    """

    outcomes: list[RecordOutcome]
    questions: int
    offsets: Mapping[Partition, int]
    progress: DocumentProgress

    @property
    def outgoing(self) -> tuple[Outgoing, ...]:
        """The records to publish."""
        return tuple(outgoing for outcome in self.outcomes for outgoing in outcome.all_outgoing)

    @property
    def of_questions(self) -> list[RecordOutcome]:
        """The questions' outcomes, as they are published."""
        return self.outcomes[: self.questions]

    @property
    def reasons(self) -> list[Reason | None]:
        """The reason of each question's dead letter, or None where there is no dead letter; for the circuit."""
        return [outcome.reason for outcome in self.of_questions]


class Committer:
    """Publishes commits, and remembers what is committed.

    Args:
        publisher: writes the records and commits the offsets.
        documents: their progress is committed along.
        outcomes: makes the dead letters of bad documents.
        circuit: opens when too many questions are poison.
        reporter: told of every attempt.
        health: told that the loop is at work.
        clock: paces what is tried again.
    """

    def __init__(  # noqa: PLR0913  built in one place, by name
        self,
        publisher: Publisher,
        documents: Documents,
        outcomes: Outcomes,
        *,
        circuit: Circuit,
        reporter: Reporter,
        health: Health,
        clock: Clock,
    ) -> None:
        self._publisher = PacedPublisher(publisher, reporter.publish_failed, health=health, clock=clock)
        self._documents = documents
        self._outcomes = outcomes
        self._circuit = circuit
        self._reporter = reporter
        self._clock = clock
        self._committed = CommittedOffsets(clock)
        # Progress that was tried to publish; its outcome is not known.
        self._unfinished: ChunkCommit | None = None

    @property
    def in_doubt(self) -> bool:
        """Whether a commit was given up while its outcome was not known."""
        return self._publisher.in_doubt

    @property
    def may_publish(self) -> bool:
        """Whether nothing is in doubt, and the pause after a failure is over."""
        return self._publisher.may_publish

    def until(self, deadline: Deadline) -> AbstractContextManager[None]:
        """Lets no attempt to publish that begins in here go on past the deadline."""
        return self._publisher.until(deadline)

    def prepare(self) -> bool:
        """Ends what a predecessor with the same transactional id left open; returns whether that is done."""
        return self._publisher.prepare()

    def mark_in_doubt(self) -> None:
        """Publishes nothing more before `start_from`: a commit was given up while its outcome was not known."""
        self._publisher.in_doubt = True

    def start_from(self, committed: Mapping[Partition, int | None]) -> None:
        """Takes over what the group has committed of the owned partitions; nothing is in doubt after that."""
        self._publisher.in_doubt = False
        self._committed.start_from(committed)

    def forget(self, partitions: Iterable[Partition]) -> bool:
        """Forgets partitions that belong to another member now.

        Returns:
            Whether unfinished progress is given up with them: it may have been committed all the same.
        """
        is_given_up, self._unfinished = self._unfinished is not None, None
        self._committed.forget(partitions)
        return is_given_up

    def commit_of(self, records: Sequence[Record], outcomes: Sequence[RecordOutcome]) -> ChunkCommit:
        """Makes the commit of a chunk; only when `finish_progress` has returned True.

        Raises:
            CircuitOpen: too many of the latest questions are poison.
        """
        commit = self._with_documents(outcomes, offsets_behind(records))
        self._circuit.check(commit.reasons)
        return commit

    def publish(self, commit: ChunkCommit) -> bool:
        """Publishes a chunk's outcomes and its offsets in one transaction.

        Returns:
            Whether it is done; if not, publish the same commit again once `may_publish`.

        Raises:
            Fenced: it never will be done; give the chunk's records back.
            CircuitOpen: too many of the latest questions are poison, those counted that no topic takes for their size.
            Stop: the broker refuses it for good.
        """
        started = self._clock.monotonic()
        try:
            if not self._publisher.publish(commit.outgoing, commit.offsets):
                return False
        except TooLarge as error:
            self._replace_by_smaller(commit, error)
            return False
        self._circuit.count(commit.reasons)
        self._committed.advance(commit.offsets)
        self._documents.committed(commit.progress)
        self._reporter.committed(commit.outcomes, self._clock.monotonic() - started)
        return True

    def publish_progress(self, positions: Mapping[Partition, int], *, at_once: bool = False) -> None:
        """Publishes, between chunks, dead letters of documents and positions past transaction markers.

        Args:
            positions: of partitions of which nothing is being worked on.
            at_once: do it now; by default once a second.

        Raises:
            Fenced: it never will be published; ask the group who owns what.
            Stop: the broker refuses it for good.
        """
        if not self.may_publish or not (at_once or self._committed.is_progress_due):
            return
        self._committed.delay_progress()
        if self._unfinished is None:
            commit = self._with_documents([], self._committed.ahead(positions))
            self._unfinished = commit if commit.offsets or commit.outgoing else None
        self.finish_progress()

    def finish_progress(self) -> bool:
        """Publishes progress whose outcome is not known again; the next chunk's commit would contain it twice.

        Returns:
            Whether no such progress is left.

        Raises:
            Fenced: it never will be published; ask the group who owns what.
            Stop: the broker refuses it for good.
        """
        if self._unfinished is None:
            return True
        try:
            is_done = self.publish(self._unfinished)
        except Fenced:
            self._unfinished = None
            raise
        if is_done:
            self._unfinished = None
        return is_done

    def close(self) -> None:
        """Aborts what is open."""
        self._publisher.close()

    def _replace_by_smaller(self, commit: ChunkCommit, error: TooLarge) -> None:
        """Replaces the outcome that its topic does not take; raises the error where there is nothing smaller."""
        index, outgoing = next(
            (index, outgoing)
            for index, outcome in enumerate(commit.outcomes)
            for outgoing in outcome.all_outgoing
            if outgoing is error.record
        )
        refused = commit.outcomes[index]
        # A question that is too large to be kept open has its answer all the same.
        smaller = self._outcomes.smaller(refused) if outgoing is refused.outgoing else replace(refused, also=None)
        if smaller is None:
            raise error
        _log.warning(
            "record_too_large_for_topic",
            topic=outgoing.topic,
            bytes=outgoing.size,
            partition=str(refused.record.partition),
            offset=refused.record.offset,
            **self._outcomes.log_ids(refused.record),
        )
        commit.outcomes[index] = smaller
        self._circuit.check(commit.reasons)  # a topic that takes no answer must not make dead letters of all

    def _with_documents(self, outcomes: Sequence[RecordOutcome], offsets: Mapping[Partition, int]) -> ChunkCommit:
        progress = self._documents.progress()
        self._reporter.began(bad.record for bad in progress.bad)
        bad_documents = [self._outcomes.bad_document(bad.record, bad.error) for bad in progress.bad]
        return ChunkCommit([*outcomes, *bad_documents], len(outcomes), {**offsets, **progress.offsets}, progress)
