"""A librdkafka producer that is told everything that went wrong, and never waits past a deadline."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException, Message

from spanstream.consumer.broker.kafka.errors import ClientErrors, verdict
from spanstream.consumer.broker.kafka.handles import new_producer, serve, serve_in_time

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spanstream.consumer.broker.kafka.config import Properties
    from spanstream.consumer.broker.protocols import Outgoing
    from spanstream.consumer.clock import Deadline

# No call into librdkafka is longer than this (seconds): between two of them its errors are looked at, and an
# interrupt from the keyboard gets through.
_SLICE_SECONDS = 1.0
# What librdkafka says of records that it dropped because a transaction was aborted.
_OUR_DOING = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})  # noqa: SLF001 - librdkafka's codes


def slice_of(deadline: Deadline) -> float:
    """Seconds that the next single wait may take."""
    return min(deadline.seconds_left, _SLICE_SECONDS)


class DeadlineProducer:
    """One producer instance, for one thread; a transaction that failed for good takes it along (`discard`)."""

    def __init__(self, properties: Properties) -> None:
        self._heard = ClientErrors(str(properties["bootstrap.servers"]))
        # What the broker said of the first record since `send` that it refused, and what was being done.
        self.first_failure: tuple[KafkaError, str] | None = None
        self.producer = new_producer(properties, self._heard, self._on_delivery)

    def send(self, records: Sequence[Outgoing], deadline: Deadline) -> None:
        """Hand the records to librdkafka.

        Raises:
            Retryable: its queue stayed full until the deadline.
            Stop: a record is refused for good.
            KafkaException: the producer or its transaction has failed.
        """
        self.first_failure = None
        for record in records:
            while not self._accepts(record):
                serve(self.producer.poll, slice_of(deadline))
                if deadline.has_passed:
                    raise self._heard.silence(f"the publishing of {len(records)} records")
        serve(self.producer.poll, 0)

    def flush(self, deadline: Deadline) -> None:
        """Wait until the broker has every record.

        Raises:
            Retryable: not all of them in time.
            Stop: the broker refuses this client.
            KafkaException: it refused a record: `first_failure` has the topic.
        """
        while self._is_unsent(deadline) and self.first_failure is None:
            self._heard.check()
            if deadline.has_passed:
                raise self._heard.silence(f"the publishing of {len(self.producer)} records")
        if self.first_failure is not None:
            raise KafkaException(self.first_failure[0])

    def insist(self, call: Callable[[float], None], doing: str, deadline: Deadline) -> None:
        """Call one of librdkafka's resumable transaction operations again until it is done.

        Raises:
            Retryable: not done by the deadline; the operation goes on by itself and can be called again.
            Stop: the broker refuses this client.
            KafkaException: it failed, for this transaction or for this producer.
        """
        while True:
            try:
                serve_in_time(call, slice_of(deadline))
            except KafkaException as exc:
                serve(self.producer.poll, 0)  # runs the callbacks: the reason may be among them
                self._heard.check()
                if not exc.args[0].retriable() or exc.args[0].txn_requires_abort():
                    raise
                if deadline.has_passed:
                    raise self._heard.silence(doing) from exc
            else:
                return

    def discard(self) -> None:
        """Drop what was not sent and let go of the connections, without a word to the broker."""
        self.producer.purge()
        with contextlib.suppress(KafkaException):
            serve(self.producer.poll, 0)

    def _is_unsent(self, deadline: Deadline) -> bool:
        try:
            return serve(self.producer.flush, slice_of(deadline)) > 0
        except KafkaException as exc:
            with contextlib.suppress(KafkaException):
                serve(self.producer.poll, 0)  # a fatal error is told before the delivery that it comes from
            raise KafkaException(self._heard.fatal or exc.args[0]) from exc

    def _accepts(self, record: Outgoing) -> bool:
        try:
            self.producer.produce(
                record.topic,
                value=record.value,
                key=record.key,
                headers=list(record.headers),
                partition=-1 if record.partition is None else record.partition,
            )
        except BufferError:
            return False
        except KafkaException as exc:
            error = exc.args[0]
            if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                size = len(record.key or b"") + len(record.value or b"")
                raise verdict(error, f"a record of {size} bytes for {record.topic}") from exc
            raise
        return True

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and self.first_failure is None and error.code() not in _OUR_DOING:
            self.first_failure = (error, f"publishing to {message.topic()}")
