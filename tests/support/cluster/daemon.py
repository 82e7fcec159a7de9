"""A program that runs beside the tests until they stop it, with its log in a file."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Seconds that a program may take to be ready; on a busy machine some of them are slow.
_PATIENCE = 180.0


@dataclass
class Daemon:
    """One running program; it ends with the tests, however they end (Linux)."""

    process: subprocess.Popen[bytes]
    log_file: Path

    @classmethod
    def start(
        cls,
        command: Sequence[str | Path],
        log_file: Path,
        *,
        ready: Callable[[], bool],
        environment: Mapping[str, str] | None = None,
    ) -> Daemon:
        """Starts it and waits until it is ready.

        Raises:
            RuntimeError: it ended, or was not ready in time; with the end of its log.
        """
        setpriv = shutil.which("setpriv")
        with_us = [setpriv, "--pdeathsig", "KILL"] if setpriv else []
        with log_file.open("ab") as log:
            process = subprocess.Popen(
                [*with_us, *command], stdout=log, stderr=log, env=dict(os.environ) | dict(environment or {})
            )
        daemon = cls(process, log_file)
        deadline = time.monotonic() + _PATIENCE
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                daemon.stop()
                raise RuntimeError(f"{Path(command[0]).name} did not start; its log ends: {daemon.log[-3000:]}")
            time.sleep(0.2)
        return daemon

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def stop(self) -> None:
        """Asks it to end, and ends it where it does not."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(20)
