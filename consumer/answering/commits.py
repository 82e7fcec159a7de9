"""What is published with which offsets: one attempt, one transaction.

A chunk's records and the progress made in the documents topic go together. An attempt is made once and repeated as it
is, for a publisher that does not know the outcome of a commit has to be asked again for exactly the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from spanstream.consumer.answering.documents import DocumentProgress, Documents
from spanstream.consumer.answering.outcomes import Outcomes, RecordOutcome
from spanstream.consumer.answering.report import Reporter
from spanstream.consumer.broker.protocols import Outgoing, Partition, Publisher, Record
from spanstream.consumer.clock import Clock
from spanstream.consumer.delivery.attempts import Attempts
from spanstream.consumer.delivery.circuit import Circuit
from spanstream.consumer.errors import Fenced
from spanstream.schemas.dead_letters import Stage

# Seconds.
_PROGRESS_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class ChunkCommit:
    """What is to be published, and the offsets that it commits."""

    outgoing: tuple[Outgoing, ...]
    offsets: Mapping[Partition, int]
    progress: DocumentProgress


class Commits:
    """Publishes attempts, and remembers what is committed.

    Args:
        publisher: does it.
        documents: their progress is committed along.
        outcomes: makes the dead letters of bad documents.
        circuit: opens when too many questions are poison.
        reporter: told of every attempt.
        clock: paces what is tried again.
    """

    def __init__(  # noqa: PLR0913  wired in one place, by name
        self,
        publisher: Publisher,
        documents: Documents,
        outcomes: Outcomes,
        *,
        circuit: Circuit,
        reporter: Reporter,
        clock: Clock,
    ) -> None:
        self._attempts = Attempts(publisher, reporter.publish_failed, clock)
        self._documents = documents
        self._outcomes = outcomes
        self._circuit = circuit
        self._reporter = reporter
        self._clock = clock
        self._committed: dict[Partition, int] = {}
        self._progress_at = 0.0
        # Progress that was tried to publish; its outcome is not known.
        self._unfinished: ChunkCommit | None = None

    @property
    def in_doubt(self) -> bool:
        """Whether an attempt was given up of which it is not known if it was published."""
        return self._attempts.in_doubt

    @property
    def may_publish(self) -> bool:
        """Whether nothing is in doubt, and the pause after a failure is over."""
        return self._attempts.may_publish

    def doubt(self) -> None:
        """An attempt was given up of which it is not known if it was published: nothing more before `start_from`."""
        self._attempts.in_doubt = True

    def start_from(self, committed: Mapping[Partition, int | None]) -> None:
        """What the group has committed of the owned partitions."""
        self._attempts.in_doubt = False
        self._committed.update({partition: offset or 0 for partition, offset in committed.items()})

    def forget(self, partitions: Iterable[Partition]) -> bool:
        """These are another member's; whether progress is given up of which it is not known if it was committed."""
        in_doubt, self._unfinished = self._unfinished is not None, None
        for partition in partitions:
            self._committed.pop(partition, None)
        return in_doubt

    def attempt(self, records: Sequence[Record], settled: Sequence[RecordOutcome]) -> ChunkCommit:
        """The attempt for a chunk, once `finish_progress` says so.

        Raises:
            CircuitOpen: too much of the latest questions is poison.
        """
        self._circuit.judge(one.reason for one in settled)
        offsets: dict[Partition, int] = {}
        for record in records:
            offsets[record.partition] = max(record.next_offset, offsets.get(record.partition, 0))
        return self._with_documents(settled, offsets)

    def publish(self, attempt: ChunkCommit) -> bool:
        """Whether it is published; if not, try the same attempt again once `may_publish`.

        Raises:
            Fenced: it never will be; its records are to be given back.
            Stop: the broker refuses it for good.
        """
        started = self._clock.monotonic()
        if not self._attempts.publish(attempt.outgoing, attempt.offsets):
            return False
        self._committed.update(attempt.offsets)
        self._documents.committed(attempt.progress)
        self._reporter.committed(attempt.outgoing, self._clock.monotonic() - started)
        self._progress_at = self._clock.monotonic() + _PROGRESS_EVERY
        return True

    def publish_progress(self, positions: Mapping[Partition, int], *, at_once: bool = False) -> None:
        """Between chunks, now and then: dead letters of documents, and positions past transaction markers.

        Args:
            positions: of partitions of which nothing is being worked on.
            at_once: now, and not just now and then.

        Raises:
            Fenced: it never will be published; who owns what is to be asked.
            Stop: the broker refuses it for good.
        """
        if not self.may_publish or not (at_once or self._clock.monotonic() >= self._progress_at):
            return
        self._progress_at = self._clock.monotonic() + _PROGRESS_EVERY
        if self._unfinished is None:
            ahead = {at: offset for at, offset in positions.items() if offset > self._committed.get(at, offset)}
            attempt = self._with_documents([], ahead)
            self._unfinished = attempt if attempt.offsets or attempt.outgoing else None
        self.finish_progress()

    def finish_progress(self) -> bool:
        """Whether no progress is left whose outcome is not known: an attempt made before would repeat it.

        Raises:
            Fenced: it never will be published; who owns what is to be asked.
            Stop: the broker refuses it for good.
        """
        if self._unfinished is None:
            return True
        try:
            done = self.publish(self._unfinished)
        except Fenced:
            self._unfinished = None
            raise
        if done:
            self._unfinished = None
        return done

    def close(self) -> None:
        """Abort what is open."""
        self._attempts.close()

    def _with_documents(self, settled: Sequence[RecordOutcome], offsets: Mapping[Partition, int]) -> ChunkCommit:
        progress = self._documents.progress()
        bad = [
            self._outcomes.dead_letter(one.record, one.error.reason, one.error.detail, Stage.DECODE)
            for one in progress.bad
        ]
        outgoing = tuple(one.outgoing for one in (*settled, *bad))
        return ChunkCommit(outgoing, {**offsets, **progress.offsets}, progress)
