"""The parts of a member of the index's group, as its composition root puts them together."""

from __future__ import annotations

from dataclasses import dataclass

from spanstream.consumer.broker.protocols import GroupConsumer, PartitionReader, Publisher
from spanstream.consumer.clock import Clock
from spanstream.consumer.health import Health
from spanstream.consumer.indexing.batches import BatchBuilder
from spanstream.consumer.indexing.document_tail import DocumentTail
from spanstream.consumer.indexing.generations import CurrentGeneration
from spanstream.consumer.indexing.late.watch import LateWatch
from spanstream.consumer.indexing.report import IndexReporter
from spanstream.consumer.indexing.sweeping.sweeps import Sweeps
from spanstream.consumer.indexing.upkeep import Upkeep
from spanstream.consumer.passages.retrieval import Embedder


@dataclass(frozen=True, slots=True)
class IndexingParts:
    """The parts that `IndexingService` works with."""

    consumer: GroupConsumer
    reader: PartitionReader
    publisher: Publisher
    tail: DocumentTail
    generation: CurrentGeneration
    builder: BatchBuilder
    encoder: Embedder
    sweeps: Sweeps
    upkeep: Upkeep
    reporter: IndexReporter
    health: Health
    clock: Clock
    late: LateWatch | None = None
