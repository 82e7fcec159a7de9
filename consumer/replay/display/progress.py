"""Shows how far a replay is: a bar on a terminal, a line in the log now and then elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import structlog

from spanstream.consumer.clock import Clock
from spanstream.consumer.replay.sending.counts import ReplayCounts
from spanstream.consumer.terminal.progress import ProgressStep, at_intervals, show_progress

_log = structlog.get_logger(__name__)

_LOG_SECONDS = 10.0


def show_replay(total: int, clock: Clock) -> AbstractContextManager[Callable[[ReplayCounts], None]]:
    """Gives a function to call with the counts after every batch of a replay of `total` records."""
    started = clock.monotonic()

    def log(counts: ReplayCounts) -> None:
        if not counts.sent:
            return
        seconds = clock.monotonic() - started
        left = seconds / counts.sent * (total - counts.sent)
        _log.info("replaying", sent=counts.sent, of=total, seconds=round(seconds, 1), seconds_left=round(left, 1))

    return show_progress(
        lambda counts: ProgressStep(counts.sent, total), at_intervals(log, clock, seconds=_LOG_SECONDS)
    )
