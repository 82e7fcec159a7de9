"""What is published with which offsets, and what happens when it is not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from spanstream.consumer.answering.committer import Committer
from spanstream.consumer.answering.outcomes import Outcomes, RecordOutcome
from spanstream.consumer.answering.question_record import QuestionRecord
from spanstream.consumer.answering.report import Reporter
from spanstream.consumer.answering.stored_documents import BadDocument, DocumentProgress
from spanstream.consumer.broker.protocols import Outgoing, Partition, Record
from spanstream.consumer.delivery.circuit import Circuit
from spanstream.consumer.errors import CircuitOpen, Fenced, Retryable, Stop, TooLarge
from spanstream.consumer.health import Health
from spanstream.consumer.metrics import Metrics
from spanstream.consumer.settings import RetrySettings
from spanstream.schemas.dead_letters import Reason, Stage, from_headers
from spanstream.schemas.errors import InvalidRecord
from tests.support.events.asked import TOPICS, asked
from tests.support.memory.fake_time import FakeClock
from tests.support.memory.recording_publisher import RecordingPublisher
from tests.support.model.fake_reader import MANIFEST

Q0, Q1 = Partition(TOPICS.questions, 0), Partition(TOPICS.questions, 1)
D0 = Partition(TOPICS.documents, 0)
NONE = DocumentProgress((), {})


@dataclass
class DocumentsWithProgress:
    """Documents of which only the progress counts."""

    now: DocumentProgress = NONE
    committed_progress: list[DocumentProgress] = field(default_factory=list)

    def progress(self) -> DocumentProgress:
        return self.now

    def committed(self, progress: DocumentProgress) -> None:
        self.committed_progress.append(progress)
        self.now = NONE


class CommitterRig:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.publisher = RecordingPublisher()
        self.documents = DocumentsWithProgress()
        self.metrics = Metrics()
        self.outcomes = Outcomes(TOPICS, RetrySettings(), MANIFEST, source="s", clock=self.clock)
        documents: Any = self.documents
        no_figures: Any = None
        self.committer = Committer(
            self.publisher,
            documents,
            self.outcomes,
            circuit=Circuit(window=10, min_records=4, max_share=0.5),
            reporter=Reporter(self.metrics, no_figures, self.clock),
            health=Health(self.clock, stuck_seconds=60.0),
            clock=self.clock,
        )

    def outcome(self, record: QuestionRecord, reason: Reason = Reason.DOCUMENT_MISSING) -> RecordOutcome:
        return self.outcomes.dead_letter(record, reason, "no", Stage.RESOLVE)

    def publish(self, *records: QuestionRecord) -> bool:
        commit = self.committer.commit_of(records, [self.outcome(record) for record in records])
        return self.committer.publish(commit)

    def bad_document(self, offset: int) -> DocumentProgress:
        record = Record(D0, offset, b"d", b"{}")
        bad = BadDocument(record, InvalidRecord(Reason.INVALID_EVENT, "text: Field required"))
        return DocumentProgress((bad,), {D0: record.next_offset})

    def failures(self, kind: str) -> float | None:
        return self.metrics.registry.get_sample_value("spanstream_publish_failures_total", {"kind": kind})


@pytest.fixture
def rig() -> CommitterRig:
    return CommitterRig()


def test_a_chunk_commits_behind_the_last_record_of_each_partition(rig: CommitterRig) -> None:
    assert rig.publish(asked(at=(0, 4)), asked(at=(1, 9)), asked(at=(0, 5)))
    ((outgoing, offsets),) = rig.publisher.done
    assert len(outgoing) == 3
    assert offsets == {Q0: 6, Q1: 10}


def test_progress_of_the_documents_goes_with_the_chunk(rig: CommitterRig) -> None:
    rig.documents.now = progress = rig.bad_document(7)
    assert rig.publish(asked())
    ((outgoing, offsets),) = rig.publisher.done
    assert offsets == {Q0: 1, D0: 8}
    letter = from_headers(outgoing[-1].headers)
    assert (letter.reason, letter.stage, letter.topic, letter.offset) == (
        Reason.INVALID_EVENT,
        Stage.DECODE,
        TOPICS.documents,
        7,
    )
    assert rig.documents.committed_progress == [progress]


def test_what_failed_is_tried_again_as_it_was_after_a_pause(rig: CommitterRig) -> None:
    rig.documents.now = rig.bad_document(7)
    commit = rig.committer.commit_of([asked()], [rig.outcome(asked())])
    rig.publisher.errors = [Retryable("busy")]
    assert not rig.committer.publish(commit)
    assert rig.documents.committed_progress == []
    assert [rig.committer.may_publish] == [False]
    assert rig.failures("retryable") == 1
    rig.clock.sleep(0.5)
    assert [rig.committer.may_publish] == [True]
    rig.documents.now = rig.bad_document(8)
    assert rig.committer.publish(commit)
    assert rig.publisher.done == [(commit.outgoing, dict(commit.offsets))]


def test_fenced_is_for_the_caller_and_stop_for_the_program(rig: CommitterRig) -> None:
    rig.publisher.errors = [Fenced("gone"), Stop("refused")]
    with pytest.raises(Fenced):
        rig.publish(asked())
    assert rig.failures("fenced") == 1
    assert rig.documents.committed_progress == []
    with pytest.raises(Stop):
        rig.publish(asked())


def test_poison_opens_the_circuit_before_anything_is_published(rig: CommitterRig) -> None:
    records = [asked(at=(0, offset)) for offset in range(4)]
    with pytest.raises(CircuitOpen):
        rig.committer.commit_of(records, [rig.outcome(record, Reason.UNDECODABLE) for record in records])
    assert rig.publisher.tried == 0


def test_a_topic_that_takes_no_answer_opens_the_circuit(rig: CommitterRig) -> None:
    records = [asked(at=(0, offset)) for offset in range(4)]
    outcomes = [RecordOutcome(record, Outgoing(TOPICS.answers, record.key, b"{}"), "answered") for record in records]
    commit = rig.committer.commit_of(records, outcomes)
    for outcome in outcomes[:3]:
        rig.publisher.errors = [TooLarge("too large", hint="", record=outcome.outgoing)]
        if outcome is not outcomes[2]:
            assert not rig.committer.publish(commit)
    with pytest.raises(CircuitOpen):
        rig.committer.publish(commit)


def test_a_question_that_is_too_large_to_stay_open_has_its_answer_all_the_same(rig: CommitterRig) -> None:
    record = asked()
    answer, opened = Outgoing(TOPICS.answers, b"k", b"{}"), Outgoing(TOPICS.open_questions, b"q", b"{}")
    commit = rig.committer.commit_of([record], [RecordOutcome(record, answer, "no_answer", also=opened)])
    rig.publisher.errors = [TooLarge("too large", hint="", record=opened)]
    assert [rig.committer.publish(commit) for _ in range(2)] == [False, True]
    assert [published for published, _ in rig.publisher.done] == [(answer,)]


def test_repeating_a_commit_is_not_counted_again(rig: CommitterRig) -> None:
    records = [asked(at=(0, offset)) for offset in range(3)]
    commit = rig.committer.commit_of(records, [rig.outcome(record, Reason.UNDECODABLE) for record in records])
    rig.publisher.errors = [Retryable("busy")] * 3
    assert [rig.committer.publish(commit) for _ in range(4)] == [False, False, False, True]


def test_progress_alone_is_committed_now_and_then(rig: CommitterRig) -> None:
    rig.committer.start_from({Q0: 5})
    rig.documents.now = DocumentProgress((), {D0: 3})
    rig.committer.publish_progress({})
    assert rig.publisher.done == [((), {D0: 3})]
    rig.documents.now = DocumentProgress((), {D0: 4})
    rig.committer.publish_progress({})
    assert len(rig.publisher.done) == 1
    rig.clock.sleep(1.0)
    rig.committer.publish_progress({})
    assert rig.publisher.done[1:] == [((), {D0: 4})]


def test_progress_is_committed_at_once_where_that_is_wanted(rig: CommitterRig) -> None:
    rig.committer.publish_progress({})
    rig.documents.now = rig.bad_document(1)
    rig.committer.publish_progress({}, at_once=True)
    assert len(rig.publisher.done) == 1


def test_where_nothing_is_new_nothing_is_published(rig: CommitterRig) -> None:
    rig.committer.start_from({Q0: 5, Q1: 0})
    rig.committer.publish_progress({Q0: 5, Q1: 0})
    assert rig.publisher.tried == 0


def test_where_the_group_has_committed_nothing_its_beginning_is_committed(rig: CommitterRig) -> None:
    rig.committer.start_from({Q0: 5, Q1: None})
    rig.committer.publish_progress({Q0: 5, Q1: 0})
    assert rig.publisher.done == [((), {Q1: 0})]


def test_positions_past_transaction_markers_are_committed_once(rig: CommitterRig) -> None:
    rig.committer.start_from({Q0: 5, Q1: None})
    rig.committer.publish_progress({Q0: 6, Q1: 3})
    assert rig.publisher.done == [((), {Q0: 6, Q1: 3})]
    rig.clock.sleep(2.0)
    rig.committer.publish_progress({Q0: 6, Q1: 3})
    assert len(rig.publisher.done) == 1


def test_positions_of_partitions_of_which_nothing_is_known_are_left_alone(rig: CommitterRig) -> None:
    rig.committer.publish_progress({Q0: 6})
    assert rig.publisher.tried == 0


def test_progress_that_failed_is_repeated_as_it_was(rig: CommitterRig) -> None:
    rig.committer.start_from({Q0: 5})
    rig.publisher.errors = [Retryable("busy")]
    rig.committer.publish_progress({Q0: 6})
    rig.clock.sleep(1.0)
    rig.documents.now = DocumentProgress((), {D0: 3})
    rig.committer.publish_progress({Q0: 7})
    assert rig.publisher.done == [((), {Q0: 6})]


def test_unfinished_progress_comes_before_the_next_chunk_for_it_would_take_its_commit_back(rig: CommitterRig) -> None:
    rig.committer.start_from({Q0: 5})
    rig.documents.now = rig.bad_document(7)
    rig.publisher.errors = [Retryable("the outcome is not known"), Retryable("still")]
    rig.committer.publish_progress({Q0: 6})
    rig.clock.sleep(1.0)
    assert not rig.committer.finish_progress()
    assert rig.committer.finish_progress()
    assert rig.publish(asked(at=(0, 6)))
    assert [offsets for _, offsets in rig.publisher.done] == [{Q0: 6, D0: 8}, {Q0: 7}]
    assert [len(outgoing) for outgoing, _ in rig.publisher.done] == [1, 1]
    rig.clock.sleep(1.0)
    rig.committer.publish_progress({Q0: 7})
    assert len(rig.publisher.done) == 2


def test_fenced_progress_is_given_up_and_made_anew(rig: CommitterRig) -> None:
    rig.documents.now = rig.bad_document(7)
    rig.publisher.errors = [Fenced("gone")]
    with pytest.raises(Fenced):
        rig.committer.publish_progress({})
    assert rig.committer.finish_progress()
    rig.clock.sleep(1.0)
    rig.documents.now = DocumentProgress((), {})
    rig.committer.publish_progress({})
    assert rig.publisher.tried == 1


def test_partitions_that_leave_take_unfinished_progress_with_them_and_it_is_said_so(rig: CommitterRig) -> None:
    rig.committer.start_from({Q0: 5, Q1: 5})
    assert not rig.committer.forget([Q1])
    rig.publisher.errors = [Retryable("busy")]
    rig.committer.publish_progress({Q0: 6, Q1: 9})
    assert rig.committer.forget([Q0])
    rig.clock.sleep(2.0)
    rig.committer.publish_progress({Q0: 6, Q1: 9})
    assert rig.publisher.done == []


def test_nothing_is_published_in_doubt(rig: CommitterRig) -> None:
    rig.committer.mark_in_doubt()
    assert not rig.committer.may_publish
    rig.documents.now = rig.bad_document(1)
    rig.committer.publish_progress({}, at_once=True)
    assert rig.publisher.tried == 0
    rig.committer.start_from({})
    assert rig.committer.may_publish


def test_dead_letters_are_counted_when_they_are_committed(rig: CommitterRig) -> None:
    commit = rig.committer.commit_of([asked()], [rig.outcome(asked())])
    rig.publisher.errors = [Retryable("busy")]
    sample, labels = "spanstream_dead_letters_total", {"reason": "document_missing"}
    assert not rig.committer.publish(commit)
    assert rig.metrics.registry.get_sample_value(sample, labels) is None
    assert rig.committer.publish(commit)
    assert rig.metrics.registry.get_sample_value(sample, labels) == 1


def test_closing_closes_the_publisher(rig: CommitterRig) -> None:
    rig.committer.close()
    assert rig.publisher.closed
