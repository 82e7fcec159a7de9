"""Runs over a broker in memory: what is sent, what stays, and what is counted."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from spanstream.consumer.broker.protocols import UNREADABLE_HEADERS, Outgoing, Partition
from spanstream.consumer.replay.ledger import parking_of
from spanstream.consumer.replay.letters.selection import Selection
from spanstream.consumer.replay.planning.planner import ReplayOutcome
from spanstream.schemas.dead_letters import Reason
from tests.support.events.dead_letters import dead_letter, name_of
from tests.support.memory.memory_replay import DEAD, GROUP, ORIGIN, MemoryReplay

MISSING = Selection(reasons=("document_missing",))


def test_every_dead_letter_goes_back_as_it_was_and_stays_where_it_is() -> None:
    replay = MemoryReplay()
    names = replay.fill(10, headers=(("own2", None), ("ünï", b"\xff")), key=None, value=b"\xff\x00")
    before = replay.at(DEAD)
    counts, log = replay.run()
    assert counts.outcomes == {ReplayOutcome.REPLAYED: 10}
    assert replay.names_at(ORIGIN) == names == sorted(log.committed, key=lambda name: (len(name), name))
    for record in replay.at(ORIGIN):
        assert (record.key, record.value) == (None, b"\xff\x00")
        assert record.headers[1:3] == (("own2", None), ("ünï", b"\xff"))
        assert record.partition.number == int(name_of(record.headers)[1:]) % 3
    assert replay.at(DEAD) == before
    assert replay.lag() == 0
    assert replay.survey().open == 0


def test_a_tombstone_goes_back_as_one() -> None:
    replay = MemoryReplay()
    replay.send(dead_letter(DEAD, "q", origin="documents", key=b"d", value=None))
    replay.run()
    assert [(record.key, record.value) for record in replay.at("documents")] == [(b"d", None)]


def test_what_is_not_selected_stays_open_and_is_found_by_a_later_selection() -> None:
    replay = MemoryReplay()
    for number in range(12):
        reason = Reason.DOCUMENT_MISSING if number % 3 else Reason.UNDECODABLE
        replay.send(dead_letter(DEAD, f"q{number}", reason, origin=ORIGIN, partition=number % 3 and 1))
    replay.run(MISSING)
    assert len(replay.at(ORIGIN)) == 8
    assert replay.lag() > 0
    assert replay.run(MISSING)[0].sent == 0
    replay.run(Selection(reasons=("undecodable",)))
    assert Counter(replay.names_at(ORIGIN)) == Counter(f"q{number}" for number in range(12))
    assert replay.lag() == 0


def test_the_lag_is_never_less_than_what_is_left() -> None:
    replay = MemoryReplay(partitions=1)
    replay.fill(20)
    for number in (3, 9, 0, 1, 19):
        replay.run(Selection(place=(0, 2 * number)))  # a marker stands behind each record
        assert replay.lag() >= replay.survey().open
    assert replay.broker.committed(GROUP)[Partition(DEAD, 0)] == 4


def test_a_limit_is_kept_and_the_next_run_goes_on() -> None:
    replay = MemoryReplay()
    replay.fill(10)
    assert replay.run(limit=7)[0].sent == 7
    assert replay.survey(limit=2).selected == 2
    assert replay.run(limit=7)[0].sent == 3
    assert Counter(replay.names_at(ORIGIN)) == Counter(f"q{number}" for number in range(10))


def test_what_fails_again_meanwhile_is_the_next_runs() -> None:
    replay = MemoryReplay()
    replay.fill(3)
    ready, _ = replay.replay()
    replay.send(dead_letter(DEAD, "late", origin=ORIGIN))
    assert ready.run().sent == 3
    assert "late" not in replay.names_at(ORIGIN)
    assert replay.survey().open == 1


def test_a_rate_is_kept() -> None:
    replay = MemoryReplay()
    replay.fill(20)
    began = replay.clock.now
    _, log = replay.run(rate=5.0, batch=100)
    assert replay.clock.now - began >= 3.0
    assert max(len(steps) for steps, _ in log.batches) == 5


def fail_again(replay: MemoryReplay, *, strip: bool) -> None:
    """The consumer fails on everything at the origin that it has not failed on yet; perhaps headers are lost."""
    for record in replay.at(ORIGIN):
        kept = () if strip else record.headers
        letter = dead_letter(DEAD, "x", Reason.INVALID_EVENT, origin=ORIGIN, origin_partition=record.partition.number)
        headers = (*kept, *(header for header in letter.headers if header[0].startswith("dlq.")))
        replay.send(Outgoing(DEAD, record.key, record.value, headers))
    replay.broker.create_topic(ORIGIN, replay.partitions)


@pytest.mark.parametrize("strip", [False, True])
def test_a_record_that_always_fails_ends_in_the_parking_topic(strip: bool) -> None:
    replay = MemoryReplay()
    replay.fill(5)
    for turn in range(3):
        counts, _ = replay.run()
        assert counts.outcomes == {ReplayOutcome.REPLAYED: 5}, turn
        fail_again(replay, strip=strip)
    counts, _ = replay.run()
    assert counts.outcomes == {ReplayOutcome.PARKED: 5}
    assert replay.at(ORIGIN) == []
    parked = replay.at(parking_of(DEAD))
    assert len(parked) == 5
    for record in parked:
        assert record.header("replay.parked") == b"sent again 3 times"
        assert record.header("dlq.reason") == b"invalid_event"  # still a dead letter, for whoever looks at it
    assert replay.survey().open == 0
    assert replay.lag() == 0


def test_records_that_are_alike_are_all_sent() -> None:
    replay = MemoryReplay(partitions=1)
    for _ in range(10):
        replay.send(dead_letter(DEAD, "same", origin=ORIGIN))
    assert replay.run(limit=5, max_attempts=1)[0].outcomes == {ReplayOutcome.REPLAYED: 5}
    assert replay.run(max_attempts=1)[0].outcomes == {ReplayOutcome.REPLAYED: 5}


def test_what_cannot_be_sent_stays_with_a_reason_and_the_others_go() -> None:
    replay = MemoryReplay()
    replay.send(
        dead_letter(DEAD, "fine", origin=ORIGIN),
        dead_letter(DEAD, "keyless", origin="documents", key=None),
        dead_letter(DEAD, "large", origin="small", value=b"x" * 500),
        dead_letter(DEAD, "nowhere", origin="no-such-topic"),
        dead_letter(DEAD, "circle", origin=DEAD),
        dead_letter(DEAD, "internal", origin="__consumer_offsets"),
        Outgoing(DEAD, b"k", b"v", (("own", b"silent"),)),
        Outgoing(DEAD, b"k", b"v", to_headers_with_bad_topic()),
    )
    counts, log = replay.run()
    assert replay.names_at(ORIGIN) == ["fine"]
    reasons = {name_of(step.letter.record.headers): step.why for step in log.refused}
    assert reasons == {
        "keyless": "documents is compacted, and the record has no key",
        "large": reasons["large"],
        "nowhere": "the topic no-such-topic does not exist",
        "circle": "dead is its own",
        "internal": "__consumer_offsets is Kafka's own topic",
        "silent": "its headers do not say where it came from: name a destination (--to)",
        "unreadable": "header dlq.topic: it is not UTF-8",
    }
    assert "small takes 400" in reasons["large"]
    assert counts.outcomes == {ReplayOutcome.REPLAYED: 1, ReplayOutcome.REFUSED: 7}
    assert replay.survey().open == 7


def to_headers_with_bad_topic() -> Any:
    return (*dead_letter(DEAD, "unreadable").headers, ("dlq.topic", b"\xff"))


def test_another_destination_lets_the_key_decide() -> None:
    replay = MemoryReplay()
    replay.send(
        dead_letter(DEAD, "q1", origin="no-such-topic", origin_partition=7, key=b"a"),
        Outgoing(DEAD, b"b", b"v", (("own", b"q2"),)),
    )
    replay.run(to=ORIGIN)
    assert replay.names_at(ORIGIN) == ["q1", "q2"]


def test_headers_that_the_client_cannot_give_out_keep_a_record_from_being_sent_anywhere() -> None:
    replay = MemoryReplay()
    replay.send(Outgoing(DEAD, b"k", b"v", UNREADABLE_HEADERS))
    counts, _ = replay.run(to=ORIGIN)
    assert counts.refusals == {"its headers cannot be read: a name is not UTF-8": 1}
    assert replay.at(ORIGIN) == []


def test_an_origin_with_fewer_partitions_now_lets_the_key_decide() -> None:
    replay = MemoryReplay()
    replay.send(dead_letter(DEAD, "q", origin=ORIGIN, origin_partition=11, key=b"k"))
    assert replay.run()[0].sent == 1
    assert replay.names_at(ORIGIN) == ["q"]


def test_what_retention_takes_on_the_way_is_just_not_there() -> None:
    replay = MemoryReplay(partitions=1)
    replay.fill(6)
    ready, _ = replay.replay()
    replay.broker.cut_before(Partition(DEAD, 0), 6)
    assert ready.run().sent == 3
    emptied, _ = replay.replay()
    replay.broker.cut_before(Partition(DEAD, 0), 100)
    assert emptied.run().sent == 0
    assert replay.lag() == 0


def test_what_was_written_about_a_topic_that_was_deleted_is_not_true_of_its_successor() -> None:
    replay = MemoryReplay(partitions=1)
    replay.fill(6)
    replay.run()
    replay.broker.create_topic(DEAD, 1)
    replay.topic_id = "id-2"
    replay.fill(2)
    assert replay.run()[0].sent == 2


def test_our_error_headers_do_not_stack() -> None:
    replay = MemoryReplay()
    letter = dead_letter(DEAD, "q", origin=ORIGIN)
    replay.send(letter)
    replay.run()
    (record,) = replay.at(ORIGIN)
    names = [name for name, _ in record.headers]
    assert names == ["own", "replay.attempt", "replay.run", "replay.source", "replay.timestamp"]
