"""Making librdkafka's handles; nothing is connected yet, and properties that it does not take are a `Stop`."""

from __future__ import annotations

import sys
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from spanstream.consumer.broker.kafka.errors import ClientErrors
from spanstream.consumer.errors import Stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Message

    from spanstream.consumer.broker.kafka.config import Properties

_Answer = TypeVar("_Answer")
_GRACE_SECONDS = 3.0


def new_consumer(properties: Properties, heard: ClientErrors) -> Consumer:
    """A consumer handle.

    Raises:
        Stop: librdkafka does not take the properties.
    """
    try:
        return Consumer({**properties, "error_cb": heard}, logger=heard)
    except KafkaException as exc:
        raise _refused(exc) from exc


def new_producer(
    properties: Properties, heard: ClientErrors, on_delivery: Callable[[KafkaError | None, Message], None]
) -> Producer:
    """A producer handle.

    Raises:
        Stop: librdkafka does not take the properties.
    """
    try:
        return Producer({**properties, "error_cb": heard, "on_delivery": on_delivery}, logger=heard)
    except KafkaException as exc:
        raise _refused(exc) from exc


def new_admin_client(properties: Properties, heard: ClientErrors) -> AdminClient:
    """An admin handle.

    Raises:
        Stop: librdkafka does not take the properties.
    """
    callbacks: dict[str, Any] = {"error_cb": heard}  # the stubs know of plain values only
    try:
        return AdminClient({**properties, **callbacks}, logger=heard)
    except KafkaException as exc:
        raise _refused(exc) from exc


def serve(call: Callable[..., _Answer], *arguments: float) -> _Answer:
    """A call that runs librdkafka's callbacks (poll, flush, commit, close), with a fatal error made an exception.

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
            fatal = KafkaError(KafkaError._FATAL, "the client reported a fatal error", fatal=True)  # noqa: SLF001 - its name
            raise KafkaException(fatal) from None
        raise


def serve_in_time(call: Callable[[float], None], seconds: float) -> None:
    """`serve` for a call that may overstay its timeout; it is left behind then, on a thread of its own.

    With librdkafka 2.16 `send_offsets_to_transaction` does not return while the broker is away, when that broker went
    away between the request and its reply. The client is beyond use after that: another with its transactional id
    makes what it may still do void.

    Raises:
        KafkaException: as the call does; or a fatal one because it did not return.
    """
    outcome: SimpleQueue[KafkaException | None] = SimpleQueue()

    def run() -> None:
        try:
            serve(call, seconds)
        except KafkaException as exc:
            outcome.put(exc)
        else:
            outcome.put(None)

    Thread(target=run, name="kafka-transaction", daemon=True).start()
    try:
        failure = outcome.get(timeout=seconds + _GRACE_SECONDS)
    except Empty:
        overstayed = KafkaError(KafkaError._TIMED_OUT, "the client did not return in time", fatal=True)  # noqa: SLF001 - its name
        raise KafkaException(overstayed) from None
    if failure is not None:
        raise failure


def _refused(exc: KafkaException) -> Stop:
    return Stop(f"the Kafka client does not take these properties: {exc.args[0].str()}")
