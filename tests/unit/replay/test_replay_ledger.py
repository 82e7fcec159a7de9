from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.consumer.broker.protocols import Headers, Outgoing, Partition, Record
from spanstream.consumer.errors import Stop
from spanstream.consumer.replay.ledger import Ledger, LedgerEntries
from spanstream.consumer.replay.letters.formats import read_letter
from spanstream.consumer.replay.letters.letter import Letter, LetterState, identity_of
from tests.support.events.dead_letters import dead_letter

TOPIC = "dead"
parts = st.none() | st.binary(max_size=6)


def letter_at(offset: int, partition: int = 0, headers: Headers = ()) -> Letter:
    sent = dead_letter(TOPIC, "q", origin="questions", headers=headers)
    return read_letter(Record(Partition(TOPIC, partition), offset, sent.key, sent.value, sent.headers))


def as_record(entry: Outgoing) -> Record:
    return Record(Partition("ledger", 0), 0, entry.key, entry.value)


def written(ledger: Ledger, *entries: Outgoing) -> Ledger:
    for entry in entries:
        ledger.apply_record(as_record(entry))
    return ledger


def entries(run: str) -> LedgerEntries:
    return LedgerEntries("ledger", TOPIC, run)


def replayed(ledger: Ledger, letter: Letter, run: str, ends: dict[Partition, int]) -> None:
    """As a run does it that sends the record, unchanged, to where it came from."""
    identity = identity_of("questions", letter.record.key, letter.record.value)
    attempt = ledger.attempts_of(letter) + 1
    written(
        ledger,
        entries(run).began(ends, "now"),
        entries(run).settled(letter.record, LetterState.REPLAYED),
        entries(run).attempts(identity, ledger.runs_of(identity, attempt, run)),
    )


def test_what_is_not_written_down_is_open() -> None:
    ledger = Ledger("ledger", TOPIC)
    first, second = letter_at(3), letter_at(3, partition=1)
    assert ledger.state_of(first.record) is LetterState.OPEN
    written(ledger, entries("r").settled(first.record, LetterState.PARKED))
    assert ledger.state_of(first.record) is LetterState.PARKED
    assert ledger.run_of(first.record) == "r"
    assert ledger.state_of(second.record) is LetterState.OPEN
    assert ledger.run_of(second.record) is None


def test_the_entries_of_another_topic_are_not_this_ones() -> None:
    other_topic = LedgerEntries("ledger", "other", "r")
    ledger = written(Ledger("ledger", TOPIC), other_topic.settled(letter_at(3).record, LetterState.REPLAYED))
    assert ledger.state_of(letter_at(3).record) is LetterState.OPEN


def test_a_record_that_comes_back_has_been_sent_once_more_each_time() -> None:
    ledger = Ledger("ledger", TOPIC)
    partition = Partition(TOPIC, 0)
    for number in range(4):
        letter = letter_at(number * 10)  # without any header of ours: stripped by another tool
        assert ledger.attempts_of(letter) == number
        replayed(ledger, letter, f"run-{number}", {partition: number * 10 + 5})


def test_records_that_are_alike_do_not_use_up_each_others_attempts() -> None:
    ledger = Ledger("ledger", TOPIC)
    ends = {Partition(TOPIC, 0): 100}
    for offset in range(50):
        assert ledger.attempts_of(letter_at(offset)) == 0
        # Killed half-way: the rest is another run's.
        replayed(ledger, letter_at(offset), "run-1" if offset < 25 else "run-2", ends)
    assert ledger.attempts_of(letter_at(100)) == 1


def test_the_header_counts_where_it_knows_of_more() -> None:
    ledger = Ledger("ledger", TOPIC)
    assert ledger.attempts_of(letter_at(0, headers=(("replay.attempt", b"7"),))) == 7
    for nonsense in (b"", b"-1", b"many", "٧".encode(), b"9" * 30, None):
        assert ledger.attempts_of(letter_at(0, headers=(("replay.attempt", nonsense),))) == 0


def test_a_run_that_nobody_knows_counts() -> None:
    identity = identity_of("questions", letter_at(0).record.key, letter_at(0).record.value)
    ledger = written(Ledger("ledger", TOPIC), entries("r").attempts(identity, ["lost-1", "lost-2"]))
    assert ledger.attempts_of(letter_at(0)) == 2


def test_what_retention_took_is_forgotten() -> None:
    ledger = written(
        Ledger("ledger", TOPIC),
        *(entries("r").settled(letter_at(offset).record, LetterState.REPLAYED) for offset in range(6)),
    )
    tombstones = list(ledger.tombstones({Partition(TOPIC, 0): 4}))
    assert len(tombstones) == 4
    assert all(tombstone.value is None for tombstone in tombstones)
    ledger.apply_entries(tombstones)
    states = [ledger.state_of(letter_at(offset).record) for offset in range(6)]
    assert states == [LetterState.OPEN] * 4 + [LetterState.REPLAYED] * 2


def test_runs_before_everything_that_is_left_are_forgotten_with_their_attempts() -> None:
    ledger, first, second = Ledger("ledger", TOPIC), Partition(TOPIC, 0), Partition(TOPIC, 1)
    replayed(ledger, letter_at(1), "old", {first: 5, second: 0})
    begins = {first: 5, second: 0}
    assert list(ledger.tombstones({first: 4, second: 0}))[1:] == []  # a dead letter of that time may still be there
    assert ledger.attempts_of(letter_at(7)) == 1
    tombstones = list(ledger.tombstones(begins))
    assert len(tombstones) == 3
    ledger.apply_entries(tombstones)
    assert ledger.attempts_of(letter_at(7)) == 0
    assert list(ledger.tombstones(begins)) == []
    replayed(ledger, letter_at(7), "new", {first: 9, second: 0})
    assert list(ledger.tombstones(begins)) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [(None, b"{}"), (b"\xff", b"{}"), (b"{}", b"{}"), (b'["other"]', b"{}"), (b'["settled"]', b"{}"),
     (b"[" * 100_000, b"{}"), (b"[" * 100_000 + b"]" * 100_000, b"{}"), (b'["run","r"]', b'{"a":' * 100_000),
     (b'["run","r"]', b'{"topic_id":"t","ends":{"0":1e999}}'), (b'["attempts",[]]', b'{"runs":[]}'),
     (b'["settled","dead",0,1]', b"[]"), (b'["settled","dead",0,1]', b'{"outcome":"lost","run":"r"}')],
)  # fmt: skip
def test_another_topics_records_are_refused(key: bytes | None, value: bytes) -> None:
    with pytest.raises(Stop, match="no entry of a ledger"):
        Ledger("ledger", TOPIC).apply_record(Record(Partition("orders", 2), 5, key, value))


@given(st.text(max_size=6), parts, parts, st.text(max_size=6), parts, parts)
def test_two_records_share_an_identity_only_if_they_are_the_same(  # noqa: PLR0917  two records
    topic: str, key: bytes | None, value: bytes | None, topic2: str, key2: bytes | None, value2: bytes | None
) -> None:
    same = (topic, key, value) == (topic2, key2, value2)
    assert (identity_of(topic, key, value) == identity_of(topic2, key2, value2)) is same
