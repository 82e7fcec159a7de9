"""When the circuit opens, and what does not open it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from spanstream.consumer.delivery.circuit import Circuit
from spanstream.consumer.errors import CircuitOpen, Stop
from spanstream.schemas.dead_letters import Reason

BAD = Reason.UNDECODABLE


class CountingCircuit(Circuit):
    """A circuit whose chunks are always published."""

    def observe(self, reasons: Iterable[Reason | None]) -> None:
        outcomes = list(reasons)
        self.check(outcomes)
        self.count(outcomes)


def circuit() -> CountingCircuit:
    return CountingCircuit(window=10, min_records=4, max_share=0.5)


def test_nothing_is_judged_before_there_are_enough_records() -> None:
    circuit().observe([BAD] * 3)


def test_more_than_the_share_of_poison_opens_it_and_exactly_the_share_does_not() -> None:
    breaker = circuit()
    breaker.observe([BAD, BAD, None, None])
    with pytest.raises(CircuitOpen, match="3 of the latest 5 records failed, mostly with undecodable"):
        breaker.observe([BAD])


def test_only_the_latest_records_count() -> None:
    breaker = circuit()
    breaker.observe([None] * 100)
    breaker.observe([BAD] * 5)
    with pytest.raises(CircuitOpen, match="6 of the latest 10"):
        breaker.observe([BAD])


def test_poison_that_is_long_ago_is_forgotten() -> None:
    breaker = circuit()
    breaker.observe([BAD, None] * 5)
    breaker.observe([None] * 10)
    breaker.observe([BAD] * 5)


@pytest.mark.parametrize("reason", [Reason.DOCUMENT_MISSING, Reason.DOCUMENT_CHANGED])
def test_a_missing_or_changed_document_is_no_poison(reason: Reason) -> None:
    circuit().observe([reason] * 50)


@pytest.mark.parametrize("reason", sorted(set(Reason) - {Reason.DOCUMENT_MISSING, Reason.DOCUMENT_CHANGED}))
def test_every_other_reason_is(reason: Reason) -> None:
    with pytest.raises(CircuitOpen, match=reason):
        circuit().observe([reason] * 4)


def test_a_share_of_one_never_opens() -> None:
    CountingCircuit(window=10, min_records=1, max_share=1.0).observe([BAD] * 100)


def test_what_is_only_judged_does_not_count() -> None:
    breaker = circuit()
    for _ in range(10):
        breaker.check([BAD] * 3)
    breaker.count([BAD] * 3)
    with pytest.raises(CircuitOpen, match="4 of the latest 4"):
        breaker.check([BAD])


def test_an_open_circuit_stops_the_program() -> None:
    assert issubclass(CircuitOpen, Stop)
