"""Explains answers with the model, which is opened when the first one is asked for."""

from __future__ import annotations

import threading

from spanstream.consumer.answering.open_reader import open_reader
from spanstream.consumer.operations.explaining import explain_event
from spanstream.consumer.settings import Settings
from spanstream.models.explaining.explanation import Explanation
from spanstream.models.reader import Reader
from spanstream.schemas.events import Question


class Explainer:
    """Explains one answer at a time; the others wait."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reader: Reader | None = None
        self._lock = threading.Lock()

    def explain(self, question: Question, text: str) -> Explanation:
        """Returns what this machine's model makes of a question.

        Raises:
            Stop: the model cannot be opened, or cannot read it.
        """
        with self._lock:
            if self._reader is None:
                self._reader = open_reader(self._settings)
            return explain_event(self._reader, question, text)

    def close(self) -> None:
        """Lets go of the model."""
        with self._lock:
            if self._reader is not None:
                self._reader.close()
