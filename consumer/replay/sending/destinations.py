"""Where records go: whether a topic may be written to, and whether it will take the record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from spanstream.consumer.broker.kafka.topic_admin import TopicSpec
from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.errors import Stop

Describe = Callable[[str], TopicSpec | None]
"""By name, the topic as Kafka knows it; None where it does not exist."""

_INTERNAL: Final = "__"
_BROKER_DEFAULT_BYTES: Final = 1_048_588  # Kafka's own default of max.message.bytes
# A batch of one record: its header, lengths and timestamps, and what compression cannot save.
_FRAME_BYTES: Final = 200
_HEADER_BYTES: Final = 10


@dataclass(slots=True)
class Destinations:
    """Judges topics and records.

    Attributes:
        describe: asks Kafka; each topic once.
        forbidden: topics that nothing is sent to, and what they are.
    """

    describe: Describe
    forbidden: Mapping[str, str]
    _known: dict[str, TopicSpec | None] = field(default_factory=dict)

    def is_compacted(self, topic: str) -> bool:
        """Whether of the records with one key only the last stays."""
        spec = self._spec(topic)
        return spec is not None and "compact" in spec.config.get("cleanup.policy", "")

    def problem(self, topic: str) -> str | None:
        """Why nothing can be sent to this topic at all; None where it can."""
        if topic.startswith(_INTERNAL):
            return f"{topic} is Kafka's own topic"
        if topic in self.forbidden:
            return f"{topic} is {self.forbidden[topic]}"
        return None if self._spec(topic) is not None else f"the topic {topic} does not exist"

    def partition(self, topic: str, number: int | None) -> int | None:
        """The partition of this number, where the topic has one; None: the key decides."""
        spec = self._spec(topic)
        return number if spec is not None and number is not None and 0 <= number < spec.partitions else None

    def refuses(self, record: Outgoing) -> str | None:
        """Why the topic would refuse this record; None where it takes it."""
        spec = self._spec(record.topic)
        if spec is None:
            return self.problem(record.topic)
        if record.key is None and self.is_compacted(record.topic):
            return f"{record.topic} is compacted, and the record has no key"
        most = int(spec.config.get("max.message.bytes", _BROKER_DEFAULT_BYTES))
        if (size := size_of(record)) > most:
            return f"the record has {size:,} bytes, and {record.topic} takes {most:,}"
        return None

    def _spec(self, topic: str) -> TopicSpec | None:
        if topic not in self._known:
            self._known[topic] = self.describe(topic)
        return self._known[topic]


def size_of(record: Outgoing) -> int:
    """Bytes that a record takes in its topic, uncompressed, at most."""
    headers = sum(len(name.encode()) + len(value or b"") + _HEADER_BYTES for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers + _FRAME_BYTES


def check_ledger(describe: Describe, ledger: str, parking: str, topic: str) -> None:
    """Whether the topics that a replay keeps its books in are there, and forget nothing.

    Raises:
        Stop: one is missing, or the ledger would forget.
    """
    found = {name: describe(name) for name in (ledger, parking)}
    missing = [name for name, spec in found.items() if spec is None]
    if missing:
        said = f"{' and '.join(missing)} {'does' if len(missing) == 1 else 'do'} not exist"
        raise Stop(f"{said}: `spanstream replay prepare --topic {topic}` creates what a replay needs")
    spec = found[ledger]
    policy = spec.config.get("cleanup.policy", "") if spec else ""
    if policy != "compact":
        raise Stop(
            f"the ledger {ledger} has cleanup.policy={policy}: what it forgets would be sent twice",
            hint="set it to compact",
        )
