"""Seconds of work waiting: what it counts, what it does not, and that the running consumer exports it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.consumer.answering.work_estimate import WorkEstimate
from tests.support.memory.memory_stream import quick_retries
from tests.support.memory.turns import ask, two_documents

counts = st.integers(0, 10_000)
rates = st.floats(0.1, 10_000)


@given(records=st.integers(1, 10_000), windows=counts, ready=counts, pending=counts, rate=rates)
def test_it_is_the_windows_there_are_and_will_be_by_the_rate(
    records: int, windows: int, ready: int, pending: int, rate: float
) -> None:
    work = WorkEstimate()
    work.prepared(records, windows)
    seconds = work.seconds(records_ready=ready, windows_pending=pending, windows_per_second=rate)
    assert seconds * rate == pytest.approx(pending + ready * windows / records)


@pytest.mark.parametrize("rate", [None, 0.0])
def test_without_a_rate_it_claims_nothing(rate: float | None) -> None:
    assert WorkEstimate().seconds(records_ready=9, windows_pending=9, windows_per_second=rate) == 0.0


def test_before_anything_was_prepared_a_record_counts_as_one_window() -> None:
    assert WorkEstimate().seconds(records_ready=8, windows_pending=0, windows_per_second=4.0) == 2.0


def test_windows_a_record_follow_the_stream() -> None:
    work = WorkEstimate()
    for _ in range(50):
        work.prepared(64, 64)
    assert work.windows_per_record == 1.0
    for _ in range(50):
        work.prepared(64, 8 * 64)
    assert work.windows_per_record == pytest.approx(8.0, rel=0.01)


def test_a_running_consumer_exports_what_it_has_read_and_not_done() -> None:
    stream = two_documents()
    member = stream.start()
    ask(stream, "a", "b", "c", "d")
    stream.settle("abcd")
    member.turn()
    assert member.metric("work_waiting_seconds") == 0.0
    member.pool.at_once = False
    ask(stream, *(f"q{number}" for number in range(12)))
    for _ in range(60):
        member.turn()
    # Eight windows in flight and four records ready, each of them one window as those before.
    rate = member.metric("cpu_windows_per_second")
    assert rate > 0
    assert member.metric("work_waiting_seconds") == pytest.approx(12 / rate)
    stream.settle(f"q{number}" for number in range(12))
    member.turn()
    assert member.metric("work_waiting_seconds") == 0.0


def test_a_retry_that_waits_for_its_time_is_no_work() -> None:
    stream = two_documents()
    member = stream.start(retries=quick_retries(delay_seconds=60.0))
    ask(stream, "a")
    stream.settle("a")
    stream.question("b", "missing")
    stream.until(lambda: member.metric("backlog_records") == 1)
    assert member.metric("cpu_windows_per_second") > 0
    assert member.metric("work_waiting_seconds") == 0.0
