"""Feedback and labels in the forms of others: envelopes and a schema registry's frames, and a registry that is away."""

from __future__ import annotations

import json

import pytest

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.feedback import wiring
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.event_writer import EventWriter
from spanstream.consumer.formats.opening import open_formats
from spanstream.consumer.formats.registry.decoders import FramedDecoder
from spanstream.consumer.formats.registry.event_schemas import schema_of, subject_of
from spanstream.consumer.formats.registry.translator import FrameTranslator
from spanstream.consumer.formats.registry.writer import FramedWriter
from spanstream.consumer.settings import Settings
from spanstream.consumer.settings.registry import RegistryFormat
from spanstream.schemas.feedback import Feedback
from spanstream.schemas.limits import Limits
from tests.support.memory.memory_feedback import TOPICS, MemoryFeedback, as_json
from tests.support.memory.translators import Away
from tests.support.memory.writers import WaitingWriter
from tests.support.registry.memory_registry import memory_registry


@pytest.fixture
def stream() -> MemoryFeedback:
    stream = MemoryFeedback()
    stream.document("d")
    return stream


def test_feedback_comes_in_a_cloud_events_envelope_too(stream: MemoryFeedback) -> None:
    stream.start(formats=open_formats(Settings()))
    envelope = {
        "specversion": "1.0",
        "id": "1",
        "source": "/desk",
        "type": "dev.spanstream.feedback.v1",
        "data": as_json(stream.feedback("q")),
    }
    headers = (("content-type", b"application/cloudevents+json"),)
    stream.send(Outgoing(TOPICS.feedback, b"d", json.dumps(envelope).encode(), headers))
    stream.settle()
    assert stream.verdicts() == {"q": "accepted"}


@pytest.mark.parametrize("form", ["avro", "json", "protobuf"])
def test_feedback_and_labels_are_framed_and_known_to_the_next_member(
    stream: MemoryFeedback, monkeypatch: pytest.MonkeyPatch, form: RegistryFormat
) -> None:
    registry = memory_registry()
    for topic in (TOPICS.feedback, TOPICS.labels):
        registry.client.register_schema(subject_of(topic), schema_of(Feedback, form))
    frames = [FrameTranslator(FramedDecoder(registry))]
    formats = EventFormats(Limits(), feedback=frames, answers=frames)
    monkeypatch.setattr(wiring, "open_label_writer", lambda _: FramedWriter(registry, form, {Feedback: TOPICS.labels}))
    outside = FramedWriter(registry, form, {Feedback: TOPICS.feedback})
    outside.open()
    stream.start(formats=formats)
    said = stream.feedback("q")
    for _ in range(2):
        stream.send(outside.record(TOPICS.feedback, b"d", said, ()))
        stream.settle()
        stream.close(stream.members[0])
        stream.start(formats=formats)
    stream.settle()
    (record,) = stream.label_records()
    assert (record.value or b"")[:1] == b"\0"
    assert formats.label(record) == said.identified()
    stream.document("d", None)
    stream.until(lambda: stream.label_records()[-1].value is None)


def test_feedback_and_labels_wait_for_their_translator_and_nothing_is_dead_lettered(stream: MemoryFeedback) -> None:
    away = Away()
    formats = EventFormats(Limits(), feedback=[away], answers=[away])
    member = stream.start(formats=formats)
    away.names.add(b"q2")
    for question_id in ("q1", "q2", "q3"):
        stream.say(question_id)
    stream.until(lambda: stream.labels().keys() == {"q1"})
    stream.until(lambda: member.application.health.waiting_for == "the registry at r:1 does not answer")
    away.names.clear()
    stream.settle()
    assert stream.labels().keys() == {"q1", "q2", "q3"}
    stream.close(member)
    away.names.add(b"q2")
    member = stream.start(formats=formats)
    stream.until(lambda: member.application.health.waiting_for == "the registry at r:1 does not answer")
    assert member.metric("known_labels") < 3
    away.names.clear()
    stream.until(lambda: member.metric("known_labels") == 3)
    assert stream.letters() == []


def test_nothing_is_consumed_before_labels_can_be_written(
    stream: MemoryFeedback, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = WaitingWriter()
    opened: list[EventWriter] = [writer]
    monkeypatch.setattr(wiring, "open_label_writer", lambda _: opened[0])
    member = stream.start()
    stream.say("q")
    member.turn(50)
    assert stream.label_records() == []
    assert "no answer" in member.application.health.waiting_for
    writer.away = False
    stream.settle()
    assert stream.labels().keys() == {"q"}


def test_a_label_of_another_program_is_passed_over(stream: MemoryFeedback) -> None:
    stream.send(Outgoing(TOPICS.labels, b"q", b"{"), Outgoing(TOPICS.labels, None, b"{}"))
    stream.start()
    stream.say("q", "d")
    stream.settle()
    assert stream.members[0].metric("known_labels") == 1
