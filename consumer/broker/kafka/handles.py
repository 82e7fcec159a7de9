"""Makes librdkafka's handles and calls them.

A new handle is not connected yet. Properties that librdkafka does not take are a `Stop`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient

from spanstream.consumer.broker.kafka.credentials import CREDENTIALS
from spanstream.consumer.broker.kafka.error_mapping import ClientErrors
from spanstream.consumer.broker.kafka.properties import Properties
from spanstream.consumer.errors import Stop
from spanstream.consumer.redaction import redacted, secrets_in
from spanstream.consumer.time_limits import OVERSTAY_SECONDS

_Answer = TypeVar("_Answer")


class _Consumer(Consumer):
    """One whose login may change until it is closed; of the library's own there are no weak references."""

    def close(self) -> None:
        CREDENTIALS.remove(self)
        super().close()


class _Producer(Producer):
    """One whose login may change until it is gone."""


def new_consumer(properties: Properties, client_errors: ClientErrors) -> Consumer:
    """Returns a consumer handle.

    Raises:
        Stop: librdkafka does not take the properties.
    """
    try:
        consumer = _Consumer({**properties, "error_cb": client_errors}, logger=client_errors)
    except KafkaException as error:
        raise _refused(error, properties) from None
    CREDENTIALS.add(consumer)
    return consumer


def new_producer(
    properties: Properties, client_errors: ClientErrors, on_delivery: Callable[[KafkaError | None, Message], None]
) -> Producer:
    """Returns a producer handle.

    Raises:
        Stop: librdkafka does not take the properties.
    """
    callbacks = {"error_cb": client_errors, "on_delivery": on_delivery}
    try:
        producer = _Producer({**properties, **callbacks}, logger=client_errors)
    except KafkaException as error:
        raise _refused(error, properties) from None
    CREDENTIALS.add(producer)
    return producer


def new_admin_client(properties: Properties, client_errors: ClientErrors) -> AdminClient:
    """Returns an admin handle.

    Raises:
        Stop: librdkafka does not take the properties.
    """
    callbacks: dict[str, Any] = {"error_cb": client_errors}  # the stubs know of plain values only
    try:
        client = AdminClient({**properties, **callbacks}, logger=client_errors)
    except KafkaException as error:
        raise _refused(error, properties) from None
    CREDENTIALS.add(client)
    return client


def checked_call(call: Callable[..., _Answer], *arguments: float) -> _Answer:
    """Makes a call that runs librdkafka's callbacks (poll, flush, commit, close), and raises its fatal errors.

    confluent-kafka 2.16 reports it by raising a `KafkaError`, which is no exception class: `except BaseException` does
    not catch it, and some callers see a SystemError in its place.

    Raises:
        KafkaException: as the call does; its error is `fatal()` where the client is beyond use.
    """
    try:
        return call(*arguments)
    except:
        raised: object = sys.exc_info()[1]
        if isinstance(raised, KafkaError):
            raise KafkaException(raised) from None
        if isinstance(raised, SystemError):
            fatal = KafkaError(KafkaError._FATAL, "the client reported a fatal error", fatal=True)  # noqa: SLF001  librdkafka's name
            raise KafkaException(fatal) from None
        raise


def checked_call_in_time(call: Callable[[float], None], seconds: float) -> None:
    """Makes a `checked_call` that may overstay its timeout; it is left behind then, on a thread of its own.

    With librdkafka 2.16 `send_offsets_to_transaction` does not return while the broker is away, when that broker went
    away between the request and its reply. The client is beyond use after that: another with its transactional id
    makes what it may still do void.

    Raises:
        KafkaException: as the call does; or a fatal one because it did not return.
    """
    outcome: SimpleQueue[KafkaException | None] = SimpleQueue()

    def run() -> None:
        try:
            checked_call(call, seconds)
        except KafkaException as error:
            outcome.put(error)
        else:
            outcome.put(None)

    Thread(target=run, name="kafka-transaction", daemon=True).start()
    try:
        failure = outcome.get(timeout=seconds + OVERSTAY_SECONDS)
    except Empty:
        overstayed = KafkaError(KafkaError._TIMED_OUT, "the client did not return in time", fatal=True)  # noqa: SLF001  librdkafka's name
        raise KafkaException(overstayed) from None
    if failure is not None:
        raise failure


def _refused(error: KafkaException, properties: Properties) -> Stop:
    """Says what librdkafka does not take; it may quote the value."""
    reason = redacted(error.args[0].str(), secrets_in(properties))
    return Stop(f"the Kafka client does not take these properties: {reason}")
