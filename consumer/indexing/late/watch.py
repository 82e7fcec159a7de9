"""Asks open questions again on a thread of its own, in the one member that leads, beginning anew after each error."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Final

import structlog

from spanstream.consumer.errors import SpanstreamError
from spanstream.consumer.indexing.late.asking import LateDocuments
from spanstream.consumer.logs import exception_facts

_log = structlog.get_logger(__name__)

# Seconds.
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0
_CLOSE: Final = 10.0


class LateWatch:
    """Runs while its member leads. Two that think they do fence each other.

    Args:
        open_late: opens what asks again.
    """

    def __init__(self, open_late: Callable[[], LateDocuments]) -> None:
        self._open_late = open_late
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def lead(self, *, leads: bool) -> None:
        """Begins where the member leads, and ends where it does so no more."""
        if leads and self._thread is None:
            self._stop = threading.Event()
            self._thread = threading.Thread(target=self._run, args=(self._stop,), name="late", daemon=True)
            self._thread.start()
        elif not leads and self._thread is not None:
            self._stop.set()
            self._thread = None

    def close(self) -> None:
        """Ends it, and waits for that a moment: what it has not committed is done by whoever comes next."""
        thread = self._thread
        self.lead(leads=False)
        if thread is not None:
            thread.join(_CLOSE)

    def _run(self, stop: threading.Event) -> None:
        pause = _FIRST_PAUSE
        while not stop.is_set():
            try:
                with closing(self._open_late()) as late:
                    late.start()
                    _log.info("open_questions_followed")
                    pause = _FIRST_PAUSE
                    while not stop.is_set():
                        late.turn()
            except SpanstreamError as error:
                _log.warning("open_questions_wait", detail=str(error), seconds=pause)
            except Exception as error:  # noqa: BLE001  whatever it is, documents are indexed all the same
                _log.error("open_questions_failed", **exception_facts(error))
            stop.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
