"""Runs a session on a thread that gets the CPU when no other thread of the machine wants it."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from spanstream.models.inference.packing import Batch
from spanstream.models.inference.session import Logits, Session

_LOWEST_PRIORITY: Final = 19  # of Unix's nice values


class LowPrioritySession:
    """Implements `Session`; one batch after the other.

    A thread of its own, because a priority is not given back: nothing but the session runs at the lower one. Where the
    platform has no priorities of threads, it is an ordinary thread.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="infer low", initializer=_lower_priority)

    def run(self, batch: Batch) -> Logits:
        """Returns the logits of a batch; raises as the session does."""
        return self._pool.submit(self._session.run, batch).result()


def _lower_priority() -> None:
    """Lowers the priority of this thread alone, which only Linux does."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST_PRIORITY)
