"""Has the engine do its upkeep now and then, beside the loop: it may take minutes, and is safe to be killed in."""

from __future__ import annotations

import threading
from typing import Final

import structlog

from spanstream.consumer.clock import Clock, Deadline
from spanstream.consumer.errors import SpanstreamError
from spanstream.consumer.passages.index import PassageIndex

_log = structlog.get_logger(__name__)

# Seconds between two upkeeps of an index that changes.
_EVERY: Final = 60.0


class Upkeep:
    """Optimizes an index on a thread of its own, one time after the other."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due = Deadline(clock, _EVERY)
        self._thread: threading.Thread | None = None
        self._has_changed = False

    def changed(self) -> None:
        """Takes in that the index has changed."""
        self._has_changed = True

    def start_if_due(self, index: PassageIndex) -> None:
        """Begins, if the index has changed and the last time is long enough ago."""
        if not (self._has_changed and self._due.has_passed) or self.is_running:
            return
        self._has_changed, self._due = False, Deadline(self._clock, _EVERY)
        self._thread = threading.Thread(target=optimize, args=(index,), name="upkeep", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether the engine is at it."""
        return self._thread is not None and self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Waits for its end; longer than that it is left alone."""
        if self._thread is not None:
            self._thread.join(seconds)


def optimize(index: PassageIndex) -> None:
    """Does the upkeep; what fails is done the next time."""
    try:
        index.optimize()
    except SpanstreamError as error:
        _log.warning("index_upkeep_failed", detail=str(error))
