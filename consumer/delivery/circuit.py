"""A circuit breaker: stops the consumer when nearly all records fail, for then the topic or the model is wrong.

Without it, a program that writes something else to the questions topic, or a broken model, would turn the whole topic
into dead letters. The chunk that opens the circuit is not published: its questions stay in their topic.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from spanstream.consumer.errors import CircuitOpen
from spanstream.schemas.dead_letters import Reason

# A missing or changed document says nothing about the topic or the model.
POISON = frozenset(Reason) - {Reason.DOCUMENT_MISSING, Reason.DOCUMENT_CHANGED}


class Circuit:
    """Watches what became of the latest records.

    Args:
        window: how many of the latest records count.
        min_records: stays closed before it has seen so many.
        max_share: opens when a larger share of them is poison.
    """

    def __init__(self, *, window: int, min_records: int, max_share: float) -> None:
        # Of the latest records that are done.
        self._latest: deque[Reason | None] = deque(maxlen=window)
        self._min_records = min_records
        self._max_share = max_share

    def check(self, reasons: Iterable[Reason | None]) -> None:
        """Judges the outcomes of a chunk before it is published: a dead letter's reason, or None for anything else.

        They do not count yet: a chunk that cannot be published is given back, and is judged again.

        Raises:
            CircuitOpen: with them, too large a share of the latest records is poison.
        """
        latest = deque((*self._latest, *reasons), self._latest.maxlen)
        failed = [reason for reason in latest if reason in POISON]
        seen = len(latest)
        if seen >= self._min_records and len(failed) > self._max_share * seen:
            most = max(set(failed), key=failed.count)
            raise CircuitOpen(
                f"{len(failed)} of the latest {seen} records failed, mostly with {most}: the topic or the model looks "
                "wrong. Nothing of the last chunk was published. Correct it, or raise SPANSTREAM_CIRCUIT__MAX_SHARE."
            )

    def count(self, reasons: Iterable[Reason | None]) -> None:
        """Counts outcomes, once each: those that are committed, or that come to nothing else."""
        self._latest.extend(reasons)
