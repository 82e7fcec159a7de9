"""How far a replay is: a bar on a terminal, a line in the log now and then elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from spanstream.consumer.clock import Clock, Deadline
from spanstream.consumer.replay.sending.sender import ReplayCounts

_log = structlog.get_logger(__name__)

Watch = Callable[[ReplayCounts], None]

_LOG_SECONDS = 10.0


@contextmanager
def watch(total: int, clock: Clock) -> Iterator[Watch]:
    """What is told of every batch of so many records."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _logging(total, clock)
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda tally: bar.update(task, completed=tally.sent)


def _logging(total: int, clock: Clock) -> Watch:
    began, due = clock.monotonic(), Deadline(clock, _LOG_SECONDS)

    def log(tally: ReplayCounts) -> None:
        nonlocal due
        if not due.has_passed or not tally.sent:
            return
        due = Deadline(clock, _LOG_SECONDS)
        passed = clock.monotonic() - began
        left = passed / tally.sent * (total - tally.sent)
        _log.info("replaying", sent=tally.sent, of=total, seconds=round(passed, 1), seconds_left=round(left, 1))

    return log
