"""SIGTERM and Ctrl-C end a loop, not the program in the middle of something."""

from __future__ import annotations

import signal
import threading

import structlog

_log = structlog.get_logger(__name__)


def set_on_signals(stop: threading.Event) -> None:
    """Have SIGTERM and SIGINT set the event; a second Ctrl-C does not wait."""
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda number, _: _stop(stop, number))


def _stop(stop: threading.Event, number: int) -> None:
    if stop.is_set() and number == signal.SIGINT:
        raise KeyboardInterrupt
    _log.info("stopping", signal=signal.Signals(number).name)
    stop.set()
