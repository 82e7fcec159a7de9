"""SIGTERM and Ctrl-C end a loop, not the program in the middle of something."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable


def set_on_signals(stop: threading.Event, heard: Callable[[str], None] = lambda _: None) -> None:
    """Have SIGTERM and SIGINT set the event, and tell the signal's name; a second Ctrl-C does not wait."""

    def on_signal(number: int, _: object) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        heard(signal.Signals(number).name)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
