"""Consumers, an index and what asks open questions again, over a broker in memory.

The index follows the topic when a test says so; what asks again takes a turn with the consumers.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from spanstream.consumer.broker.protocols import Partition, Record
from spanstream.consumer.errors import SpanstreamError
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.indexing.cutting import DocumentCutter
from spanstream.consumer.indexing.generations import CurrentGeneration
from spanstream.consumer.indexing.late.asking import LateDocuments, LateParts
from spanstream.consumer.indexing.late.opening import late_group
from spanstream.consumer.indexing.metrics import IndexMetrics
from spanstream.consumer.settings import IndexSettings, Settings
from spanstream.models.text.passages import passages_of
from spanstream.schemas.limits import Limits
from tests.support.memory.memory_stream import TOPICS, StreamMember
from tests.support.memory.stream_under_test import FakeTimePoller
from tests.support.passages.collection_stream import CollectionStream
from tests.support.passages.indexing import description_of

GROUP = late_group(Settings())


@dataclass
class LateStream(CollectionStream):
    """A stream whose declined questions are asked again."""

    metrics: IndexMetrics = field(default_factory=IndexMetrics)
    late: LateDocuments | None = None
    limits: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        topic_id = self.broker.reader().topic_id(TOPICS.documents)
        description = replace(description_of(self.encoder, self.partitions), topic_id=topic_id)
        self.index = self.indexes.create("g2", description)
        self.indexes.switch("g2")

    def index_now(self) -> None:
        super().index_now()
        self.index.apply([], self.ends(TOPICS.documents))

    def start_late(self) -> LateDocuments:
        """Starts what asks again; what did it before is dead."""
        settings = IndexSettings(uri="memory", **self.limits)
        documents, opened = (FakeTimePoller(self.broker.reader(), self.clock) for _ in range(2))
        parts = LateParts(
            documents=documents,
            opened=opened,
            publisher=self.broker.progress_publisher(GROUP, GROUP),
            generation=CurrentGeneration(self.indexes),
            encoder=self.encoder,
            formats=EventFormats(Limits()),
            cutter=DocumentCutter(EventFormats(Limits()), passages_of),
            metrics=self.metrics,
            clock=self.clock,
        )
        self.late = LateDocuments(parts, TOPICS, settings)
        self.late.start()
        return self.late

    def turn(self, member: StreamMember) -> None:
        super().turn(member)
        if self.late is not None:
            try:
                self.late.turn()
            except SpanstreamError:
                self.late.close()
                with suppress(SpanstreamError):
                    self.start_late()

    def rest(self, turns: int = 40) -> None:
        """Lets all take so many turns."""
        for _ in range(turns):
            for member in list(self.members):
                self.turn(member)

    def open_questions(self) -> dict[str, Record]:
        """Returns the latest record of each question that is open."""
        latest: dict[str, Record] = {}
        for record in self.broker.records(TOPICS.open_questions):
            latest[(record.key or b"").decode()] = record
        return {name: record for name, record in latest.items() if record.value is not None}

    def statuses(self, name: str) -> list[str]:
        """Returns what was answered to a question, in order."""
        return [answer.status for answer in self.answers() if answer.question_id == name]

    def late_metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"spanstream_index_{name}", labels) or 0.0

    def position(self, topic: str, number: int) -> int:
        return self.broker.committed(GROUP).get(Partition(topic, number), 0)
