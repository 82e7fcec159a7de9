"""Measures what an approximate search by meaning misses: a share of the searches is made once more, exactly."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from spanstream.consumer.logs import exception_facts
from spanstream.consumer.passages.index import SearchScope
from spanstream.consumer.passages.retrieval import Retriever
from spanstream.models.arrays import Float32Array

_log = structlog.get_logger(__name__)


class RecallSample:
    """Every so many searches, the first after that many. For one thread.

    Args:
        share: of the searches (0 to 1); 0.01: every hundredth.
        observe: takes the share of the nearest passages that one of them found.
    """

    def __init__(self, share: float, observe: Callable[[float], None]) -> None:
        self._share = share
        self._observe = observe
        self._due = 0.0

    def take(self, retriever: Retriever, vector: Float32Array, scope: SearchScope) -> None:
        """Counts a search that was made, and measures it if it is its turn; a failure is a line in the log."""
        self._due += self._share
        if self._due < 1:
            return
        self._due -= 1
        try:
            recall = retriever.recall(vector, scope)
        except Exception as error:  # noqa: BLE001  whatever it is, the question is answered without it
            _log.warning("recall_not_measured", **exception_facts(error))
            return
        if recall is not None:
            self._observe(recall)
