"""A publisher without a broker: it remembers what it was given, and fails as often as the test wants."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from spanstream.consumer.broker.protocols import Outgoing, Partition
from spanstream.consumer.errors import SpanstreamError


@dataclass
class RecordingPublisher:
    """Keeps records and offsets of each call that succeeded; `errors` are raised first, one a call."""

    done: list[tuple[tuple[Outgoing, ...], dict[Partition, int]]] = field(default_factory=list)
    tried: int = 0
    errors: list[SpanstreamError] = field(default_factory=list)
    closed: bool = False

    def prepare(self) -> None:
        pass

    def publish(
        self,
        records: Sequence[Outgoing],
        offsets: Mapping[Partition, int],
        timeout_seconds: float = math.inf,  # noqa: ARG002  the protocol's signature
    ) -> None:
        self.tried += 1
        if self.errors:
            raise self.errors.pop(0)
        self.done.append((tuple(records), dict(offsets)))

    def close(self) -> None:
        self.closed = True
