"""When nearly everything fails, the consumer stops instead of emptying the topic into the dead letters."""

from __future__ import annotations

from consumer.broker import Outgoing
from tests.support.stream import Stream, question


def test_a_topic_full_of_garbage_stops_the_consumer_with_one_line(stream: Stream) -> None:
    garbage = [Outgoing(stream.topics.questions, b"k%d" % number, b"<xml/>") for number in range(1000)]
    stream.publish(garbage)
    ended = stream.command("run")
    assert ended.returncode == 1
    last = ended.stderr.decode().strip().splitlines()[-1]
    assert last.startswith("spanstream: ")
    assert "undecodable" in last
    assert "SPANSTREAM_CIRCUIT__MAX_SHARE" in last
    # Chunks of 16, and no judgement before 50 records.
    assert len(stream.read(stream.topics.dead_letters)) <= 64


def test_missing_documents_do_not_stop_it(stream: Stream) -> None:
    stream.publish(
        [question(stream.topics.questions, f"q{number}", "Who?", f"nowhere-{number}") for number in range(150)]
    )
    assert stream.command("run", "--once").returncode == 0
    assert len(stream.dead_letters()) == 150
