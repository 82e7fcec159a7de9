"""Secrets out of files, for the commands that run until they are stopped: SIGHUP has the files read again."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spanstream.consumer.operations.secret_rotation import SecretRotation
from spanstream.consumer.settings import Settings
from spanstream.consumer.settings.environment import files_in
from spanstream.consumer.settings.loading import load_settings


@contextmanager
def watched_secrets(settings: Settings, config: Path | None, store: object, stop: threading.Event) -> Iterator[None]:
    """Keeps the secrets of files current while the block runs; `stop` is set where only a new start can do it.

    Raises:
        Stop: after the block, where it was for a secret that it ended.
    """
    rotation = SecretRotation(settings, lambda: load_settings(config), files_in(os.environ, Settings), store, stop.set)
    if rotation.has_files:
        signal.signal(signal.SIGHUP, lambda _number, _frame: rotation.look_now())
    with rotation.watching():
        yield
