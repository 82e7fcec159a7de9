"""Stops asking a store that keeps failing, and lets one call through now and then to see whether it is back.

The state machine is pybreaker's; what is added is the clock, and that a change is told once instead of with every call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar

import pybreaker

from spanstream.consumer.cache.byte_store import StoreFailure, StoreUnavailable

_T = TypeVar("_T")
Operation = Literal["read", "write"]


@dataclass(frozen=True, slots=True)
class StoreChange:
    """Reads or writes stopped (`reason` and `detail` say why) or are back; told once each, not per call."""

    store: str
    operation: Operation
    available: bool
    reason: StoreFailure | None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerOptions:
    """When to stop asking.

    Attributes:
        fail_max: failures in a row after which the store is not asked any more.
        reset_seconds: how long it is not asked; then one call is let through, and its success ends the pause.
        on_change: told when it stops and when it is back; must not raise.
        clock: seconds that are never set back.
    """

    fail_max: int
    reset_seconds: float
    on_change: Callable[[StoreChange], None]
    clock: Callable[[], float]


class StoreBreaker:
    """A circuit breaker in front of one kind of operation; threads that share it take turns."""

    def __init__(self, store: str, operation: Operation, options: BreakerOptions) -> None:
        self._store = store
        self._breaker = pybreaker.CircuitBreaker(
            fail_max=options.fail_max,
            reset_timeout=options.reset_seconds,
            listeners=[_ChangeListener(store, operation, options.on_change)],
            state_storage=_MonotonicStorage(options.clock),
            throw_new_error_on_trip=False,  # the call that trips it still says why it failed
        )

    def call(self, ask: Callable[[], _T]) -> _T:
        """Asks, unless it failed too often lately.

        Raises:
            StoreUnavailable: it was not asked (`StoreFailure.NOT_ASKED`), or asking raised this.
        """
        try:
            return self._breaker.call(ask)
        except pybreaker.CircuitBreakerError:
            raise StoreUnavailable(StoreFailure.NOT_ASKED, f"{self._store} failed lately and is not asked") from None


class _MonotonicStorage(pybreaker.CircuitMemoryStorage):
    """Measures how long a breaker is open by a clock that is never set back; pybreaker compares wall-clock times."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(pybreaker.STATE_CLOSED)
        self._clock = clock
        self._opened: float | None = None

    @property
    def opened_at(self) -> datetime | None:
        """As long before the present wall-clock time as the breaker has been open."""
        return None if self._opened is None else datetime.now(UTC) - timedelta(seconds=self._clock() - self._opened)

    @opened_at.setter
    def opened_at(self, _: datetime) -> None:
        self._opened = self._clock()


class _ChangeListener(pybreaker.CircuitBreakerListener):
    """Turns a breaker's states into `StoreChange`s; a probe that fails has changed nothing."""

    def __init__(self, store: str, operation: Operation, on_change: Callable[[StoreChange], None]) -> None:
        self._store, self._operation, self._on_change = store, operation, on_change
        self._available = True
        self._reason: StoreFailure | None = None
        self._detail = ""

    def failure(self, cb: pybreaker.CircuitBreaker, exc: BaseException) -> None:  # noqa: ARG002  pybreaker's signature
        """Remembers why, for the change that may follow."""
        self._reason = exc.reason if isinstance(exc, StoreUnavailable) else None
        self._detail = str(exc) if isinstance(exc, StoreUnavailable) else ""

    def state_change(
        self,
        cb: pybreaker.CircuitBreaker,  # noqa: ARG002  pybreaker's signature
        old_state: pybreaker.CircuitBreakerState | None,  # noqa: ARG002  pybreaker's signature
        new_state: pybreaker.CircuitBreakerState,
    ) -> None:
        """Tells what changed for those who use the store."""
        available = {pybreaker.STATE_OPEN: False, pybreaker.STATE_CLOSED: True}.get(new_state.name, self._available)
        if available is not self._available:
            self._available = available
            reason, detail = (None, "") if available else (self._reason, self._detail)
            self._on_change(StoreChange(self._store, self._operation, available, reason, detail))
