"""Questions over HTTP beside a stream that is at work: both are answered, with the same answers."""

from __future__ import annotations

import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from spanstream.consumer.cli.exit_codes import TERMINATED
from spanstream.schemas.events import Answer
from tests.support.http.answers_client import Reply, ask
from tests.support.kafka.stream import Stream, document, question

ASKED = "Which error does the export stop with?"
TOKEN = "the-token-of-this-test"  # noqa: S105  made up


def text_of(number: int) -> str:
    return f"The nightly export of plant {number} stops with error FXP-{4000 + number} since Tuesday."


def said(answer: Answer) -> bytes:
    """Returns what an answer says, without what its question brought along."""
    return answer.model_dump_json(exclude={"question_id", "metadata", "answered_at"}).encode()


def test_the_stream_and_http_clients_are_answered_at_the_same_time_and_alike(stream: Stream) -> None:
    plants = range(30)
    stream.publish([document(stream.topics.documents, f"plant-{number}", text_of(number)) for number in plants])
    stream.publish(
        [
            question(stream.topics.questions, f"q-{number}-{time}", ASKED, f"plant-{number}")
            for time in range(20)
            for number in plants
        ]
    )
    consumer = stream.start(ANSWERS_API__PORT="0", ANSWERS_API__TOKEN=TOKEN)
    port = int(consumer.await_event("started")["answers_port"])
    over_http: dict[str, Answer] = {}
    chunks_meanwhile = 0
    with stream.watch() as outcomes:
        consumer.await_event("chunk_published")
        before = len(consumer.events("chunk_published"))
        for number in plants:
            reply = ask_about(number, port)
            assert reply.status == 200
            (answer,) = reply.body["answers"]
            over_http[f"plant-{number}"] = Answer.model_validate_json(reply.content[len(b'{"answers":[') : -len(b"]}")])
            assert answer["answer"]["text"] == f"FXP-{4000 + number}"
        chunks_meanwhile = len(consumer.events("chunk_published")) - before
        outcomes.await_count(20 * len(plants))
    assert chunks_meanwhile > 0
    assert outcomes.failures == []
    for streamed in outcomes.answers:
        assert said(streamed) == said(over_http[streamed.document_id or ""])
    with urllib.request.urlopen(f"http://127.0.0.1:{consumer.http_port}/metrics", timeout=60) as metrics:
        text = metrics.read().decode()
    assert 'spanstream_api_requests_total{outcome="answered"} 30.0' in text
    assert 'spanstream_records_total{outcome="answered"} 600.0' in text
    assert consumer.stop() == TERMINATED
    assert TOKEN not in consumer.log


def test_a_flood_of_requests_does_not_stop_the_stream(stream: Stream) -> None:
    stream.publish([document(stream.topics.documents, "plant-1", text_of(1))])
    asked = [question(stream.topics.questions, f"q-{number}", ASKED, "plant-1") for number in range(200)]
    consumer = stream.start(ANSWERS_API__PORT="0", ANSWERS_API__TOKEN=TOKEN, ANSWERS_API__MAX_WAITING="3")
    port = int(consumer.await_event("started")["answers_port"])
    is_over = threading.Event()

    def flood() -> set[int]:
        statuses = set()
        while not is_over.is_set():
            statuses.add(ask_about(1, port).status)
        return statuses

    with ThreadPoolExecutor(8) as clients:
        floods = [clients.submit(flood) for _ in range(8)]
        try:
            with stream.watch() as outcomes:
                stream.publish(asked)
                outcomes.await_count(len(asked))
        finally:
            is_over.set()
    assert outcomes.failures == []
    statuses = set().union(*(answered.result() for answered in floods))
    assert {200, 503} <= statuses <= {200, 503, 504}
    assert consumer.stop() == TERMINATED


def ask_about(number: int, port: int) -> Reply:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return ask(port, text_of(number), ASKED, document_id=f"plant-{number}", headers=headers)
