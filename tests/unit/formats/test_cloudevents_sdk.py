"""CloudEvents as their own SDK writes and reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from spanstream.consumer.broker.protocols import Outgoing, Partition, Record
from spanstream.consumer.formats.opening import open_formats
from spanstream.consumer.settings import Settings
from spanstream.schemas.cloudevents import ANSWER_TYPE
from tests.support.memory.memory_stream import GROUP, TOPICS, MemoryStream
from tests.support.memory.memory_triage import MemoryTriage
from tests.support.memory.turns import ZERO, ask, two_documents

QUESTION = {"question_id": "q", "question": "What is 😀?", "document_id": "d"}


def as_record(message: KafkaMessage) -> Record:
    key = message.key.encode() if isinstance(message.key, str) else message.key
    return Record(Partition("questions", 0), 0, key, message.value, tuple(message.headers.items()))


@pytest.mark.parametrize("write", [to_structured_event, to_binary_event])
@pytest.mark.parametrize("time", [datetime(2026, 1, 31, 12, 0, 0, 1, tzinfo=UTC), None])
def test_an_event_of_the_sdk_is_read_in_both_modes(write: Any, time: datetime | None) -> None:
    attributes = {"id": "1", "source": "/desk", "type": "com.example.asked", "time": time, "partitionkey": "d"}
    event = CloudEvent({name: value for name, value in attributes.items() if value is not None}, QUESTION)
    record = as_record(write(event))
    assert record.key == b"d"
    assert open_formats(Settings()).question(record).question == "What is 😀?"


def test_data_as_bytes_are_read_in_structured_mode() -> None:
    attributes = {"id": "1", "source": "/desk", "type": "t", "datacontenttype": "application/json"}
    message = to_structured_event(CloudEvent(attributes, b'{"document_id": "d", "text": "some text"}'))
    assert b"data_base64" in message.value
    assert open_formats(Settings()).document(as_record(message)).text == "some text"


def test_the_sdk_reads_an_answer_whose_source_and_id_are_the_same_after_a_restart() -> None:
    events = []
    for _ in range(2):
        stream = two_documents()
        stream.start()
        ask(stream, "a")
        stream.settle("a")
        (record,) = stream.broker.records(TOPICS.answers)
        headers = {name: value for name, value in record.headers if value is not None}
        events.append(from_kafka_event(KafkaMessage(headers, record.key, record.value or b"")))
    assert events[0].get_type() == ANSWER_TYPE == "dev.spanstream.answer.v1"
    assert [event.get_source() for event in events] == [f"/spanstream/{GROUP}"] * 2
    assert events[0].get_id() == events[1].get_id()
    data: Any = events[0].get_data()
    assert data["question_id"] == "a"


def test_answers_and_triage_records_name_the_same_source() -> None:
    stream = MemoryTriage()
    stream.ask_about()
    stream.answer_all()
    stream.until(lambda: bool(stream.triages()))
    for topic in (TOPICS.questions, TOPICS.documents, TOPICS.triage):
        assert {record.header("ce_source") for record in stream.broker.records(topic)} == {b"/spanstream/spanstream"}


def test_a_source_is_a_uri_reference_whatever_the_groups_name() -> None:
    named = Settings(kafka={"group_id": "q & a/1"})
    assert named.event_source == "/spanstream/q%20%26%20a%2F1"
    assert Settings(cloudevents={"source": "//example.com/answers"}).event_source == "//example.com/answers"


def test_a_structured_question_is_answered_with_its_key_also_when_it_was_retried() -> None:
    stream = MemoryStream()
    event = CloudEvent(
        {"id": "1", "source": "/desk", "type": "t", "partitionkey": ZERO}, QUESTION | {"document_id": ZERO}
    )
    record = as_record(to_structured_event(event))
    stream.start()
    stream.send(Outgoing(TOPICS.questions, record.key, record.value, record.headers))
    stream.until(lambda: bool(stream.broker.records(TOPICS.retries)))
    stream.document(ZERO, "The train leaves at 07:05 from platform 3.")
    stream.settle("q")
    assert stream.broker.records(TOPICS.answers)[0].key == ZERO.encode()
