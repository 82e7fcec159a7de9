"""A topic full of something else stops the consumer; questions whose documents are missing do not."""

from __future__ import annotations

from spanstream.schemas.dead_letters import Reason, from_headers
from tests.support.kafka.stream import Stream, named, question


def test_a_topic_full_of_garbage_stops_the_consumer_with_one_line(stream: Stream) -> None:
    topic, sent = stream.topics.questions, 3000
    stream.publish([named(f"bad {number}", topic, f"k{number}", b"\x89PNG") for number in range(sent)])
    program = stream.start()
    assert program.wait() == 1
    lines = [line for line in program.log.splitlines() if not line.startswith("{")]
    assert len(lines) == 1
    assert lines[0].startswith("spanstream: ")
    assert "SPANSTREAM_CIRCUIT__MAX_SHARE" in lines[0]
    assert "Traceback" not in program.log
    letters = stream.dead_letters()
    assert len(letters) < 200
    assert sum(stream.lag().values()) == sent - len(letters)


def test_a_documents_topic_full_of_garbage_stops_the_consumer(stream: Stream) -> None:
    topic = stream.topics.documents
    stream.publish([named(f"bad {number}", topic, f"k{number}", b"\x89PNG") for number in range(3000)])
    program = stream.start()
    assert program.wait() == 1
    assert "SPANSTREAM_CIRCUIT__MAX_SHARE" in program.log.splitlines()[-1]
    assert len(stream.dead_letters()) < 1000


def test_missing_documents_do_not_stop_it(stream: Stream) -> None:
    asked = 300
    stream.start(RETRIES__MAX_ATTEMPTS="2")
    stream.publish([question(stream.topics.questions, f"q{n}", "Who?", f"nowhere-{n}") for n in range(asked)])
    with stream.watch() as outcomes:
        outcomes.await_count(asked)
        stream.await_no_lag()
    assert {from_headers(letter.headers).reason for letter in outcomes.dead_letters} == {Reason.DOCUMENT_MISSING}
