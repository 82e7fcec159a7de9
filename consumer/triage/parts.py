"""Names the parts that the loop of the triage stream works with."""

from __future__ import annotations

from dataclasses import dataclass

from spanstream.consumer.broker.protocols import GroupConsumer
from spanstream.consumer.clock import Clock
from spanstream.consumer.delivery.paced_publisher import PacedPublisher
from spanstream.consumer.delivery.partition_counts import PartitionCounts
from spanstream.consumer.delivery.rewinds import Rewinds
from spanstream.consumer.delivery.start_offsets import StartOffsets
from spanstream.consumer.formats.event_writer import EventWriter
from spanstream.consumer.health import Health
from spanstream.consumer.triage.intake import TriageIntake
from spanstream.consumer.triage.report import TriageReporter
from spanstream.consumer.triage.state.state_store import StateStore


@dataclass(frozen=True, slots=True)
class TriageParts:
    """What the loop works with; wired by `spanstream.consumer.triage.wiring`."""

    consumer: GroupConsumer
    partition_counts: PartitionCounts
    start_offsets: StartOffsets
    rewinds: Rewinds
    publisher: PacedPublisher
    store: StateStore
    intake: TriageIntake
    writer: EventWriter
    reporter: TriageReporter
    health: Health
    clock: Clock
