"""The loop, turn by turn, on a broker in memory: what is answered, how it waits, and what its probes say."""

from __future__ import annotations

import pytest

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.errors import Retryable
from spanstream.consumer.settings import ChunkSettings, Settings
from spanstream.models.text.tokenization import sha256_of
from spanstream.schemas.dead_letters import Reason
from tests.support.memory.memory_stream import TOPICS, MemoryStream, quick_retries
from tests.support.memory.turns import TEXT, ZERO, ask, once, turns_in, two_documents


@pytest.fixture
def stream() -> MemoryStream:
    return two_documents()


def test_a_question_is_answered_in_the_turns_after_it_came_and_its_offset_is_committed(stream: MemoryStream) -> None:
    member = stream.start()
    stream.until(lambda: not member.health.waiting_for)
    ask(stream, "a")
    started = stream.clock.now
    stream.settle(["a"])
    assert stream.clock.now - started <= 0.1
    (answer,) = stream.answers()
    assert answer.document_sha256 == sha256_of(TEXT)
    member.turn(20)
    assert stream.committed(TOPICS.questions)[0] == stream.ends(TOPICS.questions)[0]


def test_a_document_published_before_a_question_is_seen_by_it(stream: MemoryStream) -> None:
    stream.start()
    for number in range(20):
        stream.document(ZERO, f"{TEXT} Version {number}.")
        ask(stream, f"q{number}")
        stream.settle([f"q{number}"])
        assert stream.answers()[-1].document_sha256 == sha256_of(f"{TEXT} Version {number}.")


def test_two_chunks_are_in_flight_and_come_out_in_order(stream: MemoryStream) -> None:
    member = stream.start(at_once=False)
    ask(stream, *(f"q{number}" for number in range(12)))
    stream.until(lambda: True)
    for _ in range(60):
        member.turn()
    assert stream.outcomes() == {}
    assert member.metric("windows_pending") == 8
    assert member.metric("backlog_records") == 4
    stream.settle(f"q{number}" for number in range(12))
    assert [answer.question_id for answer in stream.answers()] == [f"q{number}" for number in range(12)]
    member.turn()
    assert member.metric("windows_pending") == 0


def test_without_transactions_everything_comes_out_all_the_same() -> None:
    stream = MemoryStream(transactions=False)
    stream.document(ZERO, TEXT)
    ask(stream, "a", "b", "c", "d", "e")
    member = stream.start()
    stream.settle("abcde")
    stream.close(member)
    assert once(stream, "a b c d e")


def test_a_question_waits_for_its_document_and_is_answered_when_it_has_come(stream: MemoryStream) -> None:
    member = stream.start(retries=quick_retries(max_attempts=100))
    stream.question("a", "late")
    for _ in range(5):
        stream.clock.sleep(2.0)
        member.turn(5)
    assert stream.outcomes() == {}
    stream.document("late", TEXT)
    stream.settle("a")
    assert len(stream.answers()) == 1


def test_a_question_whose_document_never_comes_is_a_dead_letter_in_the_end(stream: MemoryStream) -> None:
    stream.start(retries=quick_retries(delay_seconds=5.0, max_attempts=4))
    started = stream.clock.now
    stream.question("a", "never")
    stream.settle("a")
    letter = stream.dead_letters()["a"]
    assert (letter.reason, letter.attempt, letter.topic) == (Reason.DOCUMENT_MISSING, 4, TOPICS.questions)
    assert 15.0 <= stream.clock.now - started < 17.0


def test_an_idle_consumer_goes_round_a_few_times_a_second(stream: MemoryStream) -> None:
    member = stream.start()
    stream.until(lambda: not member.health.waiting_for)
    assert turns_in(stream, member, 10.0) <= 110


def test_lingering_waits_for_company_without_spinning(stream: MemoryStream) -> None:
    member = stream.start(chunk=ChunkSettings(max_questions=4, linger_seconds=2.0))
    stream.until(lambda: not member.health.waiting_for)
    ask(stream, "a")
    turns_in(stream, member, 1.8)
    assert stream.outcomes() == {}
    turns_in(stream, member, 0.4)
    assert once(stream, "a")


def test_a_whole_chunk_does_not_linger(stream: MemoryStream) -> None:
    member = stream.start(chunk=ChunkSettings(max_questions=2, linger_seconds=60.0))
    stream.until(lambda: not member.health.waiting_for)
    started = stream.clock.now
    ask(stream, "a")
    member.turn(3)
    ask(stream, "b")
    stream.settle("ab")
    assert stream.clock.now - started < 1.0


def test_each_question_lingers_from_when_it_came_to_an_empty_backlog(stream: MemoryStream) -> None:
    member = stream.start(chunk=ChunkSettings(max_questions=4, linger_seconds=2.0))
    stream.until(lambda: not member.health.waiting_for)
    for name in "ab":
        ask(stream, name)
        turns_in(stream, member, 1.5)
        assert name not in stream.outcomes()
        turns_in(stream, member, 1.0)
        assert name in stream.outcomes()


def test_publishing_that_fails_is_tried_again_at_intervals_without_spinning(stream: MemoryStream) -> None:
    member = stream.start()
    ask(stream, "a")
    for _ in range(20):
        stream.broker.fail_next("publish", Retryable("busy"))
    turns_in(stream, member, 5.0)
    assert 5 <= member.metric("publish_failures_total", kind="retryable") <= 12
    stream.settle("a")
    assert once(stream, "a")


def test_inference_that_takes_long_is_waited_for_without_spinning(stream: MemoryStream) -> None:
    member = stream.start(at_once=False)
    ask(stream, "a")
    turns_in(stream, member, 5.0)
    assert len(member.pool._tasks) == 1
    assert member.health.stuck_for is None


@pytest.mark.parametrize("operation", ["committed", "end_offsets"])
def test_a_broker_that_refuses_to_say_is_asked_at_intervals(stream: MemoryStream, operation: str) -> None:
    member = stream.start()
    ask(stream, "a")
    for _ in range(30):
        stream.broker.fail_next(operation, Retryable("no answer"))  # type: ignore[arg-type]  # one of the names
    assert turns_in(stream, member, 2.0) < 60
    assert stream.outcomes() == {}
    stream.settle("a")
    assert once(stream, "a")


def test_readiness_goes_from_the_group_over_the_documents_to_ready(stream: MemoryStream) -> None:
    member = stream.start()
    assert member.health.waiting_for == "the group"
    stream.broker.fail_next("committed", Retryable("no answer"))
    member.turn()
    assert member.health.waiting_for == "documents"
    stream.until(lambda: not member.health.waiting_for)
    stream.broker.expel(member.consumer)
    idle = stream.start()
    assert idle.health.waiting_for == "the group"


def test_a_member_too_many_owns_nothing_and_says_so() -> None:
    stream = MemoryStream(partitions=1)
    first = stream.start()
    second = stream.start()
    for _ in range(5):
        first.turn()
        second.turn()
    assert sorted(member.health.waiting_for for member in (first, second)) == ["", "partitions"]


def test_records_are_counted_by_what_became_of_them(stream: MemoryStream) -> None:
    ask(stream, "a")
    stream.question("b", ZERO, min_confidence=1.0)
    stream.question("c", "never")
    stream.garbage("d", ZERO)
    member = stream.start(retries=quick_retries(max_attempts=2))
    stream.settle("abcd")
    member.turn()
    counted = {
        outcome: member.metric("records_total", outcome=outcome) for outcome in ("no_answer", "retried", "dead_letter")
    }
    assert counted == {"no_answer": 1, "retried": 1, "dead_letter": 2}
    assert member.metric("records_total", outcome="answered") == 1
    assert member.metric("documents_known") == 2
    assert member.metric("partitions_owned") == 4
    assert member.metric("tokenizations", source="tokenized") == 1
    assert member.metric("answer_age_seconds_count") == 5


def test_reading_ahead_stops_at_the_backlogs_bound(stream: MemoryStream) -> None:
    ask(stream, *(f"q{number}" for number in range(100)))
    member = stream.start(at_once=False, chunk=ChunkSettings(max_questions=4, backlog_records=12))
    for _ in range(50):
        member.turn()
    assert 12 <= member.metric("backlog_records") <= 16
    stream.settle(f"q{number}" for number in range(100))
    assert set(stream.outcomes().values()) == {1}


def test_the_settings_of_the_memory_stream_are_the_programs_own() -> None:
    assert Settings().topics == TOPICS


def test_a_retry_that_waits_holds_no_other_question_up(stream: MemoryStream) -> None:
    member = stream.start(
        chunk=ChunkSettings(max_questions=4, backlog_records=8), retries=quick_retries(delay_seconds=50.0)
    )
    for number in range(40):
        stream.question(f"m{number}", "never")
    stream.until(lambda: len(stream.broker.records(TOPICS.retries)) == 40)
    member.turn(30)
    started = stream.clock.now
    ask(stream, "a")
    stream.settle("a")
    assert stream.clock.now - started < 1.0


def test_a_poisoned_retry_is_a_dead_letter_like_any_other(stream: MemoryStream) -> None:
    headers = (("test-name", b"x"), ("retry.attempt", b"2147483647"), ("retry.due", b"9223372036854775807"))
    stream.send(Outgoing(TOPICS.retries, ZERO.encode(), b"{", headers))
    stream.start()
    stream.settle("x")
    assert stream.dead_letters()["x"].reason is Reason.INVALID_EVENT
