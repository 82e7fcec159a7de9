"""How this program talks to Kafka: one frozen description, and the librdkafka properties made of it.

Three layers, the later one wins: what we prefer, what the user passes through (`client`: SASL, TLS, tuning), and what
delivery depends on. The last layer cannot be passed through: a property of it in `client` is an error.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from spanstream.consumer.errors import Stop

if TYPE_CHECKING:
    from collections.abc import Mapping

GroupProtocol = Literal["classic", "consumer"]
Property = str | int | float | bool
Properties = dict[str, Property]

_PREFERRED: Properties = {
    "reconnect.backoff.max.ms": 2_000,
    "socket.keepalive.enable": True,
    "socket.timeout.ms": 30_000,
    "log.connection.close": False,
}
_PREFERRED_CONSUMER: Properties = {
    # Prefetch is memory: two answers of a large record fit, and a thousand ordinary questions.
    "queued.min.messages": 1_000,
    "queued.max.messages.kbytes": 16 * 1024,
    # The end of a partition is noticed when a fetch comes back empty: this is how late (milliseconds).
    "fetch.wait.max.ms": 100,
    # With the prefetch full, look again this soon (milliseconds): the default second would be a speed limit.
    "fetch.queue.backoff.ms": 20,
    # The same for a fetch that failed, as one of a partition that was just created or moved may.
    "fetch.error.backoff.ms": 50,
}
# One record at a time is asked of this one: do not fetch the rest of the partition with it.
_PREFERRED_LOOKUP: Properties = {
    "queued.min.messages": 1,
    "queued.max.messages.kbytes": 1024,
    "fetch.message.max.bytes": 64 * 1024,
    "fetch.wait.max.ms": 100,
    "fetch.queue.backoff.ms": 5,
}
_PREFERRED_PRODUCER: Properties = {
    "compression.type": "lz4",
    # What could be read can be dead-lettered; the topic's own max.message.bytes has the last word.
    "message.max.bytes": 16 * 1024 * 1024,
    "queue.buffering.max.kbytes": 128 * 1024,
    "topic.metadata.propagation.max.ms": 10_000,
}
_PREFERRED_TRANSACTIONS: Properties = {
    # The default, rebootstrap, takes known brokers out of the client when all are down. With librdkafka 2.16 a removed
    # broker that a transaction still refers to never goes: a thread spins, and send_offsets_to_transaction does not
    # return, whatever its timeout. Everybody else needs the default: a fenced broker (just started, or paused) names no
    # brokers in its metadata, librdkafka then forgets all it knew, and without a rebootstrap never connects again.
    "metadata.recovery.strategy": "none",
}
_READING: Properties = {
    "isolation.level": "read_committed",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
}
_WRITING: Properties = {
    # As the Java clients do: a key lands in the same partition whoever produced it.
    "partitioner": "murmur2_random",
    "acks": "all",
    "enable.idempotence": True,
    "delivery.report.only.error": True,
}
_NAMED_BY_SETTINGS = frozenset(
    {
        "bootstrap.servers", "client.id", "group.id", "group.instance.id", "group.protocol", "group.remote.assignor",
        "partition.assignment.strategy", "session.timeout.ms", "max.poll.interval.ms", "transactional.id",
        "transaction.timeout.ms", "auto.offset.reset", "message.timeout.ms",
    }
)  # fmt: skip


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


@dataclass(frozen=True, slots=True)
class KafkaConfig:
    """Who we are to which cluster. Durations are seconds.

    Attributes:
        group_id: the consumer group; needed by a group member, and by a reader where ACLs name groups.
        group_protocol: `classic` (a member assigns ranges) or `consumer` (KIP-848: the broker does).
        transactional_id: unique to this process; a name that survives its restart (a StatefulSet pod's, say) lets the
            successor abort at once what the predecessor left open. None: made of `group_instance_id`, else random.
        transaction_timeout_seconds: after this long the broker aborts what a dead process left open; until then the
            records behind it, and the offsets it was committing, are held back from everybody else.
        session_timeout_seconds: classic only (under KIP-848 it is the broker's setting). None: librdkafka's 45 s.
        max_poll_interval_seconds: a member that does not poll for this long loses its partitions.
        group_instance_id: static membership: a restart within the session timeout moves no partitions.
        request_timeout_seconds: how long one question to the broker (metadata, end offsets) may take.
        publish_timeout_seconds: how long one `Publisher.publish` may take before it gives up with a `Retryable`; what
            follows then (an abort, a client that overstays its own timeouts) takes up to 10 s more.
        client: librdkafka properties passed through, SASL and TLS above all.

    Raises:
        Stop: `client` holds a property that belongs to a setting of ours or that delivery depends on.
    """

    bootstrap_servers: str
    group_id: str | None = None
    group_protocol: GroupProtocol = "classic"
    client_id: str = "spanstream"
    transactions: bool = True
    transactional_id: str | None = None
    transaction_timeout_seconds: float = 60.0
    session_timeout_seconds: float | None = None
    max_poll_interval_seconds: float = 300.0
    group_instance_id: str | None = None
    request_timeout_seconds: float = 10.0
    publish_timeout_seconds: float = 30.0
    client: Mapping[str, Property] = field(default_factory=dict)

    def __post_init__(self) -> None:
        owned = _NAMED_BY_SETTINGS | _READING.keys() | _WRITING.keys()
        refused = sorted(owned & self.client.keys())
        if refused:
            raise Stop(f"these Kafka client properties are not passed through, take them out: {', '.join(refused)}")

    def member(self) -> Properties:
        """Properties of a group member.

        Raises:
            Stop: there is no `group_id`.
        """
        if not self.group_id:
            raise Stop("a consumer group needs a group id: set the Kafka group_id")
        properties = self._reader(_PREFERRED_CONSUMER) | {
            "group.id": self.group_id,
            "group.protocol": self.group_protocol,
            "max.poll.interval.ms": _milliseconds(self.max_poll_interval_seconds),
            "auto.offset.reset": "earliest",
        }
        if self.group_instance_id:
            properties["group.instance.id"] = self.group_instance_id
        if self.group_protocol == "consumer":
            return properties | {"group.remote.assignor": "range"}
        properties["partition.assignment.strategy"] = "range"
        if self.session_timeout_seconds is not None:
            properties["session.timeout.ms"] = _milliseconds(self.session_timeout_seconds)
        return properties

    def follower(self) -> Properties:
        """Properties of a reader outside any group: it never joins or commits, but librdkafka wants a group's name."""
        return self._reader(_PREFERRED_CONSUMER) | {"auto.offset.reset": "earliest"}

    def lookup(self) -> Properties:
        """Properties of a reader of single records: an offset that is gone is an error, not another record."""
        return self._reader(_PREFERRED_LOOKUP) | {"auto.offset.reset": "error"}

    def onlooker(self) -> Properties:
        """Properties of a reader that sees open transactions too; it is asked for ends only."""
        return self.lookup() | {"isolation.level": "read_uncommitted"}

    def producer(self) -> Properties:
        """Properties of a producer without transactions: idempotent within its life."""
        timeout = {"message.timeout.ms": _milliseconds(self.publish_timeout_seconds)}
        return self._common() | _PREFERRED_PRODUCER | dict(self.client) | _WRITING | timeout

    def transactional_producer(self, transactional_id: str) -> Properties:
        """Properties of a producer whose every publish is one transaction."""
        return (
            _PREFERRED_TRANSACTIONS
            | self.producer()
            | {
                "transactional.id": transactional_id,
                "transaction.timeout.ms": _milliseconds(self.transaction_timeout_seconds),
                "message.timeout.ms": _milliseconds(
                    min(self.publish_timeout_seconds, self.transaction_timeout_seconds)
                ),
            }
        )

    def admin(self) -> Properties:
        """Properties of an admin client."""
        return self._common() | dict(self.client)

    def make_transactional_id(self) -> str:
        """The configured id, one made of the static membership, or a random one."""
        prefix = self.group_id or self.client_id
        return self.transactional_id or f"{prefix}.{self.group_instance_id or uuid.uuid4().hex}"

    def _common(self) -> Properties:
        return _PREFERRED | {"bootstrap.servers": self.bootstrap_servers, "client.id": self.client_id}

    def _reader(self, preferred: Properties) -> Properties:
        name = {"group.id": self.group_id or f"{self.client_id}-reader"}
        return self._common() | preferred | dict(self.client) | _READING | name
