"""SIGTERM and Ctrl-C end a loop after its turn, not the program in the middle of something."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable


def set_on_signals(stop: threading.Event, on_signal: Callable[[str], None] = lambda _: None) -> None:
    """Makes SIGTERM and SIGINT set the event; a second Ctrl-C ends the program at once.

    Args:
        stop: set by the first signal.
        on_signal: called with the signal's name before the event is set.
    """

    def handle(number: int, _: object) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        on_signal(signal.Signals(number).name)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
