"""Holds what one call of `publish` is given, and recognises the same call when it is made again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spanstream.consumer.broker.protocols import Outgoing, Partition


@dataclass(frozen=True, slots=True)
class OutgoingChunk:
    """The records to publish, and the offsets to commit with them."""

    records: tuple[Outgoing, ...]
    offsets: Mapping[Partition, int]

    @property
    def topics(self) -> set[str]:
        """The topics of the records."""
        return {record.topic for record in self.records}

    @property
    def doing(self) -> str:
        """Names the act and its topics, for a message to a person."""
        topics = ", ".join(sorted(self.topics))
        return f"publishing to {topics}" if topics else "a commit of offsets"

    def repeats(self, earlier: OutgoingChunk) -> bool:
        """Tells whether this is the same call again: by its offsets; without any, by its records."""
        if self.offsets or earlier.offsets:
            return self.offsets == earlier.offsets
        return self.records == earlier.records
