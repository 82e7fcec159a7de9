"""Sees records that come again, so that none leads to a second outcome.

A partition is read upwards, from what its group has committed. Where it is not (a wrong start, a position that the
client has reset), all from the lower offset on comes again: what is committed, and what was read and is not done yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import structlog

from spanstream.consumer.broker.protocols import Partition, Record

_log = structlog.get_logger(__name__)


class Rewinds:
    """Remembers where each owned partition is read on.

    Args:
        on_rewind: called for each partition of which records come again.
    """

    def __init__(self, on_rewind: Callable[[], None]) -> None:
        self._on_rewind = on_rewind
        self._next_offsets: dict[Partition, int] = {}
        self._committed: dict[Partition, int] = {}

    def start_from(self, committed: Mapping[Partition, int | None]) -> None:
        """Takes over what the group has committed, as the broker says; what lies before it is dropped."""
        for partition, offset in committed.items():
            self._committed[partition] = offset or 0
            self._next_offsets.setdefault(partition, offset or 0)

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Forgets partitions that belong to another member now."""
        for partition in partitions:
            self._committed.pop(partition, None)
            self._next_offsets.pop(partition, None)

    def sift(self, records: Iterable[Record]) -> tuple[list[Record], dict[Partition, int]]:
        """Takes records as they were polled.

        Returns:
            The records to be done, and from which offset on partitions are read again. What was read before from there
            on comes again: drop it, and ask the group what it has committed before any of it is done. What lies
            before it does not come again.
        """
        rewound: dict[Partition, int] = {}
        kept: list[Record] = []
        for record in records:
            partition, expected = record.partition, self._next_offsets.get(record.partition, 0)
            if record.offset < expected:
                _log.warning("partition_read_again", partition=str(partition), offset=record.offset, expected=expected)
                self._on_rewind()
                rewound[partition] = min(record.offset, rewound.get(partition, record.offset))
                # The partition may be another topic's now, in which these offsets are not committed.
                self._committed.pop(partition, None)
                kept = [one for one in kept if one.partition != partition or one.offset < record.offset]
            self._next_offsets[partition] = record.next_offset
            kept.append(record)
        new = [record for record in kept if record.offset >= self._committed.get(record.partition, 0)]
        return new, rewound
