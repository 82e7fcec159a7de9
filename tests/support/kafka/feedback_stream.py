"""The feedback against a real broker: topics of one test's own, feedback members as processes."""

from __future__ import annotations

from dataclasses import dataclass

from spanstream.consumer.broker.kafka import TopicAdmin
from spanstream.consumer.broker.protocols import Outgoing, Record
from spanstream.consumer.operations.topics import feedback_topic_specs, topic_specs
from spanstream.consumer.settings import TopicSettings
from spanstream.schemas.codec import decode_label, encode
from spanstream.schemas.feedback import Feedback
from tests.support.kafka.program import PATIENCE, Program, until
from tests.support.kafka.stream import Stream


@dataclass
class FeedbackStream(Stream):
    """The consumers' topics, those of the feedback, and the feedback group."""

    def __post_init__(self) -> None:
        self.topics = TopicSettings(**{role: f"{self.name}.{role}" for role in TopicSettings.model_fields})
        self.settings = {"FEEDBACK__GROUP_ID": f"{self.name}.feedback", **self.settings}

    def create_topics(self) -> None:
        specs = topic_specs(self.topics, partitions=self.partitions)
        TopicAdmin(self.config).create([*specs, *feedback_topic_specs(self.topics, partitions=self.partitions)])

    def start_feedback(self, **settings: str) -> Program:
        return self.start("feedback", "run", **settings)

    def feedback(self, feedback: Feedback) -> Outgoing:
        return Outgoing(self.topics.feedback, feedback.record_key.encode(), encode(feedback))

    def feedback_lag(self) -> int:
        lag = TopicAdmin(self.config).lag(f"{self.name}.feedback", [self.topics.feedback])
        return sum(lag.values()) if lag else -1

    def await_no_feedback_lag(self, seconds: float = PATIENCE) -> None:
        until(lambda: self.feedback_lag() == 0, "no lag of the feedback group", seconds, every=0.2)

    def label_records(self) -> list[Record]:
        return self.read(self.topics.labels)

    def labels(self) -> dict[str, Feedback]:
        """Returns the labels that stand, by key."""
        standing: dict[str, Feedback] = {}
        for record in self.label_records():
            key = (record.key or b"").decode()
            standing.pop(key, None)
            if record.value is not None:
                standing[key] = decode_label(record.value)
        return standing

    def await_more_labels(self, before: int, seconds: float = PATIENCE) -> None:
        """Waits until more label records stand in the topic than before."""
        until(lambda: len(self.label_records()) > before, f"more than {before} label records", seconds, every=0.05)

    def await_labels(self, keys: set[str], seconds: float = PATIENCE) -> None:
        until(lambda: self.labels().keys() == keys, f"the labels of {sorted(keys)[:5]} ...", seconds, every=0.2)
