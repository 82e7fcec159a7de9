"""Wires all checks to the Kafka, Redis and CPU of some settings."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from spanstream.consumer.broker.kafka import KafkaPublisher, TopicAdmin
from spanstream.consumer.broker.kafka.cluster import KafkaCluster
from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.cache.byte_store import ByteStore
from spanstream.consumer.cache.opening import open_store
from spanstream.consumer.operations.doctor import extras, machine, passages, promise, registry, store
from spanstream.consumer.operations.doctor.broker import TOPICS, BrokerAccess, BrokerChecks
from spanstream.consumer.operations.doctor.finding import Check
from spanstream.consumer.operations.doctor.mappings import ADVICE, mappings
from spanstream.consumer.operations.doctor.model import ModelChecks
from spanstream.consumer.redaction import secrets_in, secrets_in_url
from spanstream.consumer.settings import Settings
from spanstream.models.inference.cpu import available_cpus

_PROBE_SECONDS = 60


def checks_of(settings: Settings, *, timeout_seconds: float, cpuinfo: Path = machine.CPUINFO) -> list[Check]:
    """Returns all checks, cheapest first.

    Args:
        settings: of the consumer that is looked after.
        timeout_seconds: how long Kafka has for one answer.
        cpuinfo: describes the CPU, as Linux does.
    """
    reader = partial(KafkaPartitionReader, settings.kafka)
    redis = partial(store.redis, _probing_store(settings), settings.redis.namespace)
    return [
        Check("CPUs", partial(machine.cpus, available_cpus(), settings.model.threads), ""),
        Check("int8", partial(machine.int8, cpuinfo), ""),
        Check("mappings", partial(mappings, settings), ADVICE),
        *ModelChecks(settings.model).checks(),
        *(ModelChecks(settings.model.shadow, "shadow ").checks() if settings.model.shadow else ()),
        *BrokerChecks(broker_access(settings, timeout_seconds), settings).checks(),
        Check(promise.SUBJECT, partial(promise.promise, settings, reader, timeout_seconds * 4), "", TOPICS),
        Check(
            passages.SUBJECT, partial(passages.passages, settings, reader), passages.ADVICE, TOPICS, timeout_seconds * 4
        ),
        Check(
            "Redis", redis, "correct SPANSTREAM_REDIS__URL and SPANSTREAM_REDIS__CLIENT", seconds=timeout_seconds * 2
        ),
        Check("schema registry", partial(registry.registry, settings), registry.ADVICE, seconds=timeout_seconds * 4),
        Check("HTTP port", partial(machine.http_port, settings.http), ""),
        Check("answers API", partial(extras.answers_api, settings), ""),
        Check("desk", partial(extras.desk, settings), ""),
        Check("traces", partial(extras.traces, settings), ""),
    ]


def secrets_of(settings: Settings) -> frozenset[str]:
    """Returns what no line may hold, whichever library repeats it."""
    secrets = secrets_in({**settings.kafka.client, **settings.redis.client, **settings.registry.client})
    for url in (settings.redis.url, settings.registry.url):
        secrets |= frozenset() if url is None else secrets_in_url(url.get_secret_value())
    parts = (settings.model, settings.answers_api, settings.desk, settings.suggest, settings.index)
    return secrets | {part.token.get_secret_value() for part in parts if part.token is not None}


def broker_access(settings: Settings, timeout_seconds: float) -> BrokerAccess:
    """Returns the Kafka of the settings, asked with less patience than a consumer has."""
    kafka = settings.kafka

    def announce() -> None:
        # An id of the doctor's own: taking a consumer's id would end that consumer's transaction.
        transactional_id = f"{kafka.transactional_id or kafka.group_id}.doctor"
        publisher = KafkaPublisher(
            kafka.model_copy(update={"transactional_id": transactional_id}), publish_timeout_seconds=timeout_seconds
        )
        try:
            publisher.prepare()
        finally:
            publisher.close()

    return BrokerAccess(
        lambda: KafkaCluster(kafka, request_timeout_seconds=timeout_seconds),
        cache(lambda: TopicAdmin(kafka, request_timeout_seconds=timeout_seconds)),
        announce,
        timeout_seconds,
    )


def _probing_store(settings: Settings) -> Callable[[], ByteStore | None]:
    redis = settings.redis.model_copy(update={"ttl_seconds": _PROBE_SECONDS})
    return lambda: open_store(redis)
