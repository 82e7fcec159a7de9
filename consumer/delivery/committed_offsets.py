"""The offsets that a group has committed, and when to commit the next progress between two results.

Positions move past transaction markers and past records that lead to no output. They are committed now and then, so
that the group's lag reads 0 when nothing is left to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spanstream.consumer.broker.protocols import Partition, Record
from spanstream.consumer.clock import Clock

# Seconds.
_PROGRESS_EVERY = 1.0


def offsets_behind(records: Iterable[Record]) -> dict[Partition, int]:
    """Returns the offset behind the last of these records in each of their partitions: what to commit for them."""
    offsets: dict[Partition, int] = {}
    for record in records:
        offsets[record.partition] = max(record.next_offset, offsets.get(record.partition, 0))
    return offsets


class CommittedOffsets:
    """Remembers the committed offsets of the owned partitions."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offsets: dict[Partition, int] = {}
        self._progress_due = 0.0

    @property
    def is_progress_due(self) -> bool:
        """Whether the last commit was long enough ago."""
        return self._clock.monotonic() >= self._progress_due

    def delay_progress(self) -> None:
        """Makes progress due again a second from now."""
        self._progress_due = self._clock.monotonic() + _PROGRESS_EVERY

    def start_from(self, committed: Mapping[Partition, int | None]) -> None:
        """Takes over what the group has committed, as the broker says."""
        # Of a partition that nothing is committed of, even the offset 0 is progress: it tells that the group was there.
        self._offsets.update({partition: -1 if offset is None else offset for partition, offset in committed.items()})

    def advance(self, offsets: Mapping[Partition, int]) -> None:
        """Remembers offsets that were just committed."""
        self._offsets.update(offsets)
        self.delay_progress()

    def of(self, partition: Partition) -> int:
        """Returns the committed offset of a partition; 0 where there is none."""
        return max(0, self._offsets.get(partition, 0))

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Forgets partitions that belong to another member now."""
        for partition in partitions:
            self._offsets.pop(partition, None)

    def ahead(self, positions: Mapping[Partition, int]) -> dict[Partition, int]:
        """Returns those positions that are past what is committed; partitions that are not known are left out."""
        return {
            partition: position
            for partition, position in positions.items()
            if position > self._offsets.get(partition, position)
        }
