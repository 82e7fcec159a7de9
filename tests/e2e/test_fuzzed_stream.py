"""A small share of `make fuzz --running`: whatever records hold, running consumers give each exactly one outcome."""

from __future__ import annotations

from pathlib import Path

from tests.fuzzing.running import KINDS, fuzz_running
from tests.support.kafka.kafka_broker import KafkaBroker

RECORDS = 600


def test_running_consumers_give_every_generated_record_exactly_one_outcome(kafka: KafkaBroker, tmp_path: Path) -> None:
    summary = fuzz_running(20_261_126, RECORDS, kafka.bootstrap, tmp_path)
    assert summary.wrong == []
    assert summary.outcomes.total() == RECORDS
    assert {kind for kind, _ in summary.outcomes} == set(KINDS)
