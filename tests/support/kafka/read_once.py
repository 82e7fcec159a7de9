"""Sees that a reader of a test is given every offset once: a second time would hide what was published twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from spanstream.consumer.broker.protocols import Partition, Record


class ReadOnce:
    """Lets records pass whose offsets rise within their partition, and fails the test at any other."""

    def __init__(self) -> None:
        self._next_offsets: dict[Partition, int] = {}

    def check(self, records: Iterable[Record]) -> Iterator[Record]:
        """Yields the records as they come."""
        for record in records:
            expected = self._next_offsets.get(record.partition, 0)
            if record.offset < expected:
                pytest.fail(f"{record.partition} was read at {record.offset} again, after {expected - 1}")
            self._next_offsets[record.partition] = record.next_offset
            yield record
