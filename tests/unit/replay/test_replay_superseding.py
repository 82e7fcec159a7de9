"""What is sent to a compacted topic that holds something newer of its key: nothing, unless that is meant."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from spanstream.consumer.broker.memory.broker import MemoryBroker
from spanstream.consumer.broker.protocols import Outgoing, Partition, Record
from spanstream.consumer.errors import Retryable
from spanstream.consumer.replay.display.steps import step_lines
from spanstream.consumer.replay.fixes.built_in import drop_field
from spanstream.consumer.replay.letters.letter import place_of
from spanstream.consumer.replay.manifests.manifest import record_line
from spanstream.consumer.replay.planning.latest_records import LatestRecords
from spanstream.consumer.replay.planning.planner import ReplayOutcome, Step
from spanstream.consumer.replay.sending.counts import ReplayCounts
from tests.support.events.dead_letters import dead_letter, name_of
from tests.support.memory.memory_replay import DEAD, MemoryReplay
from tests.support.memory.stream_under_test import FakeTimePoller

DOCUMENTS = "documents"
FIX = (drop_field("unknown"),)
NEWER = "superseded: documents holds a newer record of its key; --over-newer sends it all the same"
DELETED = "superseded: its key was deleted in documents; --over-newer sends it all the same"
GONE = (
    "superseded: its own record is gone from documents: the key was written or deleted since; "
    "--over-newer sends it all the same"
)


def bad(key: str) -> bytes:
    return json.dumps({"document_id": key, "text": "old", "unknown": 1}).encode()


def good(key: str) -> bytes:
    return json.dumps({"document_id": key, "text": "new"}).encode()


@dataclass
class Compacted(MemoryReplay):
    """Documents in a compacted topic, whose records are written when `seconds` says, and the dead letters of some."""

    seconds: float = 1_000.0
    broker: MemoryBroker = field(init=False)

    def __post_init__(self) -> None:
        self.broker = MemoryBroker(clock=lambda: self.seconds)
        super().__post_init__()

    def write(self, key: str, value: bytes | None, topic: str = DOCUMENTS, partition: int = 0) -> Record:
        self.seconds += 1
        self.send(Outgoing(topic, key.encode(), value, partition=partition))
        return self.at_end(topic, partition)

    def at_end(self, topic: str, partition: int) -> Record:
        return [record for record in self.at(topic) if record.partition.number == partition][-1]

    def fail(self, name: str, record: Record, **fields: Any) -> None:
        """Adds the dead letter of a record."""
        self.seconds += 1
        place = {"origin_partition": record.partition.number, "origin_offset": record.offset}
        values = {"key": record.key, "value": record.value, "timestamp_ms": record.timestamp_ms}
        self.send(dead_letter(DEAD, name, origin=record.partition.topic, **(place | values | fields)))

    def bad_document(self, name: str, key: str, **fields: Any) -> Record:
        record = self.write(key, bad(key))
        self.fail(name, record, **fields)
        return record

    def sent(self, topic: str = DOCUMENTS) -> list[str]:
        """The names of the records that were sent again, in the order of the topic."""
        return [name_of(record.headers) for record in self.at(topic) if record.header("replay.run") is not None]


@pytest.fixture
def replay() -> Compacted:
    return Compacted()


def test_an_older_document_is_not_sent_over_a_newer_one_nor_back_to_life(replay: Compacted) -> None:
    replay.bad_document("replaced", "a")
    replay.bad_document("deleted", "b")
    replay.bad_document("latest", "c")
    replay.write("a", good("a"))
    replay.write("b", None)
    counts, log = replay.run(fixes=FIX)
    assert replay.sent() == ["latest"]
    assert counts.refusals == {NEWER: 1, DELETED: 1}
    assert [step.outcome for step in log.refused] == [ReplayOutcome.REFUSED] * 2
    assert replay.survey().open == 2  # they stay, and the lag says so
    assert replay.lag() >= 2


def test_told_so_it_is_sent_over_what_is_newer(replay: Compacted) -> None:
    replay.bad_document("replaced", "a")
    replay.bad_document("deleted", "b")
    replay.write("a", good("a"))
    replay.write("b", None)
    replay.run(fixes=FIX, superseding=None)
    assert sorted(replay.sent()) == ["deleted", "replaced"]


def test_a_tombstone_does_not_delete_what_is_newer(replay: Compacted) -> None:
    replay.fail("tombstone", replay.write("a", None))
    replay.write("a", good("a"))
    assert replay.run()[0].refusals == {NEWER: 1}


@pytest.mark.parametrize("partitions", [(0, 0), (1, 0)])
def test_of_two_dead_letters_of_a_key_only_the_newer_one_is_sent(
    replay: Compacted, partitions: tuple[int, int]
) -> None:
    replay.bad_document("older", "a", partition=partitions[0])
    replay.bad_document("newer", "a", partition=partitions[1])
    assert replay.run(batch=1)[0].outcomes == {ReplayOutcome.REPLAYED: 1, ReplayOutcome.REFUSED: 1}
    assert replay.run()[0].outcomes == {ReplayOutcome.REFUSED: 1}
    assert replay.sent() == ["newer"]


def test_a_tombstone_that_was_compacted_away_still_counts(replay: Compacted) -> None:
    replay.bad_document("deleted", "a")
    replay.bad_document("latest", "c")
    replay.write("a", None)
    replay.broker.compact(DOCUMENTS)
    assert replay.run()[0].refusals == {GONE: 1}
    assert replay.sent() == ["latest"]


def test_before_the_topics_begin_nobody_knows_and_the_record_is_sent(replay: Compacted) -> None:
    replay.bad_document("forgotten", "a")
    replay.broker.cut_before(Partition(DOCUMENTS, 0), 2)
    replay.run()
    assert replay.sent() == ["forgotten"]


def test_a_dead_letter_of_an_earlier_topic_of_this_name_is_judged_by_its_time(replay: Compacted) -> None:
    for key in "ab":
        replay.bad_document(key, key)
    replay.broker.create_topic(DOCUMENTS, 3)
    replay.write("b", good("b"))
    assert replay.run()[0].refusals == {NEWER: 1}
    assert replay.sent() == ["a"]


@pytest.mark.parametrize(("written", "sent"), [("before", ["foreign"]), ("after", [])])
def test_of_an_unknown_origin_whatever_was_written_after_the_dead_letter_is_newer(
    replay: Compacted, written: str, sent: list[str]
) -> None:
    def foreign() -> None:
        replay.seconds += 1
        replay.send(Outgoing(DEAD, b"a", bad("a"), (("own", b"foreign"),)))

    steps = [lambda: replay.write("a", good("a")), foreign]
    for step in steps if written == "before" else reversed(steps):
        step()
    counts, _ = replay.run(to=DOCUMENTS)
    assert replay.sent() == sent
    assert counts.refusals == ({} if sent else {NEWER: 1})


@pytest.mark.parametrize("batch", [1, 10])
@pytest.mark.parametrize("limit", [1, None])
def test_in_another_topic_the_versions_of_a_key_keep_their_order(
    replay: Compacted, batch: int, limit: int | None
) -> None:
    for name, partition in (("first", 0), ("third", 1), ("second", 2)):
        seconds = {"first": 1, "second": 2, "third": 3}[name]
        replay.send(
            dead_letter(DEAD, name, origin="elsewhere", key=b"a", value=bad("a"), partition=partition,
                        timestamp_ms=seconds * 1000)
        )  # fmt: skip
    for _ in range(3):
        replay.run(to=DOCUMENTS, batch=batch, limit=limit)
    assert replay.sent() == ["first", "third"]


def test_a_newer_version_in_the_partition_that_the_key_leads_to_counts(replay: Compacted) -> None:
    for name, key in (("alone", "a"), ("behind", "b")):
        replay.bad_document(name, key)
    replay.write("b", good("b"), partition=2)
    assert replay.run(by_key=True)[0].refusals == {NEWER: 1}
    assert replay.sent() == ["alone"]


def test_a_topic_that_is_not_compacted_is_not_asked(replay: Compacted) -> None:
    record = replay.write("a", b"1", topic="questions")
    replay.fail("question", record)
    replay.write("a", b"2", topic="questions")
    replay.run()
    assert replay.sent("questions") == ["question"]


def test_what_is_written_between_the_plan_and_the_sending_is_seen(replay: Compacted) -> None:
    first = replay.bad_document("first", "a")
    replay.bad_document("second", "b")
    asked: list[int] = []

    def write_after_the_first_was_planned(_: ReplayCounts) -> bool:
        asked.append(1)
        if len(asked) == 2:
            replay.write("a", good("a"))
        return False

    counts, log = replay.run(batch=10, interrupted=write_after_the_first_was_planned)
    assert replay.sent() == ["second"]
    assert counts.refusals == {NEWER: 1}
    (refused,) = log.refused
    assert refused.letter.offset == first.offset
    assert replay.survey().open == 1
    assert replay.lag() >= 1


def test_the_dry_run_and_the_manifest_name_what_is_newer(replay: Compacted) -> None:
    replay.bad_document("replaced", "a")
    newer = replay.write("a", good("a"))
    (step,) = plan(replay)
    place = place_of(newer.partition, newer.offset)
    assert step_lines(step).endswith(f"stays: {NEWER} ({place})")
    line = record_line(step)
    assert (line["outcome"], line["why"], line["superseded_by"]) == ("refused", NEWER, place)


def plan(replay: Compacted) -> Iterable[Step]:
    planner = replay.planner()
    return [planner.plan(letter, attempts) for letter, attempts, _ in replay.opener().open().letters()]


def test_a_transaction_that_stays_open_in_the_destination_is_waited_for_but_not_for_ever(replay: Compacted) -> None:
    class OpenTransaction(FakeTimePoller):
        def written_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
            return {partition: end + 1 for partition, end in self.end_offsets(partitions).items()}

    reader: Any = OpenTransaction(replay.broker.reader(), replay.clock)
    latest = LatestRecords(reader, replay.clock, 5.0)
    replay.write("a", good("a"))
    assert [record.is_tombstone for record in latest.of_key(DOCUMENTS, b"a")] == [False]
    with pytest.raises(Retryable, match="at the end of documents"):
        latest.refresh()
