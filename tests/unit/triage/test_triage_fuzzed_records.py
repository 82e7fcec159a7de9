"""A small share of `make fuzz`: whatever a record holds, each has exactly one outcome and none stops the program."""

from __future__ import annotations

from tests.fuzzing.run import fuzz
from tests.fuzzing.seeds import KINDS

RECORDS = 5_000


def test_every_generated_record_has_exactly_one_outcome() -> None:
    summary = fuzz(seed=20_261_125, numbers=range(RECORDS))
    assert [fall.what for fall in summary.falls[:3]] == []
    assert summary.outcomes.total() == RECORDS
    assert {kind for kind, _ in summary.outcomes} == set(KINDS)
