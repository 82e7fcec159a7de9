"""Runs that are killed, fenced, interrupted or refused: each selected record is sent once all the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanstream.consumer.broker.protocols import Outgoing, Partition
from spanstream.consumer.errors import Fenced, Retryable, Stop
from spanstream.consumer.replay.letters.selection import Selection
from spanstream.consumer.replay.manifests.manifest import BatchState
from spanstream.consumer.replay.sending.counts import ReplayCounts
from spanstream.schemas.dead_letters import Reason
from tests.support.events.dead_letters import dead_letter, name_of
from tests.support.memory.memory_replay import DEAD, ORIGIN, FaultyPublisher, Killed, MemoryReplay

MISSING = Selection(reasons=("document_missing",))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from(["ok", "lost", "failed", "killed", "killed-after"]), max_size=12),
    st.integers(0, 25),
    st.integers(1, 6),
    st.sets(st.integers(0, 24)),
)
def test_whatever_goes_wrong_each_selected_record_is_there_once(
    words: list[str], count: int, batch: int, others: set[int]
) -> None:
    replay = MemoryReplay()
    wanted = []
    for number in range(count):
        reason = Reason.UNDECODABLE if number in others else Reason.DOCUMENT_MISSING
        wanted += [f"q{number}"] if reason is Reason.DOCUMENT_MISSING else []
        replay.send(dead_letter(DEAD, f"q{number}", reason, origin=ORIGIN, partition=number % 3))
    committed: list[str] = []
    unknown: list[str] = []
    while True:
        run, log = replay.replay(
            MISSING, batch=batch, open_publisher=lambda: FaultyPublisher(replay.publisher(), words)
        )
        try:
            run.run()
        except Killed:
            unknown += [
                name_of(s.letter.record.headers) for steps, state in log.batches if state is None for s in steps
            ]
            committed += log.committed
            continue
        committed += log.committed
        break
    assert Counter(replay.names_at(ORIGIN)) == Counter(wanted)
    assert len(committed) == len(set(committed))
    assert set(committed) <= set(wanted) <= set(committed) | set(unknown)
    assert replay.survey(MISSING).selected == 0
    assert (replay.lag() == 0) is (len(wanted) == count)


def test_who_is_taken_over_stops_and_nothing_is_doubled() -> None:
    replay = MemoryReplay()
    names = replay.fill(12)
    others: list[int] = []

    def begin_another_after_four(counts: ReplayCounts) -> bool:
        if counts.sent >= 4 and not others:
            others.append(replay.run()[0].sent)
        return False

    first, log = replay.replay(batch=2, interrupted=begin_another_after_four)
    with pytest.raises(Stop, match="took over after 4 records"):
        first.run()
    assert others == [8]
    assert Counter(replay.names_at(ORIGIN)) == Counter(names)
    assert [state for _, state in log.batches] == [BatchState.COMMITTED, BatchState.COMMITTED, BatchState.ABORTED]


def test_who_is_taken_over_and_told_something_vague_does_not_take_it_back() -> None:
    replay = MemoryReplay()
    names = replay.fill(12)
    later: list[Any] = []

    class Vague(FaultyPublisher):
        """As a real broker now and then: who is fenced while it commits hears of an unknown error."""

        def publish(self, records: Sequence[Outgoing], offsets: Mapping[Partition, int]) -> None:
            try:
                super().publish(records, offsets)
            except Fenced as error:
                raise Retryable("an unknown error") from error

    def later_begins_after_four(counts: ReplayCounts) -> bool:
        if counts.sent >= 4 and not later:
            # It has sent one batch, and is still at it.
            later.append(replay.run(batch=2, interrupted=lambda other: other.sent >= 2)[0].sent)
        return False

    earlier, log = replay.replay(
        batch=2, open_publisher=lambda: Vague(replay.publisher(), []), interrupted=later_begins_after_four
    )
    with pytest.raises(Stop, match="took over after 4 records"):
        earlier.run()
    assert later == [2]
    assert len(replay.at(ORIGIN)) == 6
    assert [state for _, state in log.batches] == [BatchState.COMMITTED, BatchState.COMMITTED, BatchState.ABORTED]
    replay.run()
    assert Counter(replay.names_at(ORIGIN)) == Counter(names)


def test_a_batch_that_was_committed_before_the_takeover_is_not_written_down_as_aborted() -> None:
    replay = MemoryReplay()
    names = replay.fill(8)
    later: list[int] = []

    class LostReply(FaultyPublisher):
        """The commit is made and its reply lost; asked again, the broker says that another run took over meanwhile."""

        def publish(self, records: Sequence[Outgoing], offsets: Mapping[Partition, int]) -> None:
            super().publish(records, offsets)
            if len(replay.at(ORIGIN)) >= 4 and not later:
                later.append(replay.run(batch=2)[0].sent)
                raise Fenced("another process took over")

    run, log = replay.replay(batch=2, open_publisher=lambda: LostReply(replay.publisher(), []))
    with pytest.raises(Stop, match="took over after 4 records"):
        run.run()
    assert later == [4]
    assert [state for _, state in log.batches] == [BatchState.COMMITTED, BatchState.COMMITTED]
    assert Counter(replay.names_at(ORIGIN)) == Counter(names)


def test_a_takeover_of_which_the_ledger_cannot_be_read_leaves_the_batch_undecided() -> None:
    replay = MemoryReplay()
    replay.fill(4)

    class FencedWithoutABroker(FaultyPublisher):
        def publish(self, records: Sequence[Outgoing], offsets: Mapping[Partition, int]) -> None:
            if offsets:  # not the run's own entry
                replay.broker.fail_next("end_offsets", Retryable("no answer"))
                raise Fenced("another process took over")
            super().publish(records, offsets)

    run, log = replay.replay(open_publisher=lambda: FencedWithoutABroker(replay.publisher(), []))
    with pytest.raises(Stop, match="took over after 0 records"):
        run.run()
    assert [state for _, state in log.batches] == [None]


def test_interrupted_it_finishes_its_batch_and_goes_on_when_started_again() -> None:
    replay = MemoryReplay()
    replay.fill(12)
    counts, log = replay.run(batch=4, interrupted=lambda counts: counts.sent >= 4)
    assert counts.sent == 4
    assert [state for _, state in log.batches] == [BatchState.COMMITTED]
    replay.run()
    assert Counter(replay.names_at(ORIGIN)) == Counter(f"q{number}" for number in range(12))


def test_a_broker_that_stays_away_is_given_up_and_nothing_is_lost() -> None:
    replay = MemoryReplay()
    replay.fill(4)
    words = ["ok", *["failed"] * 100]
    run, log = replay.replay(open_publisher=lambda: FaultyPublisher(replay.publisher(), words))
    with pytest.raises(Stop, match="run it again to go on"):
        run.run()
    assert replay.at(ORIGIN) == []
    # The last batch was not settled: whether it was committed is for the topics to say.
    assert {state for _, state in log.batches[:-1]} == {BatchState.ABORTED}
    assert replay.run()[0].sent == 4


def test_what_the_broker_refuses_stops_the_run_and_is_written_down_as_not_sent() -> None:
    replay = MemoryReplay()
    replay.fill(4)

    class RefusingPublisher(FaultyPublisher):
        def publish(self, records: Sequence[Outgoing], offsets: Mapping[Partition, int]) -> None:
            if offsets:  # not the run's own entry
                raise Stop("not authorized")
            super().publish(records, offsets)

    run, log = replay.replay(open_publisher=lambda: RefusingPublisher(replay.publisher(), []))
    with pytest.raises(Stop, match="not authorized"):
        run.run()
    assert [state for _, state in log.batches] == [BatchState.ABORTED]
    assert replay.run()[0].sent == 4
