"""Checks destinations: whether a topic may be written to, and whether it accepts a record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from spanstream.consumer.broker.protocols import Outgoing, TopicSpec
from spanstream.consumer.errors import Stop

DescribeTopic = Callable[[str], TopicSpec | None]
"""Returns the topic of this name as Kafka describes it; None where it does not exist."""

_INTERNAL: Final = "__"
# Overhead of a batch of one record: its header, lengths and timestamps, without compression.
_FRAME_BYTES: Final = 200


@dataclass(slots=True)
class Destinations:
    """Checks topics and records.

    Attributes:
        describe: asks Kafka about a topic; called once a topic.
        forbidden: topics that nothing is sent to, each with what it is.
    """

    describe: DescribeTopic
    forbidden: Mapping[str, str]
    _known: dict[str, TopicSpec | None] = field(default_factory=dict)
    _problems: dict[str, str] = field(default_factory=dict)

    def is_compacted(self, topic: str) -> bool:
        """Returns whether the topic keeps only the last record of a key."""
        spec = self._spec(topic)
        return spec is not None and "compact" in spec.config.get("cleanup.policy", "")

    def problem(self, topic: str) -> str | None:
        """Returns why nothing can be sent to this topic; None where it can."""
        if topic.startswith(_INTERNAL):
            return f"{topic} is Kafka's own topic"
        if topic in self.forbidden:
            return f"{topic} is {self.forbidden[topic]}"
        return None if self._spec(topic) is not None else self._problems[topic]

    def partition(self, topic: str, number: int | None) -> int | None:
        """Returns the partition number where the topic has that partition; None: the key decides."""
        spec = self._spec(topic)
        return number if spec is not None and number is not None and 0 <= number < spec.partitions else None

    def refusal(self, record: Outgoing) -> str | None:
        """Returns why the topic would refuse this record; None where it accepts it."""
        spec = self._spec(record.topic)
        if spec is None:
            return self.problem(record.topic)
        if record.key is None and self.is_compacted(record.topic):
            return f"{record.topic} is compacted, and the record has no key"
        max_bytes = spec.max_message_bytes
        if (size := size_of(record)) > max_bytes:
            return f"the record has {size:,} bytes, and {record.topic} takes {max_bytes:,}"
        return None

    def _spec(self, topic: str) -> TopicSpec | None:
        if topic not in self._known:
            try:
                self._known[topic] = self.describe(topic)
                self._problems[topic] = f"the topic {topic} does not exist"
            except Stop as error:  # only the records for this topic have to stay
                self._known[topic], self._problems[topic] = None, str(error)
        return self._known[topic]


def size_of(record: Outgoing) -> int:
    """Returns the bytes that a record needs in its topic, uncompressed, at most."""
    return record.size + _FRAME_BYTES


def check_ledger(describe: DescribeTopic, ledger: str, parking: str, topic: str) -> None:
    """Checks that the ledger and the parking topic exist, and that the ledger loses no entries.

    Raises:
        Stop: one is missing, or the ledger is not compacted.
    """
    specs = {name: describe(name) for name in (ledger, parking)}
    missing = [name for name, spec in specs.items() if spec is None]
    if missing:
        problem = f"{' and '.join(missing)} {'does' if len(missing) == 1 else 'do'} not exist"
        raise Stop(f"{problem}: `spanstream replay prepare --topic {topic}` creates what a replay needs")
    spec = specs[ledger]
    policy = spec.config.get("cleanup.policy", "") if spec else ""
    if policy != "compact":
        raise Stop(
            f"the ledger {ledger} has cleanup.policy={policy}: what it forgets would be sent twice",
            hint="set it to compact",
        )
