"""A ticket stream whose topics get different numbers of partitions while it runs: the log and the probe say so."""

from __future__ import annotations

from structlog.testing import capture_logs

from tests.support.memory.memory_triage import TOPICS, MemoryTriage


def test_tickets_that_get_more_partitions_while_it_runs_are_told_in_the_log_and_by_the_probe() -> None:
    stream = MemoryTriage()
    member = stream.start()
    stream.broker.create_topic(TOPICS.tickets, 3)
    with capture_logs() as lines:
        member.turn(20)
    (line,) = [line for line in lines if line["event"] == "partition_counts_differ"]
    assert f"{TOPICS.tickets} 3" in line["detail"]
    assert "same number of partitions" in member.application.health.waiting_for
