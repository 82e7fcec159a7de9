"""Tells whether the index may have missed that a document was deleted.

A tombstone that is compacted away before it was read leaves its document in the index. It is kept for the topic's
`delete.retention.ms`, so nothing is missed where less time lies between the moment as of which everything was read, and
the moment at which reading has come further. Records that retention deletes leave no tombstone at all; that the
partition begins later than before tells of them.

The moments are the members' own: timestamps of records are what producers say, and a member that lags reads old ones.
"""

from __future__ import annotations

from typing import Final

import structlog

from spanstream.consumer.broker.protocols import PartitionReader
from spanstream.consumer.errors import Stop
from spanstream.consumer.passages.index import SweepMark

_log = structlog.get_logger(__name__)

END_LOST: Final = SweepMark(as_of_ms=0, begin=0)
"""Of a partition that lost records at its end: what the index has of them nobody deletes."""

# Clocks differ, and a wait for an answer takes its time.
_SAFE_SHARE: Final = 0.9
# A member looks every few seconds: where the topic keeps a tombstone no longer, every look would come too late.
_LEAST_SECONDS: Final = 30.0
# Where the topic may not be asked; one that `topics create` made keeps them for a day.
_UNKNOWN_SECONDS: Final = 3600.0


def safe_seconds(reader: PartitionReader, topic: str) -> float:
    """Tells for how long deletions in a topic can be read, however late they are. Raises `Retryable` on no answer."""
    try:
        kept = reader.tombstone_seconds(topic)
    except Stop as error:
        kept = _UNKNOWN_SECONDS
        _log.warning("tombstone_time_unknown", topic=topic, counted_seconds=kept, hint=error.hint)
    return _SAFE_SHARE * max(kept, _LEAST_SECONDS)


def why_due(mark: SweepMark | None, begin: int, now_ms: int, safe_for: float) -> str:
    """Returns why a partition has to be swept, as logs and metrics say it; empty: it has not.

    Args:
        mark: of the partition in the index.
        begin: where the partition begins now.
        now_ms: milliseconds since the epoch.
        safe_for: seconds that deletions can be read.
    """
    if mark is None:
        return "no_mark"
    if mark == END_LOST:
        return "end_lost"
    if begin > mark.begin:
        return "records_deleted"
    return "away_too_long" if now_ms - mark.as_of_ms > 1000 * safe_for else ""
