"""Time that passes when a test says so, and work that is done when a test says so."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

EPOCH_MS = 1_780_000_000_000


class FakeClock:
    """A `spanstream.consumer.clock.Clock`; whoever sleeps moves it on.

    Attributes:
        now: seconds that never go back.
        wall_shift: seconds that the time to write down is ahead of them; a test that sets the clock changes it.
    """

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.wall_shift = 0.0

    def monotonic(self) -> float:
        return self.now

    def now_ms(self) -> int:
        return EPOCH_MS + round((self.now + self.wall_shift) * 1000)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class StoppingClock(FakeClock):
    """Sets an event when its time has come."""

    def __init__(self) -> None:
        super().__init__()
        self.stop = threading.Event()
        self.stop_at = self.now + 5.0

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self.now >= self.stop_at:
            self.stop.set()


class _Task(Future[Any]):
    """Done by whoever has the patience to wait for it."""

    # Seconds: who waits longer than the loop's moment gets the result.
    PATIENCE = 0.05

    def __init__(self, work: Callable[[], object], clock: FakeClock) -> None:
        super().__init__()
        self._work, self._clock = work, clock

    def exception(self, timeout: float | None = None) -> BaseException | None:
        if not self.done():
            if timeout is not None and timeout <= self.PATIENCE:
                self._clock.sleep(timeout)
                raise TimeoutError
            self.carry_out()
        return super().exception(0)

    def carry_out(self) -> None:
        if not self.set_running_or_notify_cancel():
            return
        try:
            self.set_result(self._work())
        except Exception as error:  # noqa: BLE001  as every executor does
            self.set_exception(error)


class HandPool(Executor):
    """An executor whose tasks run one by one, on the caller's thread, when `work` is called.

    With `at_once`, they run when they are submitted.
    """

    def __init__(self, clock: FakeClock, *, at_once: bool = False) -> None:
        self._clock = clock
        self._tasks: list[_Task] = []
        self.at_once = at_once
        self.is_shut_down = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        assert not self.is_shut_down
        task = _Task(lambda: fn(*args, **kwargs), self._clock)
        self._tasks.append(task)
        if self.at_once:
            self.work()
        return task

    def work(self, tasks: int = 1) -> None:
        """Does the oldest tasks that are not done."""
        self._tasks = [task for task in self._tasks if not task.done()]
        for task in self._tasks[:tasks]:
            task.carry_out()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002  the executor's signature
        self.is_shut_down = True
        for task in self._tasks:
            task.cancel()
