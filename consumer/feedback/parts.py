"""Names the parts that the loop of the feedback works with."""

from __future__ import annotations

from dataclasses import dataclass

from spanstream.consumer.broker.protocols import GroupConsumer
from spanstream.consumer.clock import Clock
from spanstream.consumer.delivery.paced_publisher import PacedPublisher
from spanstream.consumer.delivery.partition_counts import PartitionCounts
from spanstream.consumer.delivery.rewinds import Rewinds
from spanstream.consumer.delivery.start_offsets import StartOffsets
from spanstream.consumer.feedback.followed_documents import FollowedDocuments
from spanstream.consumer.feedback.intake import FeedbackIntake
from spanstream.consumer.feedback.known_labels import KnownLabels
from spanstream.consumer.feedback.processor import FeedbackProcessor
from spanstream.consumer.feedback.report import FeedbackReporter
from spanstream.consumer.formats.event_writer import EventWriter
from spanstream.consumer.health import Health


@dataclass(frozen=True, slots=True)
class FeedbackParts:
    """What the loop works with; wired by `spanstream.consumer.feedback.wiring`."""

    consumer: GroupConsumer
    partition_counts: PartitionCounts
    start_offsets: StartOffsets
    rewinds: Rewinds
    publisher: PacedPublisher
    documents: FollowedDocuments
    labels: KnownLabels
    processor: FeedbackProcessor
    intake: FeedbackIntake
    writer: EventWriter
    reporter: FeedbackReporter
    health: Health
    clock: Clock
