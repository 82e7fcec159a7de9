"""Each kind of bad record, its documented outcome, and its neighbours, which are answered all the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from spanstream.consumer.broker.protocols import Headers, Outgoing, Record
from spanstream.consumer.cli.exit_codes import TERMINATED
from spanstream.schemas.dead_letters import DeadLetter, Reason, Retry, Stage, from_headers, own_headers
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.program import until
from tests.support.kafka.quick_settings import QUICK
from tests.support.kafka.stream import NAME, Stream, StreamOutcomes, document, named, question

TEXT = "Anna in Lyon says the printer has shown error E4711 since Tuesday."
ATTEMPTS = int(QUICK["RETRIES__MAX_ATTEMPTS"])
INT32_MAX = 2**31 - 1


def event(**fields: Any) -> bytes:
    return json.dumps({"question_id": "bad", "question": "Which error?", "document_id": "good", **fields}).encode()


def raw(*members: str) -> bytes:
    """JSON that `json.dumps` would not write."""
    return ('{"question_id": "bad", "document_id": "good", ' + ", ".join(members) + "}").encode()


@dataclass(frozen=True)
class Bad:
    """A record, and what it must come to."""

    value: bytes | None
    reason: Reason
    stage: Stage = Stage.DECODE
    key: bytes | None = b"good"
    headers: Headers = ()
    attempt: int = 1
    topic: str = "questions"
    own: Headers = field(default=(("traceparent", b"00-1-2-00"), ("empty", None), ("bytes", b"\xff\x00")))


def retry_headers(**fields: Any) -> Headers:
    known = {"attempt": 1, "due_ms": 0, "reason": Reason.DOCUMENT_MISSING, "detail": "", "topic": "t", "partition": 0}
    return Retry(**{**known, "offset": 7, **fields}).to_headers(())


UNDECODABLE, INVALID, TOO_LARGE = Reason.UNDECODABLE, Reason.INVALID_EVENT, Reason.TOO_LARGE
BAD = {
    "not JSON": Bad(b"garbage", UNDECODABLE),
    "not UTF-8": Bad(b"\xff\xfe\x00", UNDECODABLE),
    "nothing": Bad(b"", UNDECODABLE),
    "a tombstone": Bad(None, UNDECODABLE),
    "a list": Bad(b"[]", INVALID),
    "a number for a text": Bad(event(question=7), INVALID),
    "a text for a number": Bad(event(min_confidence="0.5"), INVALID),
    "an unknown field": Bad(event(urgent=True), INVALID),
    "document and context": Bad(event(context="text"), INVALID),
    "no document and no context": Bad(event(document_id=None), INVALID),
    "an empty question": Bad(event(question=""), INVALID),
    "a blank question": Bad(event(question=" \u2800\u200b\n"), INVALID),
    "an empty id": Bad(event(question_id=""), INVALID),
    "a question of too many characters": Bad(event(question="a" * 2001), TOO_LARGE),
    "a question of too many tokens": Bad(event(question="? " * 900 + "Who"), TOO_LARGE, Stage.PREPARE),
    "a context of ten megabytes": Bad(event(document_id=None, context="a" * 10_000_000), TOO_LARGE),
    "a lone surrogate": Bad(raw(r'"question": "Who \ud800?"'), UNDECODABLE),
    "a raw surrogate": Bad(b'{"question": "\xed\xa0\x80"}', UNDECODABLE),
    "a NUL in an id": Bad(event(question_id="a\0b"), INVALID),
    "ten thousand brackets": Bad(raw('"question": ' + "[" * 10_000 + "]" * 10_000), UNDECODABLE),
    "NaN": Bad(raw('"question": "Who?", "min_confidence": NaN'), UNDECODABLE),
    "a number beyond all numbers": Bad(raw('"question": "Who?", "min_confidence": 1e999'), INVALID),
    "another document's key": Bad(event(), INVALID, key=b"other"),
    "no key": Bad(event(), INVALID, key=None),
    "retry headers without sense": Bad(event(), INVALID, headers=(("retry.attempt", b"many"),)),
    "retry headers that are not UTF-8": Bad(event(), UNDECODABLE, headers=(("retry.detail", b"\xff"),)),
    "a retry from far away": Bad(
        event(question=7), INVALID, topic="retries", headers=retry_headers(due_ms=2**63 - 1), attempt=2
    ),
    "a retry of too many attempts": Bad(
        event(document_id="nowhere"),
        Reason.DOCUMENT_MISSING,
        Stage.RESOLVE,
        key=b"nowhere",
        headers=retry_headers(attempt=INT32_MAX),
        attempt=INT32_MAX,
    ),
    "another version of the document": Bad(
        event(document_sha256="0" * 64), Reason.DOCUMENT_CHANGED, Stage.RESOLVE, attempt=ATTEMPTS
    ),
    "the version before the last": Bad(
        event(document_sha256=hashlib.sha256(b"An older text.").hexdigest()),
        Reason.DOCUMENT_CHANGED,
        Stage.RESOLVE,
        attempt=ATTEMPTS,
    ),
    "another version of the context": Bad(
        event(document_id=None, context="text", document_sha256="0" * 64), Reason.DOCUMENT_CHANGED, Stage.RESOLVE
    ),
    "a document that never comes": Bad(
        event(document_id="never"), Reason.DOCUMENT_MISSING, Stage.RESOLVE, key=b"never", attempt=ATTEMPTS
    ),
    "a document that was deleted": Bad(
        event(document_id="gone"), Reason.DOCUMENT_MISSING, Stage.RESOLVE, key=b"gone", attempt=ATTEMPTS
    ),
    "a document that is none": Bad(
        event(document_id="broken"), Reason.DOCUMENT_MISSING, Stage.RESOLVE, key=b"broken", attempt=ATTEMPTS
    ),
    "a document that is too large": Bad(
        event(document_id="huge"), Reason.DOCUMENT_MISSING, Stage.RESOLVE, key=b"huge", attempt=ATTEMPTS
    ),
    "not a document": Bad(b'{"text": 7}', INVALID, key=b"broken", topic="documents"),
    "a document under another key": Bad(b'{"document_id": "d", "text": ""}', INVALID, key=b"e", topic="documents"),
    "a document of ten megabytes": Bad(
        json.dumps({"document_id": "huge", "text": "a" * 10_000_000}).encode(),
        TOO_LARGE,
        key=b"huge",
        topic="documents",
    ),
}
NEIGHBOURS = [f"{name}: {place}" for name in BAD for place in ("before", "after")]
ALSO_ANSWERED = ["late", "NUL in a text", "no document, but a context", "blank document"]


def record_of(stream: Stream, name: str) -> Outgoing:
    bad = BAD[name]
    return named(name, getattr(stream.topics, bad.topic), bad.key, bad.value, headers=(*bad.headers, *bad.own))


def good(stream: Stream, name: str, asked: str = "Which error?", document_id: str = "good", **fields: Any) -> Outgoing:
    return question(stream.topics.questions, name, asked, document_id, **fields)


def publish_all(stream: Stream) -> None:
    documents = stream.topics.documents
    stream.publish(
        [
            document(documents, "good", "An older text."),
            document(documents, "good", TEXT),
            document(documents, "gone", "There was a text."),
            document(documents, "blank", " \n "),
            named("gone", documents, "gone", None),
            *(record_of(stream, name) for name, bad in BAD.items() if bad.topic == "documents"),
        ]
    )
    asked = []
    for name, bad in BAD.items():
        asked.append(good(stream, f"{name}: before"))
        if bad.topic != "documents":
            asked.append(record_of(stream, name))
        asked.append(good(stream, f"{name}: after"))
    context = {"question_id": ALSO_ANSWERED[2], "question": "Which error?", "context": TEXT}
    stream.publish(
        [
            *asked,
            good(stream, "late", document_id="late"),
            good(stream, "NUL in a text", "Which \0 error?"),
            good(stream, "blank document", document_id="blank"),
            named(ALSO_ANSWERED[2], stream.topics.questions, None, json.dumps(context).encode()),
        ]
    )


@dataclass(frozen=True)
class BadRecordsRun:
    stream: Stream
    outcomes: StreamOutcomes
    letters: dict[str, Record]
    log: str


@pytest.fixture(scope="module")
def finished(kafka: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BadRecordsRun]:
    """Yields all of them at once, in one run of the program."""
    stream = Stream(kafka.bootstrap, tmp_path_factory.mktemp("bad"), 2, QUICK | {"RETRIES__DELAY_SECONDS": "1"})
    stream.create_topics()
    try:
        with stream.watch() as outcomes:
            program = stream.start()
            publish_all(stream)
            until(
                lambda: any(record.header(NAME) == b"late" for record in stream.read(stream.topics.retries)),
                "the question whose document is late is retried",
                every=0.2,
            )
            stream.publish([document(stream.topics.documents, "late", TEXT)])
            outcomes.await_count(len(BAD) + len(NEIGHBOURS) + len(ALSO_ANSWERED))
            stream.await_no_lag()
            assert program.stop() == TERMINATED
            outcomes.poll()
            yield BadRecordsRun(stream, outcomes, stream.dead_letters(), program.log)
    finally:
        stream.close()


@pytest.mark.parametrize("name", BAD)
def test_a_bad_record_is_dead_lettered_with_its_reason(finished: BadRecordsRun, name: str) -> None:
    bad, record = BAD[name], finished.letters[name]
    letter = from_headers(record.headers)
    assert (letter.reason, letter.stage, letter.attempt) == (bad.reason, bad.stage, bad.attempt)


@pytest.mark.parametrize("name", BAD)
def test_a_dead_letter_is_the_record_byte_for_byte_with_its_own_headers(finished: BadRecordsRun, name: str) -> None:
    bad, record = BAD[name], finished.letters[name]
    assert (record.key, record.value) == (bad.key, bad.value)
    kept = [(NAME, name.encode()), *bad.own]
    assert list(own_headers(record.headers)) == kept
    assert list(record.headers[: len(kept)]) == kept


@pytest.mark.parametrize("name", [name for name, bad in BAD.items() if not bad.headers])
def test_a_dead_letter_names_the_place_where_the_record_first_stood(finished: BadRecordsRun, name: str) -> None:
    letter = from_headers(finished.letters[name].headers)
    assert letter.topic == getattr(finished.stream.topics, BAD[name].topic)
    stood = [
        record
        for record in finished.stream.read(letter.topic)
        if (record.partition.number, record.offset) == (letter.partition, letter.offset)
    ]
    assert [(record.header(NAME), record.timestamp_ms) for record in stood] == [(name.encode(), letter.timestamp_ms)]


@pytest.mark.parametrize("name", [name for name, bad in BAD.items() if bad.headers == retry_headers(due_ms=2**63 - 1)])
def test_a_retry_keeps_the_place_that_its_headers_name(finished: BadRecordsRun, name: str) -> None:
    letter = from_headers(finished.letters[name].headers)
    assert (letter.topic, letter.partition, letter.offset) == ("t", 0, 7)


def test_every_neighbour_is_answered_and_everything_comes_out_once(finished: BadRecordsRun) -> None:
    answered = sorted(answer.question_id for answer in finished.outcomes.answers)
    assert answered == sorted([*NEIGHBOURS, *ALSO_ANSWERED])
    assert sorted(finished.letters) == sorted(BAD)
    assert len(finished.outcomes) == len(BAD) + len(answered)


def test_the_neighbours_quote_the_latest_text(finished: BadRecordsRun) -> None:
    neighbours = [answer for answer in finished.outcomes.answers if answer.question_id in NEIGHBOURS]
    assert {answer.answer and answer.answer.text for answer in neighbours} == {"E4711"}
    assert {answer.document_sha256 for answer in neighbours} == {hashlib.sha256(TEXT.encode()).hexdigest()}


def test_a_blank_document_has_no_answer(finished: BadRecordsRun) -> None:
    answer = next(answer for answer in finished.outcomes.answers if answer.question_id == "blank document")
    assert (answer.status, answer.candidate, answer.windows.total) == ("no_answer", None, 0)


def test_no_line_of_the_log_holds_a_text(finished: BadRecordsRun) -> None:
    for secret in ("E4711", "Which error", "Anna", "older text", "garbage"):
        assert secret not in finished.log


def test_details_say_what_is_wrong_and_hold_no_text(finished: BadRecordsRun) -> None:
    letters: list[DeadLetter] = [from_headers(record.headers) for record in finished.letters.values()]
    assert all(letter.detail for letter in letters)
    assert not [letter.detail for letter in letters if "error" in letter.detail and "Which" in letter.detail]
