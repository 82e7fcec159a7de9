"""Due times that were written down by another clock."""

from __future__ import annotations

import pytest

from spanstream.consumer.clock import monotonic_due
from tests.support.memory.fake_time import FakeClock


@pytest.mark.parametrize(
    ("due_in_ms", "longest_ms", "waits"),
    [(5_000, 60_000, 5.0), (90_000, 60_000, 60.0), (-5_000, 60_000, 0.0), (5_000, -1, 0.0)],
)
def test_a_wait_ends_when_it_is_due_and_is_never_longer_than_it_was_meant(
    due_in_ms: int, longest_ms: int, waits: float
) -> None:
    clock = FakeClock()
    due = monotonic_due(clock, clock.now_ms() + due_in_ms, longest_ms=longest_ms)
    assert due == pytest.approx(clock.monotonic() + waits)


@pytest.mark.parametrize("number", [10**400, -(10**400)])
def test_numbers_of_any_size_are_times(number: int) -> None:
    clock = FakeClock()
    assert monotonic_due(clock, number, longest_ms=abs(number)) >= clock.monotonic()
