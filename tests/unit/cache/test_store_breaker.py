from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from spanstream.consumer.cache.byte_store import StoreFailure, StoreUnavailable
from spanstream.consumer.cache.store_breaker import BreakerOptions, StoreBreaker, StoreChange


@dataclass(slots=True)
class Store:
    """A store that fails when the test says so, its breaker, and a clock that the test moves."""

    failing: bool = True
    asked: int = 0
    now: float = 1000.0
    changes: list[StoreChange] = field(default_factory=list)
    breaker: StoreBreaker = field(init=False)

    def __post_init__(self) -> None:
        options = BreakerOptions(fail_max=3, reset_seconds=10, on_change=self.changes.append, clock=lambda: self.now)
        self.breaker = StoreBreaker("a store", "read", options)

    def answer(self) -> str:
        self.asked += 1
        if self.failing:
            raise StoreUnavailable(StoreFailure.TIMEOUT, "no answer")
        return "answer"

    def failures(self, calls: int) -> list[StoreFailure]:
        reasons = []
        for _ in range(calls):
            with pytest.raises(StoreUnavailable) as caught:
                self.breaker.call(self.answer)
            reasons.append(caught.value.reason)
        return reasons


def test_after_the_failures_in_a_row_the_store_is_not_asked_any_more() -> None:
    store = Store()
    assert store.failures(6) == [StoreFailure.TIMEOUT] * 3 + [StoreFailure.NOT_ASKED] * 3
    assert store.asked == 3


def test_failures_with_a_success_between_them_do_not_add_up() -> None:
    store = Store()
    for _ in range(5):
        store.failing = True
        store.failures(2)
        store.failing = False
        assert store.breaker.call(store.answer) == "answer"
    assert store.changes == []


def test_it_is_asked_once_after_the_pause_and_again_left_alone_when_that_fails() -> None:
    store = Store()
    store.failures(3)
    store.now += 9.9
    assert store.failures(1) == [StoreFailure.NOT_ASKED]
    store.now += 0.2
    assert store.failures(2) == [StoreFailure.TIMEOUT, StoreFailure.NOT_ASKED]
    assert store.asked == 4


def test_it_recovers_by_itself() -> None:
    store = Store()
    store.failures(3)
    store.failing = False
    store.now += 10.1
    assert [store.breaker.call(store.answer) for _ in range(3)] == ["answer"] * 3
    store.failing = True
    assert store.failures(4) == [StoreFailure.TIMEOUT] * 3 + [StoreFailure.NOT_ASKED]


def test_a_change_is_told_once_with_its_reason_however_many_calls_and_probes_fail() -> None:
    store = Store()
    store.failures(20)
    for _ in range(5):
        store.now += 11
        store.failures(2)
    down = StoreChange("a store", "read", available=False, reason=StoreFailure.TIMEOUT, detail="no answer")
    assert store.changes == [down]
    store.failing = False
    store.now += 11
    store.breaker.call(store.answer)
    store.breaker.call(store.answer)
    assert store.changes == [down, StoreChange("a store", "read", available=True, reason=None)]
