"""Names the parts that the answering loop works with."""

from __future__ import annotations

from dataclasses import dataclass

from spanstream.consumer.answering.committer import Committer
from spanstream.consumer.answering.documents import Documents
from spanstream.consumer.answering.intake import Intake
from spanstream.consumer.answering.pipeline import Pipeline
from spanstream.consumer.answering.report import Reporter
from spanstream.consumer.answering.shadow.shadow import Shadow
from spanstream.consumer.broker.protocols import GroupConsumer
from spanstream.consumer.clock import Clock
from spanstream.consumer.delivery.lag import Lag
from spanstream.consumer.delivery.partition_counts import PartitionCounts
from spanstream.consumer.delivery.rewinds import Rewinds
from spanstream.consumer.delivery.start_offsets import StartOffsets
from spanstream.consumer.formats.event_writer import EventWriter
from spanstream.consumer.health import Health


@dataclass(frozen=True, slots=True)
class AnsweringParts:
    """What the loop works with; wired by `spanstream.consumer.answering.wiring`. `shadow` only where it is set."""

    consumer: GroupConsumer
    partition_counts: PartitionCounts
    start_offsets: StartOffsets
    rewinds: Rewinds
    committer: Committer
    documents: Documents
    intake: Intake
    pipeline: Pipeline
    writer: EventWriter
    reporter: Reporter
    lag: Lag
    health: Health
    clock: Clock
    shadow: Shadow | None = None
