"""`python -m spanstream.consumer` is the program `spanstream`."""

from __future__ import annotations

import signal


def start() -> None:
    """Runs the program; a Ctrl-C while it is still being imported ends it without a traceback."""
    is_heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_heard:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from spanstream.consumer.cli import main  # noqa: PLC0415  takes most of a second

    if is_heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    main()


if __name__ == "__main__":
    start()
