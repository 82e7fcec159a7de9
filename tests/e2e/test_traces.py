"""One trace through everything: a ticket's questions, retries, dead letters, their replay, answers, triage records."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from spanstream.consumer.broker.protocols import Outgoing, Record
from spanstream.consumer.cli.exit_codes import TERMINATED
from spanstream.schemas.triage import FieldStatus, Ticket
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.program import Program, until
from tests.support.kafka.quick_settings import QUICK
from tests.support.kafka.triage_stream import TriageStream
from tests.support.tracing.otlp_receiver import OtlpReceiver, ReceivedSpan, otlp_receiver

PLAYBOOK = """
playbook: traced
version: "1"
deadline_seconds: 600
fields:
  error: {questions: [What error does it show?], min_confidence: 0.1, format: {regex: '[A-Z]-[0-9]+'}}
routes:
  - {route: defects, because: there is an error, when: {field: error, missing: false}}
  - {route: general, because: nothing else fits}
priorities:
  - {priority: normal, because: nothing says otherwise}
"""
TICKET = Ticket(ticket_id="t", subject="", body="The export stops with error E-4711 since Tuesday.")
TRACE, PRODUCER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PRODUCED = (("traceparent", f"00-{TRACE}-{PRODUCER}-01".encode()), ("tracestate", b"rojo=00f067aa0ba902b7"))
ON = {"TRACES__ENABLED": "true", "RETRIES__MAX_ATTEMPTS": "2"}


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[OtlpReceiver]:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    with otlp_receiver() as receiver:
        for name, value in receiver.variables.items():
            monkeypatch.setenv(name, value)
        yield receiver


@pytest.fixture
def stream(kafka: KafkaBroker, tmp_path: Path, receiver: OtlpReceiver) -> Iterator[TriageStream]:  # noqa: ARG001  the programs send to it
    (tmp_path / "playbook.yaml").write_text(PLAYBOOK)
    settings = QUICK | ON | {"TRIAGE__PLAYBOOK": str(tmp_path / "playbook.yaml")}
    stream = TriageStream(kafka.bootstrap, tmp_path, 2, settings)
    stream.create_topics()
    yield stream
    stream.close()


def context_in(record: Record) -> tuple[str, str]:
    """Returns the trace and the span that a record is below."""
    assert record.header("tracestate") == b"rojo=00f067aa0ba902b7"
    _, trace_id, span_id, flags = (record.header("traceparent") or b"").decode().split("-")
    assert flags == "01"
    return trace_id, span_id


def publish_ticket_whose_document_goes(stream: TriageStream) -> Outgoing:
    """Publishes the ticket, waits for its question, deletes its document; returns what would bring that back."""
    stream.publish([replace(stream.ticket(TICKET), headers=PRODUCED)])
    until(lambda: bool(stream.read(stream.topics.questions)), "a question", every=0.2)
    (document,) = stream.read(stream.topics.documents)
    gone = Outgoing(stream.topics.documents, document.key, None, partition=document.partition.number)
    stream.publish([gone])
    return replace(gone, value=document.value)


def await_spans(receiver: OtlpReceiver, *names: str) -> dict[str, ReceivedSpan]:
    """Waits for spans of the trace, each name once; those of a name that comes twice are told by their order."""

    def received() -> list[ReceivedSpan]:
        return receiver.of(TRACE)

    until(lambda: len(received()) >= len(names), f"{len(names)} spans", every=0.1)
    by_name: dict[str, ReceivedSpan] = {}
    for span in received():
        by_name[f"{span.name} again" if span.name in by_name else span.name] = span
    assert by_name.keys() == set(names)
    return by_name


def test_one_trace_is_followed_from_a_tickets_producer_to_its_last_record(
    stream: TriageStream, receiver: OtlpReceiver
) -> None:
    topics = stream.topics
    with stream.watch_triage() as watched:
        triage = stream.start_triage()
        document = publish_ticket_whose_document_goes(stream)
        consumer = stream.start()
        early = watched.await_revision("t", 1)
        assert early.fields["error"].status is not FieldStatus.ANSWERED
        stream.publish([document])
        replayed = stream.command("replay", "run", "--yes", "--manifest", str(stream.folder / "manifest.jsonl"))
        assert replayed.returncode == 0, replayed.stderr.decode()
        late = watched.await_revision("t", 2)
        assert late.fields["error"].value == "E-4711"
        assert [program.stop() for program in (triage, consumer)] == [TERMINATED] * 2
    ticket, question, retry = (f"process {name}" for name in (topics.tickets, topics.questions, topics.retries))
    dead_letter, answer = f"process {topics.dead_letters}", f"process {topics.answers}"
    spans = await_spans(
        receiver, ticket, question, retry, dead_letter, f"{dead_letter} again", f"{question} again", answer
    )
    replay = next(span for name, span in spans.items() if span.attributes["spanstream.outcome"] == "replayed")
    of_triage = next(spans[name] for name in (dead_letter, f"{dead_letter} again") if spans[name] is not replay)
    parents = {
        PRODUCER: [spans[ticket]],
        spans[ticket].span_id: [spans[question]],
        spans[question].span_id: [spans[retry]],
        spans[retry].span_id: [of_triage, replay],
        replay.span_id: [spans[f"{question} again"]],
        spans[f"{question} again"].span_id: [spans[answer]],
    }
    for parent, children in parents.items():
        assert [span.parent_id for span in children] == [parent] * len(children)
        assert all(span.links == (parent,) for span in children)
    assert spans[retry].is_error
    assert spans[retry].attributes["error.type"] == "document_missing"
    assert {span.service for span in spans.values()} == {"spanstream"}
    assert [context_in(record) for record in watched.raw] == [(TRACE, spans[ticket].span_id)] * 2
    assert context_in(stream.read(topics.answers)[0]) == (TRACE, spans[f"{question} again"].span_id)
    assert_groups_and_counts(stream, receiver, spans, {ticket, answer, of_triage.name})
    assert not [body for body in receiver.bodies if b"E-4711" in body or b"What error" in body]


def assert_groups_and_counts(
    stream: TriageStream, receiver: OtlpReceiver, spans: dict[str, ReceivedSpan], of_triage: set[str]
) -> None:
    """Checks by whom a record was processed, and that each is in one chunk."""
    groups = {span.attributes["messaging.consumer.group.name"] for span in spans.values() if span.name in of_triage}
    assert f"{stream.name}.triage" in groups
    chunks = [span for span in list(receiver.spans) if span.name == "process_chunk"]
    assert sum(chunk.attributes["messaging.batch.message_count"] for chunk in chunks) == len(spans)
    assert sorted(link for chunk in chunks for link in chunk.links) == sorted(span.span_id for span in spans.values())


def test_a_collector_that_is_away_holds_nothing_up(stream: TriageStream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    programs: list[Program] = [stream.start(), stream.start_triage()]
    with stream.watch_triage() as watched:
        stream.publish([replace(stream.ticket(TICKET), headers=PRODUCED)])
        watched.await_complete("t")
    assert [program.stop() for program in programs] == [TERMINATED] * 2
