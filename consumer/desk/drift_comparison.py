"""Compares the latest answers with what the model was calibrated on, as `spanstream drift` does, when a page asks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from spanstream.consumer.broker.protocols import PartitionReader
from spanstream.consumer.clock import Clock
from spanstream.consumer.errors import Stop
from spanstream.consumer.model_source.source import model_folder
from spanstream.consumer.operations.drift_report import AnswerSelection, DriftReport, drift_report
from spanstream.consumer.settings import Settings
from spanstream.models.artifact import load_artifact
from spanstream.models.errors import ModelError

LATEST: Final = 1_000
"""Answers that are compared, as the command does by default."""


class DriftComparison:
    """Makes one comparison at a time, and keeps the last one.

    Args:
        settings: name the topics and the model, whose reference is compared with.
        open_reader: opens a reader; each of them is closed.
        clock: bounds how long Kafka may be silent.
    """

    def __init__(self, settings: Settings, open_reader: Callable[[], PartitionReader], clock: Clock) -> None:
        self._settings = settings
        self._open_reader = open_reader
        self._clock = clock
        self._lock = threading.Lock()
        self.last: DriftReport | None = None
        self.made_ms: int | None = None

    def compare(self) -> None:
        """Reads the answers and their texts, and keeps what came of it.

        Raises:
            Stop: the model cannot be opened or has no reference, a topic is not there, or another one runs.
            Retryable: Kafka did not answer in time.
        """
        if not self._lock.acquire(blocking=False):
            raise Stop("another comparison is running on this desk: try again when it is done")
        try:
            artifact = load_artifact(model_folder(self._settings.model))
            self.last = drift_report(AnswerSelection(LATEST), self._settings, artifact, self._open_reader, self._clock)
            self.made_ms = self._clock.now_ms()
        except ModelError as error:
            raise Stop(str(error)) from error
        finally:
            self._lock.release()
