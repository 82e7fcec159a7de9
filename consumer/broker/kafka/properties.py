"""Makes librdkafka's properties out of the settings.

Three layers, the later one wins: what we prefer, what the user passes through (`client`: SASL, TLS, tuning), and what
delivery depends on. The last layer cannot be passed through: a property of it in `client` is an error.
"""

from __future__ import annotations

import uuid
from typing import Any

from spanstream.consumer.broker.kafka.msk_login import msk_login
from spanstream.consumer.errors import Stop
from spanstream.consumer.settings import KafkaSettings
from spanstream.consumer.time_limits import POLL_INTERVAL_SECONDS

Properties = dict[str, Any]  # plain values, and a login's callback

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
    # The same after a fetch that failed, as it may where a partition was just created or moved.
    "fetch.error.backoff.ms": 50,
}
# A lookup reads one record at a time: do not fetch the rest of the partition with it.
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
_NOT_PASSED_THROUGH = _NAMED_BY_SETTINGS | _READING.keys() | _WRITING.keys()


def member_properties(settings: KafkaSettings) -> Properties:
    """Returns properties of a group member."""
    properties = _reader_properties(settings, _PREFERRED_CONSUMER) | {
        "group.protocol": settings.group_protocol,
        "max.poll.interval.ms": _milliseconds(POLL_INTERVAL_SECONDS),
        # With `error` nothing is fetched before `delivery.start_offsets` has looked at what is committed.
        "auto.offset.reset": "latest" if settings.auto_offset_reset == "latest" else "earliest",
    }
    if settings.group_instance_id:
        properties["group.instance.id"] = settings.group_instance_id
    if settings.group_protocol == "consumer":
        return properties | {"group.remote.assignor": "range"}
    properties["partition.assignment.strategy"] = "range"
    if settings.session_timeout_seconds is not None:
        properties["session.timeout.ms"] = _milliseconds(settings.session_timeout_seconds)
    return properties


def follower_properties(settings: KafkaSettings, *, uncommitted: bool = False) -> Properties:
    """Returns properties of a reader outside any group; it never joins, but librdkafka wants a group's name.

    Args:
        settings: of Kafka.
        uncommitted: see the records of open and aborted transactions too.
    """
    return _isolated(settings, _PREFERRED_CONSUMER, uncommitted=uncommitted) | {"auto.offset.reset": "earliest"}


def lookup_properties(settings: KafkaSettings, *, uncommitted: bool = False) -> Properties:
    """Returns properties of a reader of single records: an offset that is gone is an error, not another record."""
    return _isolated(settings, _PREFERRED_LOOKUP, uncommitted=uncommitted) | {"auto.offset.reset": "error"}


def producer_properties(settings: KafkaSettings, publish_timeout_seconds: float) -> Properties:
    """Returns properties of a producer without transactions: idempotent within its life."""
    timeout = {"message.timeout.ms": _milliseconds(publish_timeout_seconds)}
    return _common_properties(settings) | _PREFERRED_PRODUCER | _passed_through(settings) | _WRITING | timeout


def transactional_producer_properties(
    settings: KafkaSettings, transactional_id: str, publish_timeout_seconds: float
) -> Properties:
    """Returns properties of a producer whose every publish is one transaction."""
    message_timeout = min(publish_timeout_seconds, settings.transaction_timeout_seconds)
    return (
        _PREFERRED_TRANSACTIONS
        | producer_properties(settings, publish_timeout_seconds)
        | {
            "transactional.id": transactional_id,
            "transaction.timeout.ms": _milliseconds(settings.transaction_timeout_seconds),
            "message.timeout.ms": _milliseconds(message_timeout),
        }
    )


def admin_properties(settings: KafkaSettings) -> Properties:
    """Returns properties of an admin client."""
    return _common_properties(settings) | _passed_through(settings)


def make_transactional_id(settings: KafkaSettings) -> str:
    """Returns the configured id, one made of the static membership, or a random one.

    It is unique to this process. A name that survives a restart (a StatefulSet pod's, say) lets the successor abort
    at once what the predecessor left open.
    """
    return settings.transactional_id or f"{settings.group_id}.{settings.group_instance_id or uuid.uuid4().hex}"


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _common_properties(settings: KafkaSettings) -> Properties:
    return _PREFERRED | {"bootstrap.servers": settings.bootstrap_servers, "client.id": settings.client_id}


def _reader_properties(settings: KafkaSettings, preferred: Properties) -> Properties:
    group = {"group.id": settings.group_id}
    return _common_properties(settings) | preferred | _passed_through(settings) | _READING | group


def _isolated(settings: KafkaSettings, preferred: Properties, *, uncommitted: bool) -> Properties:
    properties = _reader_properties(settings, preferred)
    return properties | {"isolation.level": "read_uncommitted"} if uncommitted else properties


def _passed_through(settings: KafkaSettings) -> Properties:
    """Returns the user's own properties.

    Raises:
        Stop: one of them belongs to a setting of ours, or delivery depends on it.
    """
    refused = sorted(_NOT_PASSED_THROUGH & settings.client.keys())
    if refused:
        raise Stop(f"these Kafka client properties are not passed through, take them out: {', '.join(refused)}")
    return _login(settings) | settings.client


def _login(settings: KafkaSettings) -> Properties:
    """Returns the properties of a login that a setting names; others are the user's own properties."""
    if settings.login is None:
        return {}
    return {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "OAUTHBEARER",
        "oauth_cb": msk_login(settings.login_region),
    }
