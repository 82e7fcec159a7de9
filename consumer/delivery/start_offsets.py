"""Asks what a group has committed, and tells where it has committed nothing although there are records.

Kafka forgets the offsets of a group that was empty for `offsets.retention.minutes`, a week by default. To such a group
all records are new, and those that it has answered are answered again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import structlog

from spanstream.consumer.broker.protocols import GroupConsumer, Partition, PartitionReader
from spanstream.consumer.errors import Stop
from spanstream.consumer.settings import AutoOffsetReset

_log = structlog.get_logger(__name__)

# Seconds.
_COMMITTED_TIMEOUT = 5.0
_EFFECTS = {
    "earliest": "everything in them is consumed; what was answered before the offsets expired is answered again",
    "latest": "what is in them now is skipped",
}
_HINT = (
    "set the group's offsets (kafka-consumer-groups.sh --reset-offsets), or SPANSTREAM_KAFKA__AUTO_OFFSET_RESET to "
    "earliest or latest"
)


class StartOffsets:
    """Asks for the offsets from which partitions are consumed.

    Args:
        consumer: a member of the group.
        reader: tells where partitions begin and end.
        auto_offset_reset: what a partition begins with of which nothing is committed.
        followed_topic: is read from its beginning whatever is committed.
    """

    def __init__(
        self,
        consumer: GroupConsumer,
        reader: PartitionReader,
        *,
        auto_offset_reset: AutoOffsetReset,
        followed_topic: str,
    ) -> None:
        self._consumer = consumer
        self._reader = reader
        self._auto_offset_reset = auto_offset_reset
        self._followed_topic = followed_topic
        self._judged: set[Partition] = set()

    def committed(self, partitions: Iterable[Partition]) -> dict[Partition, int | None]:
        """Returns the group's committed offsets; None also for one behind the end of its log, which has started over.

        Raises:
            Retryable: no answer, or a transaction on its way is not settled, in time.
            Stop: a partition holds records and no offset of it is committed, which the settings do not allow.
        """
        committed = self._consumer.committed(partitions, _COMMITTED_TIMEOUT)
        begins, ends = self._reader.begin_offsets(committed), self._reader.end_offsets(committed)
        starts = {
            partition: offset if offset is not None and offset <= ends[partition] else None
            for partition, offset in committed.items()
        }
        # Once each: a partition whose first records are being done has no committed offset yet.
        unjudged = {partition for partition in committed if partition.topic != self._followed_topic} - self._judged
        uncommitted = [
            partition
            for partition in sorted(unjudged)
            if begins[partition] < ends[partition] and not _is_in_log(starts[partition], begins[partition])
        ]
        if uncommitted:
            self._tell(uncommitted, sum(ends[partition] - begins[partition] for partition in uncommitted))
        self._judged |= unjudged
        return starts

    def _tell(self, partitions: Sequence[Partition], offsets: int) -> None:
        names = [str(partition) for partition in partitions]
        if self._auto_offset_reset == "error":
            detail = (
                f"the group has committed no offset that is in the log of {', '.join(names)}, which hold records: "
                "the group is new, or its offsets have expired"
            )
            raise Stop(detail, hint=_HINT)
        _log.warning(
            "no_committed_offset",
            partitions=names,
            offsets=offsets,
            begins_with=self._auto_offset_reset,
            detail=f"the group is new, or its offsets have expired: {_EFFECTS[self._auto_offset_reset]}",
        )


def _is_in_log(offset: int | None, begin: int) -> bool:
    return offset is not None and offset >= begin
