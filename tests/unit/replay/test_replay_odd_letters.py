"""Dead letters of other products that are odd in one point: each is shown as what it is, and the others go on."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from spanstream.consumer.broker.memory.broker import MemoryBroker
from spanstream.consumer.broker.protocols import Headers, Outgoing, Partition, Record, TopicSpec
from spanstream.consumer.errors import Stop
from spanstream.consumer.replay.display.letters import letter_json, letter_panel, letters_table
from spanstream.consumer.replay.letters.formats import read_letter
from spanstream.consumer.replay.letters.letter import UNREADABLE, SeenLetter
from spanstream.consumer.replay.letters.selection import Selection
from spanstream.consumer.replay.letters.summary import LetterSummary
from spanstream.consumer.replay.planning.destinations import Destinations
from spanstream.schemas.dead_letters import DLQ_OMITTED
from tests.support.events.dead_letters import dead_letter
from tests.support.memory.memory_replay import DEAD, ORIGIN, MemoryReplay

MICROSECONDS = 1_780_000_000_000_000
CONNECT = (
    ("__connect.errors.topic", ORIGIN.encode()),
    ("__connect.errors.partition", b"0"),
    ("__connect.errors.offset", b"7"),
    ("__connect.errors.exception.class.name", b"org.acme.Broken"),
)
STREAMS = (("__streams.errors.topic", ORIGIN.encode()), ("__streams.errors.exception", b"org.acme.Broken"))


def drawn(seen: SeenLetter) -> str:
    """Everything that the commands show of a dead letter."""
    console = Console(file=io.StringIO(), width=200)
    console.print(letters_table([seen]))
    console.print(letter_panel(seen, None, width=200, plain=True))
    output: Any = console.file
    return str(output.getvalue()) + json.dumps(letter_json(seen, whole=True))


def letters(replay: MemoryReplay) -> list[SeenLetter]:
    return list(replay.opener().open().letters())


@pytest.mark.parametrize("headers", [CONNECT, STREAMS, (("own", b"1"),)])
def test_a_timestamp_that_is_no_time_is_shown_as_the_number_it_is(headers: Headers) -> None:
    replay = MemoryReplay(broker=MemoryBroker(clock=lambda: MICROSECONDS / 1000))
    replay.send(Outgoing(DEAD, b"k", b"v", headers, partition=0))
    replay.fill(2)
    summary = LetterSummary()
    for seen in letters(replay):
        summary.add(seen)
    shown = drawn(letters(replay)[0])
    assert f"{DEAD}/0/0" in shown
    assert str(MICROSECONDS) in shown
    assert summary.to_json()["by_day"]["(not said)"]["count"] == 1
    assert summary.to_json()["dead_letters"]["newest"] == "2026-01-31T12:00:00.000Z"
    selected = Selection(since_ms=0)
    assert sum(selected.matches(*seen) for seen in letters(replay)) == 2
    replay.run(Selection(state=None), to=ORIGIN)
    assert len(replay.at(ORIGIN)) == 3
    assert [record.header("replay.timestamp") for record in replay.at(ORIGIN)].count(None) == 1


@pytest.mark.parametrize("topic", [b"", b".", b"..", b"a b", "ünï".encode(), b"x" * 250, b"a\x1b[2J", b"a\n"])
@pytest.mark.parametrize("name", ["__connect.errors.topic", "__streams.errors.topic", "kafka_dlt-original-topic",
                                  "dlq.topic"])  # fmt: skip
def test_a_topic_that_cannot_be_one_keeps_only_its_own_dead_letter(name: str, topic: bytes) -> None:
    headers = dead_letter(DEAD, "q").headers if name == "dlq.topic" else ()
    letter = read_letter(Record(Partition(DEAD, 0), 5, b"k", b"v", (*headers, (name, topic))))
    assert (letter.reason, letter.topic) == (UNREADABLE, None)
    assert letter.problem
    replay = MemoryReplay()
    replay.send(Outgoing(DEAD, b"k", b"v", (*headers, (name, topic))))
    replay.fill(2)
    assert letter.problem in replay.run()[0].refusals
    assert len(replay.at(ORIGIN)) == 2


@pytest.mark.parametrize(
    ("value", "written_ms"),
    [((1_769_860_800_000).to_bytes(8, "big"), 1_769_860_800_000), (b"\xff" * 8, 42), (b"", 42), (b"x", 42),
     ((2**62).to_bytes(8, "big"), None)],
)  # fmt: skip
def test_a_time_of_spring_that_is_none_does_not_make_its_dead_letter_unreadable(
    value: bytes, written_ms: int | None
) -> None:
    headers = (("kafka_dlt-original-topic", b"orders"), ("kafka_dlt-original-timestamp", value))
    letter = read_letter(Record(Partition(DEAD, 0), 5, b"k", b"v", headers, 42))
    assert (letter.topic, letter.problem, letter.written_ms) == ("orders", None, written_ms)


def test_a_topic_that_may_not_be_seen_keeps_only_its_own_dead_letters() -> None:
    replay = MemoryReplay()

    def describe(topic: str) -> TopicSpec | None:
        if topic == "secret":
            raise Stop("Kafka refused a question about the topic secret")
        return TopicSpec(topic, 3)

    replay.send(dead_letter(DEAD, "hidden", origin="secret"))
    replay.fill(2)
    counts, _ = replay.run(destinations=Destinations(describe, {}))
    assert counts.refusals == {"Kafka refused a question about the topic secret": 1}
    assert len(replay.at(ORIGIN)) == 2


def test_a_dead_letter_without_its_content_is_not_sent_and_its_origin_is_named() -> None:
    replay = MemoryReplay()
    large = dead_letter(DEAD, "large", origin=ORIGIN, origin_offset=7, value=None)
    replay.send(replace(large, headers=(*large.headers, (DLQ_OMITTED, b"9"))))
    replay.fill(2)
    counts, _ = replay.run()
    (why,) = counts.refusals
    assert why.endswith(f"it stands at {ORIGIN}/0/7")
    assert len(replay.at(ORIGIN)) == 2
