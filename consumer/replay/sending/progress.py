"""Computes the offsets that the replay group commits: in each partition, every dead letter before them is settled."""

from __future__ import annotations

from collections.abc import Mapping

from spanstream.consumer.broker.protocols import Partition, Record


class ReplayProgress:
    """An offset for each partition, which stops at the first record that stays open.

    So the lag that monitoring sees is never less than what is left, and 0 where nothing is left.

    Args:
        starts: offsets before which everything is settled.
    """

    def __init__(self, starts: Mapping[Partition, int]) -> None:
        self._offsets = dict(starts)
        self._stopped: set[Partition] = set()

    @property
    def offsets(self) -> dict[Partition, int]:
        """The offsets to commit."""
        return dict(self._offsets)

    def settled(self, record: Record) -> None:
        """Notes that this record is settled, or will be with the next commit."""
        if record.partition not in self._stopped:
            self._offsets[record.partition] = record.next_offset

    def left_open(self, record: Record) -> None:
        """Notes that this record stays open; later ones of its partition may have been noted before."""
        offset = self._offsets.get(record.partition, record.offset)
        is_earlier = record.partition not in self._stopped or record.offset < offset
        if is_earlier:
            self._stopped.add(record.partition)
            self._offsets[record.partition] = record.offset

    def finish(self, ends: Mapping[Partition, int]) -> None:
        """Notes that everything was read up to these ends; after the last record come only transaction markers."""
        self._offsets.update({partition: end for partition, end in ends.items() if partition not in self._stopped})
