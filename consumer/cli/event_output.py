"""Writes events to standard output: for programs as they are, for people without what would act on their terminal."""

from __future__ import annotations

import sys

from spanstream.consumer.terminal.sanitizing import sanitized


def write_event(value: bytes) -> None:
    """Writes an event on a line: byte for byte, or on a terminal with control characters made visible."""
    if sys.stdout.isatty():
        sys.stdout.write(f"{sanitized(value.decode(errors='backslashreplace'))}\n")
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(value + b"\n")
    sys.stdout.flush()
