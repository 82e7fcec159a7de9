"""The program as a process of its own: started, watched by its log, signalled and ended."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# Seconds. Nothing takes as long; a machine that is busy may.
PATIENCE = 180.0


def until(done: Callable[[], bool], what: str, seconds: float = PATIENCE, *, every: float = 0.02) -> None:
    """Waits for a condition; a test that waits in vain fails here and says for what."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            pytest.fail(f"not in {seconds:g} s: {what}")
        time.sleep(every)


@dataclass
class Program:
    """One running `python -m spanstream.consumer ...`; its standard error is a file that can be read while it runs."""

    process: subprocess.Popen[bytes]
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def events(self, name: str) -> list[dict[str, Any]]:
        """Its JSON log lines with this event name, as far as they are whole."""
        lines = (line for line in self.log.splitlines() if line.startswith("{") and line.endswith("}"))
        return [event for line in lines if (event := json.loads(line)).get("event") == name]

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def await_event(self, name: str, count: int = 1) -> dict[str, Any]:
        """Returns the event, once the program has logged so many of it."""
        until(lambda: len(self.events(name)) >= count or not self.is_running, f"{name} in the log")
        events = self.events(name)
        assert len(events) >= count, f"the program ended ({self.process.returncode}) without {name}: {self.log[-2000:]}"
        return events[count - 1]

    @property
    def http_port(self) -> int:
        return int(self.await_event("started")["http_port"])

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """As a power cut does; a stopped process too."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def wait(self, seconds: float = PATIENCE) -> int:
        """Its exit code."""
        return self.process.wait(seconds)

    def stop(self) -> int:
        """Sends SIGTERM; returns its exit code."""
        self.send(signal.SIGTERM)
        return self.wait()
