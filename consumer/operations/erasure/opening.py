"""Opens what an erasure works with, by the settings, and closes it at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from spanstream.consumer.broker.kafka import KafkaPartitionReader, TopicAdmin
from spanstream.consumer.cache.opening import open_patient_store
from spanstream.consumer.clock import SystemClock
from spanstream.consumer.errors import Stop
from spanstream.consumer.formats.opening import open_formats
from spanstream.consumer.operations.erasure.erasing import SharedTexts
from spanstream.consumer.operations.erasure.search import PATIENCE_SECONDS, ErasureSearch
from spanstream.consumer.operations.erasure.standing import key_kinds
from spanstream.consumer.settings import RedisSettings, Settings


@contextmanager
def open_search(settings: Settings) -> Iterator[ErasureSearch]:
    """Opens a search over the topics that exist.

    Raises:
        Stop: Kafka refuses, or there is no documents topic; or as `open_formats`.
        Retryable: Kafka did not answer in time.
    """
    topics, admin = settings.topics, TopicAdmin(settings.kafka)
    specs = admin.describe(key_kinds(topics).keys() - {topics.shadow_answers})
    try:
        specs |= admin.describe([topics.shadow_answers])
    except Stop:  # where no second model was ever tried, this user need not have the right to see that
        if settings.model.shadow is not None:
            raise
    if topics.documents not in specs:
        raise Stop(f"there is no topic {topics.documents}, or not for this user to see: see SPANSTREAM_TOPICS__*")
    clock = SystemClock()
    formats = open_formats(settings).patient(clock, PATIENCE_SECONDS)
    reader = KafkaPartitionReader(settings.kafka, uncommitted=True)
    try:
        yield ErasureSearch(reader, specs, topics, formats, clock)
    finally:
        reader.close()


@contextmanager
def open_shared_texts(settings: RedisSettings) -> Iterator[SharedTexts]:
    """Opens Redis where one is configured, and asks whether it is there.

    Raises:
        StoreUnavailable: it is not.
    """
    if settings.url is None:
        yield SharedTexts(None, settings.namespace, settings.ttl_seconds)
        return
    store = open_patient_store(settings, settings.url)
    try:
        store.ping(f"{settings.namespace}:erase")
        yield SharedTexts(store, settings.namespace, settings.ttl_seconds)
    finally:
        store.close()
