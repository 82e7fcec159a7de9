"""SIGTERM and Ctrl-C end a loop after its turn, not the program in the middle of something."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class ReceivedSignal:
    """The first signal that asked the program to end.

    Attributes:
        number: the signal's; None while none came.
    """

    number: int | None = None

    @property
    def exit_code(self) -> int:
        """128 and the signal's number, as shells and the JVM count: 143 SIGTERM, 130 SIGINT; 0 where none came."""
        return 0 if self.number is None else 128 + self.number


def set_on_signals(stop: threading.Event, on_signal: Callable[[str], None] = lambda _: None) -> ReceivedSignal:
    """Makes SIGTERM and SIGINT set the event; a second Ctrl-C ends the program at once.

    Args:
        stop: set by the first signal.
        on_signal: called with the signal's name before the event is set.

    Returns:
        What knows, when the loop has ended, which signal ended it.
    """
    received = ReceivedSignal()

    def handle(number: int, _: object) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.number = received.number or number
        on_signal(signal.Signals(number).name)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
    return received
