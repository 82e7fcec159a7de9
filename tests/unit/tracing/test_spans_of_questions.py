"""Spans of the consumer: one for each record, below its producer's, one for each chunk, and no texts."""

from __future__ import annotations

import pytest
import structlog
from opentelemetry.trace import SpanKind, StatusCode

from spanstream.consumer.broker.protocols import Headers, Record
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.schemas.limits import Limits
from tests.support.memory.memory_stream import TOPICS, MemoryStream, quick_retries
from tests.support.memory.outage import Outage
from tests.support.memory.translators import Away
from tests.support.tracing.span_recorder import (
    PRODUCED,
    PRODUCER,
    TRACE,
    SpanRecorder,
    context_of,
    is_below,
    parent_of,
    traceparent_of,
)

SECRET = "zanzibar"  # noqa: S105  a word of a document


@pytest.fixture
def recorder() -> SpanRecorder:
    return SpanRecorder()


@pytest.fixture
def stream(recorder: SpanRecorder) -> MemoryStream:
    stream = MemoryStream(tracing=recorder.tracing)
    stream.document("d", "The train leaves at 07:05.")
    return stream


def only(stream: MemoryStream, topic: str) -> Record:
    (record,) = stream.broker.records(topic)
    return record


def asked_and_settled(stream: MemoryStream, headers: Headers) -> Record:
    stream.question("q", "d", headers=headers)
    stream.start()
    stream.settle("q")
    return only(stream, TOPICS.answers)


def test_an_answer_is_below_the_span_of_its_question_and_that_below_its_producers(
    stream: MemoryStream, recorder: SpanRecorder
) -> None:
    answer = asked_and_settled(stream, PRODUCED)
    (span,) = recorder.named("process qa.questions")
    assert span.kind is SpanKind.CONSUMER
    assert f"{context_of(span).trace_id:032x}" == TRACE
    assert parent_of(span) == PRODUCER
    assert [f"{link.context.span_id:016x}" for link in span.links] == [PRODUCER]
    assert is_below(answer, span)
    question = only(stream, TOPICS.questions)
    assert dict(span.attributes or {}) == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "qa.questions",
        "messaging.destination.partition.id": str(question.partition.number),
        "messaging.consumer.group.name": "the-group",
        "messaging.client.id": "the-client",
        "messaging.kafka.offset": question.offset,
        "spanstream.outcome": stream.answers()[0].status,
    }
    assert span.status.status_code is StatusCode.UNSET


def test_a_chunk_has_a_span_with_counts_that_links_to_its_records(stream: MemoryStream, recorder: SpanRecorder) -> None:
    for name in "ab":
        stream.question(name, "d", headers=PRODUCED)
    stream.garbage("g")
    stream.start()
    stream.settle("abg")
    chunks = recorder.named("process_chunk")
    attributes = [dict(chunk.attributes or {}) for chunk in chunks]
    processed = recorder.named("process qa.questions")
    assert sum(int(str(chunk["messaging.batch.message_count"])) for chunk in attributes) == 3
    assert sum(int(str(chunk.get("spanstream.outcomes.dead_letter", 0))) for chunk in attributes) == 1
    links = [link.context.span_id for chunk in chunks for link in chunk.links]
    assert sorted(links) == sorted(context_of(span).span_id for span in processed)
    assert all(chunk.parent is None for chunk in chunks)
    assert min(chunk.start_time or 0 for chunk in chunks) > 0


def test_each_try_is_below_the_one_before_it(stream: MemoryStream, recorder: SpanRecorder) -> None:
    stream.question("q", "late", headers=PRODUCED)
    stream.start(retries=quick_retries())
    stream.until(lambda: bool(stream.broker.records(TOPICS.retries)))
    stream.document("late", "The train leaves at 07:05.")
    stream.settle("q")
    (first,) = recorder.named("process qa.questions")
    (second,) = recorder.named("process qa.retries")
    assert (first.attributes or {})["spanstream.outcome"] == "retried"
    assert parent_of(second) == f"{context_of(first).span_id:016x}"
    assert is_below(only(stream, TOPICS.retries), first)
    assert is_below(only(stream, TOPICS.answers), second)


def test_the_context_that_a_retry_carries_makes_no_question_too_large(stream: MemoryStream) -> None:
    stream.question("q", "late")
    as_large = Limits(record_bytes=only(stream, TOPICS.questions).size)
    stream.start(retries=quick_retries(), formats=EventFormats(as_large))
    stream.until(lambda: bool(stream.broker.records(TOPICS.retries)))
    stream.document("late", "It leaves.")
    stream.settle("q")
    assert stream.dead_letters() == {}


@pytest.mark.parametrize("topic", [TOPICS.questions, TOPICS.documents])
def test_a_dead_letter_is_below_the_span_that_tells_its_reason(
    stream: MemoryStream, recorder: SpanRecorder, topic: str
) -> None:
    stream.garbage("g", topic=topic)
    stream.start()
    stream.settle("g")
    (span,) = recorder.named(f"process {topic}")
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "undecodable"
    assert is_below(only(stream, TOPICS.dead_letters), span)


def test_what_is_given_back_has_one_span_when_it_is_done(stream: MemoryStream, recorder: SpanRecorder) -> None:
    stream.question("q", "d", headers=PRODUCED)
    first = stream.start(at_once=False)
    stream.until(lambda: len(first.service._parts.pipeline) == 1, turns=50)
    first.service.close()
    stream.members.remove(first)
    assert recorder.named("process qa.questions") == []
    stream.start()
    stream.settle("q")
    assert len(recorder.named("process qa.questions")) == 1


def test_a_member_that_leaves_keeps_no_span_of_questions_that_waited_for_a_translator(
    stream: MemoryStream, recorder: SpanRecorder
) -> None:
    member = stream.start(formats=EventFormats(Limits(), questions=[Away(calls=10**9)]))
    stream.question("q", "d")
    stream.until(lambda: recorder.open == 1)
    stream.close(member)
    assert recorder.open == 0


def test_a_member_that_leaves_keeps_no_span_of_a_bad_document_whose_dead_letter_was_not_published(
    stream: MemoryStream, recorder: SpanRecorder
) -> None:
    member = stream.start()
    member.turn(20)
    outage = Outage(stream.clock, member.health)
    outage.begin(member.publisher)
    stream.garbage("g", topic=TOPICS.documents)
    stream.until(lambda: outage.attempts > 0)
    assert recorder.open == 1
    stream.close(member)
    assert recorder.open == 0


def test_what_is_not_sampled_sends_no_span_and_travels_on_in_its_trace(
    stream: MemoryStream, recorder: SpanRecorder
) -> None:
    answer = asked_and_settled(stream, (("traceparent", f"00-{TRACE}-{PRODUCER}-00".encode()),))
    assert recorder.named("process qa.questions") == []
    version, trace_id, span_id, flags = (answer.header("traceparent") or b"").decode().split("-")
    assert (version, trace_id, flags) == ("00", TRACE, "00")
    assert span_id != PRODUCER


@pytest.mark.parametrize("traceparent", [None, b"", b"00-1-2-01", b"\xff", b"0" * 2_000_000])
def test_without_a_valid_context_a_trace_begins(
    stream: MemoryStream, recorder: SpanRecorder, traceparent: bytes | None
) -> None:
    answer = asked_and_settled(stream, (("traceparent", traceparent),))
    (span,) = recorder.named("process qa.questions")
    assert (span.parent, span.links) == (None, ())
    assert is_below(answer, span)


@pytest.mark.parametrize("is_on", [True, False])
def test_a_tracestate_travels_on_unless_it_is_too_long(recorder: SpanRecorder, is_on: bool) -> None:
    stream = MemoryStream(tracing=recorder.tracing if is_on else None)
    stream.document("d", "The train leaves at 07:05.")
    states = {"a": b"vendor=1,other=2", "b": b"vendor=" + b"x" * 1_000}
    for name, state in states.items():
        stream.question(name, "d", headers=(*PRODUCED, ("tracestate", state)))
    stream.start()
    stream.settle(states)
    carried = {record.header("tracestate") for record in stream.broker.records(TOPICS.answers)}
    assert carried == {b"vendor=1,other=2", None}


def test_a_record_keeps_its_other_headers_and_has_each_of_the_contexts_once(stream: MemoryStream) -> None:
    stream.question("q", "no-document", headers=(*PRODUCED, ("own", b"\xff"), *PRODUCED, ("tracestate", b"v=1")))
    stream.start(retries=quick_retries(max_attempts=1))
    stream.settle("q")
    names = [name for name, _ in only(stream, TOPICS.dead_letters).headers if not name.startswith("dlq.")]
    assert names == ["test-name", "own", "traceparent", "tracestate"]


def test_off_everything_travels_on_byte_for_byte() -> None:
    stream = MemoryStream()
    headers = (("tracestate", b"\xff"), ("traceparent", b"any \xff thing"), ("own", None))
    stream.question("q", "late", headers=headers)
    stream.start(retries=quick_retries(max_attempts=2))
    stream.settle("q")
    for topic in (TOPICS.retries, TOPICS.dead_letters):
        own = [header for header in only(stream, topic).headers if not header[0].startswith(("dlq.", "retry."))]
        assert tuple(own[1:]) == headers


def test_the_log_lines_of_a_record_have_the_ids_of_its_span(recorder: SpanRecorder) -> None:
    stream = MemoryStream(tracing=recorder.tracing)
    stream.document("d", f"The crash of {SECRET}.")
    stream.question("q", "d", headers=PRODUCED)
    with structlog.testing.capture_logs() as lines:
        stream.start()
        stream.settle("q")
    (line,) = (line for line in lines if line["event"] == "reading_failed")
    (span,) = recorder.named("process qa.questions")
    assert f"00-{line['trace_id']}-{line['span_id']}-01".encode() == traceparent_of(span)


def test_no_span_holds_a_text(recorder: SpanRecorder) -> None:
    stream = MemoryStream(tracing=recorder.tracing)
    stream.document("d", f"The train leaves from {SECRET}.")
    stream.document("e", f"The crash of {SECRET}.")
    stream.question("a", "d", f"where is {SECRET} ?")
    stream.question("b", "e", f"why {SECRET} ?")
    stream.question("f", "d", f"{SECRET} ?", surprise=SECRET)
    stream.garbage("g", key=SECRET)
    stream.start()
    stream.settle("abfg")
    assert len(recorder.named("process qa.questions")) == 4
    assert SECRET not in "".join(span.to_json() for span in recorder.spans)
