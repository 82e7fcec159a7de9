"""Deadlines, late answers and repeated texts, through a real broker and the real model."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from spanstream.consumer.cli.exit_codes import TERMINATED
from spanstream.schemas.triage import FieldStatus, Ticket
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.program import Program, until
from tests.support.kafka.quick_settings import QUICK
from tests.support.kafka.triage_stream import TriageStream

PLAYBOOK = """
playbook: impatient
version: "1"
deadline_seconds: 1
fields:
  error: {questions: [What error does it show?], min_confidence: 0.1, format: {regex: '[A-Z]-[0-9]+'}}
routes:
  - {route: defects, because: there is an error, when: {field: error, missing: false}}
  - {route: general, because: nothing else fits}
priorities:
  - {priority: normal, because: nothing says otherwise}
"""


@pytest.fixture
def stream(kafka: KafkaBroker, tmp_path: Path) -> Iterator[TriageStream]:
    (tmp_path / "playbook.yaml").write_text(PLAYBOOK)
    playbook = {"TRIAGE__PLAYBOOK": str(tmp_path / "playbook.yaml")}
    stream = TriageStream(kafka.bootstrap, tmp_path, 2, QUICK | {"KAFKA__GROUP_PROTOCOL": "consumer"} | playbook)
    stream.create_topics()
    yield stream
    stream.close()


def metrics(program: Program) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{program.http_port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


def lags(program: Program, metric: str) -> dict[tuple[str, str], float]:
    """Returns a gauge's samples by topic and partition."""
    families = text_string_to_metric_families(metrics(program))
    samples = [sample for family in families if family.name == metric for sample in family.samples]
    return {(sample.labels["topic"], sample.labels["partition"]): sample.value for sample in samples}


def test_the_same_text_in_several_tickets_is_tokenized_once(stream: TriageStream) -> None:
    body = "The export stops with error E-4711 since Tuesday."
    tickets = [Ticket(ticket_id=f"t-{number}", subject="", body=body) for number in range(5)]
    with stream.watch_triage() as watched:
        consumer = stream.start()
        triage = stream.start_triage()
        stream.publish([stream.ticket(ticket) for ticket in tickets])
        for ticket in tickets:
            watched.await_complete(ticket.ticket_id)
        assert 'spanstream_tokenization_lookups_total{source="tokenized"} 1.0' in metrics(consumer)
        nothing_left = {(topic, number): 0.0 for topic in stream.topics.consumed for number in ("0", "1")}
        until(lambda: lags(consumer, "spanstream_lag_records") == nothing_left, "no lag of the consumer", every=0.2)
        nothing_left = {(topic, number): 0.0 for topic in stream.topics.consumed_by_triage[:3] for number in ("0", "1")}
        until(
            lambda: nothing_left.items() <= lags(triage, "spanstream_triage_lag_records").items(),
            "no lag of the triage stream",
            every=0.2,
        )
    assert len({watched.by_ticket[ticket.ticket_id][-1].document.sha256 for ticket in tickets}) == 1


def test_what_times_out_is_corrected_by_the_answers_that_come_late(stream: TriageStream) -> None:
    ticket = Ticket(ticket_id="t", subject="", body="The export stops with error E-4711 since Tuesday.")
    with stream.watch_triage() as watched:
        program = stream.start_triage()
        stream.publish([stream.ticket(ticket)])
        early = watched.await_revision("t", 1)
        assert (early.complete, early.fields["error"].status) == (False, FieldStatus.TIMED_OUT)
        program.kill()
        successor = stream.start_triage()
        stream.start()
        late = watched.await_revision("t", 2)
        assert (late.complete, late.route, late.fields["error"].value) == (True, "defects", "E-4711")
        stream.publish([stream.ticket(ticket)])
        until(lambda: not stream.triage_lag(), f"no lag (it is {stream.triage_lag()})", every=0.2)
        assert 'spanstream_triage_tickets_total{outcome="repeated"} 1.0' in metrics(successor)
        assert successor.stop() == TERMINATED
        watched.poll()
    assert [record.revision for record in watched.by_ticket["t"]] == [1, 2]
