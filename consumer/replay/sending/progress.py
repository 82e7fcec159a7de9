"""Up to where every dead letter is settled: the offsets that the replay group commits."""

from __future__ import annotations

from collections.abc import Mapping

from spanstream.consumer.broker.protocols import Partition, Record


class ReplayProgress:
    """A mark in each partition, which stands still at the first record that stays open.

    The lag that monitoring sees is so never less than what is left, and 0 where nothing is.

    Args:
        starts: before them everything is settled.
    """

    def __init__(self, starts: Mapping[Partition, int]) -> None:
        self._marks = dict(starts)
        self._stands: set[Partition] = set()

    @property
    def offsets(self) -> dict[Partition, int]:
        """The marks."""
        return dict(self._marks)

    def settled(self, record: Record) -> None:
        """This record is settled, or will be with the next commit."""
        if record.partition not in self._stands:
            self._marks[record.partition] = record.next_offset

    def left(self, record: Record) -> None:
        """This record stays open."""
        if record.partition not in self._stands:
            self._stands.add(record.partition)
            self._marks[record.partition] = record.offset

    def finish(self, ends: Mapping[Partition, int]) -> None:
        """Everything was read up to these ends; behind the last record there are only markers."""
        self._marks.update({at: end for at, end in ends.items() if at not in self._stands})
