"""From a record to an event, through translators that turn, refuse, wait or fail."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from spanstream.consumer.broker.protocols import Outgoing, Partition, Record
from spanstream.consumer.errors import Retryable, Stop
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.translator import Message, TranslatorUnavailable
from spanstream.schemas.errors import InvalidRecord, Reason
from spanstream.schemas.limits import Limits
from tests.support.memory.fake_time import FakeClock
from tests.support.memory.translators import Away, Prefixed, Raising

DOCUMENT = json.dumps({"document_id": "d", "text": "some text"}).encode()


def record(value: bytes | None, *headers: tuple[str, bytes | None]) -> Record:
    return Record(Partition("documents", 0), 0, b"d", value, headers)


def refusal(read: Callable[[], object]) -> InvalidRecord:
    with pytest.raises(InvalidRecord) as raised:
        read()
    return raised.value


def test_without_translators_a_record_is_our_json() -> None:
    assert EventFormats(Limits()).document(record(DOCUMENT)).text == "some text"
    assert refusal(lambda: EventFormats(Limits()).document(record(None))).reason == Reason.UNDECODABLE


def test_translators_of_the_events_role_are_applied_in_their_order() -> None:
    formats = EventFormats(Limits(), documents=[Prefixed(b"outer:"), Prefixed(b"inner:")])
    assert formats.document(record(b"outer:inner:" + DOCUMENT)).document_id == "d"
    assert refusal(lambda: formats.ticket(record(b"outer:inner:" + DOCUMENT))).reason == Reason.UNDECODABLE


def test_a_record_that_is_to_be_sent_is_read_in_the_same_way() -> None:
    formats = EventFormats(Limits(), documents=[Prefixed(b"x:")])
    assert formats.document(Outgoing("documents", b"d", b"x:" + DOCUMENT)).document_id == "d"


def test_a_translator_sees_the_headers_as_the_one_before_left_them() -> None:
    class Naming:
        def translate(self, message: Message) -> Message:
            return Message(message.header("value") or b"", ())

    formats = EventFormats(Limits(), documents=[Naming()])
    assert formats.document(record(b"?", ("value", b"{}"), ("value", DOCUMENT))).document_id == "d"


def test_a_value_past_the_limit_is_not_given_to_a_translator() -> None:
    formats = EventFormats(Limits(record_bytes=10), documents=[Raising(AssertionError())])
    assert refusal(lambda: formats.document(record(b"x" * 11))).reason == Reason.TOO_LARGE


def test_what_a_translator_makes_of_a_value_has_the_same_limits() -> None:
    formats = EventFormats(Limits(record_bytes=10), documents=[Prefixed(b"", behind=b" " * 10)])
    assert refusal(lambda: formats.document(record(b"{}"))).reason == Reason.TOO_LARGE


def test_a_translator_that_waits_for_something_is_never_taken_for_kafka() -> None:
    formats = EventFormats(Limits(), documents=[Raising(Retryable("the registry does not answer", hint="wait"))])
    with pytest.raises(TranslatorUnavailable, match="the registry does not answer; wait"):
        formats.document(record(DOCUMENT))


def test_a_translator_that_stops_the_program_stops_it() -> None:
    with pytest.raises(Stop):
        EventFormats(Limits(), documents=[Raising(Stop("wrong password"))]).document(record(DOCUMENT))


def test_whatever_else_a_translator_raises_makes_the_record_a_dead_letter_without_its_text() -> None:
    error = refusal(
        lambda: EventFormats(Limits(), documents=[Raising(ValueError("some text"))]).document(record(DOCUMENT))
    )
    assert (error.reason, error.detail) == (Reason.INFERENCE_FAILED, "translating it raised ValueError")
    assert error.__context__ is None


def test_a_tool_waits_for_a_translator_until_its_patience_ends() -> None:
    clock, away = FakeClock(), Away(calls=5)
    formats = EventFormats(Limits(), documents=[away])
    assert formats.patient(clock, 60.0).document(record(DOCUMENT)).document_id == "d"
    away.calls = 10**6
    began = clock.monotonic()
    with pytest.raises(TranslatorUnavailable):
        formats.patient(clock, 60.0).document(record(DOCUMENT))
    assert clock.monotonic() - began >= 60.0
