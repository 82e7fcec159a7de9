"""Asks Kafka again until it answers: what the soak itself wants of brokers that come and go must not fail."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from spanstream.consumer.errors import Retryable

# A stream in which nothing moves for this long will not go on; a busy machine takes its time.
PATIENCE_SECONDS = 300.0
_PAUSE_SECONDS = 1.0
_Result = TypeVar("_Result")


def patiently(ask: Callable[[], _Result]) -> _Result:
    """Returns what Kafka answers; `ask` does no harm when it is called again.

    Raises:
        Retryable: there was no answer for as long as patience lasts.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return ask()
        except Retryable:
            if time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_SECONDS)
