"""What the brokers say about themselves, over librdkafka's admin client: for an operator's questions only."""

from __future__ import annotations

from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined] # the stubs do not re-export them all
    ConfigResource,
    ResourceType,
)

from spanstream.consumer.broker.kafka.errors import ClientErrors, verdict
from spanstream.consumer.broker.kafka.handles import new_admin_client
from spanstream.consumer.errors import Retryable

if TYPE_CHECKING:
    from spanstream.consumer.broker.kafka.config import KafkaConfig

_Answer = TypeVar("_Answer")
# No answer at all, as librdkafka says it: the request timed out, or every connection broke.
_SILENCE = frozenset({KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN})  # noqa: SLF001 - its names


class _Reasons(ClientErrors):
    """What is heard, but for "all brokers are down", which follows every lost connection and would hide its reason."""

    def __init__(self, bootstrap_servers: str) -> None:
        super().__init__(bootstrap_servers)
        self.anything = False

    def __call__(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - as above
            self.anything = True
            super().__call__(error)


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker under the address that it advertises."""

    broker_id: int
    address: str


class Cluster:
    """Which brokers there are and how they are set up.

    Raises:
        Stop: librdkafka does not take the client properties.
    """

    def __init__(self, config: KafkaConfig) -> None:
        self._seconds = config.request_timeout_seconds
        self._heard = _Reasons(config.bootstrap_servers)
        self._client = new_admin_client(config.admin(), self._heard)

    def brokers(self) -> list[Broker]:
        """The brokers, in the order of their ids.

        Raises:
            Retryable: no answer in time.
            Stop: the brokers refuse this client.
        """
        asked = self._client.describe_cluster(request_timeout=self._seconds)
        nodes = self._wait(asked, "a question about the cluster").nodes
        return sorted((Broker(node.id, f"{node.host}:{node.port}") for node in nodes), key=lambda one: one.broker_id)

    def configuration(self, broker: Broker) -> dict[str, str]:
        """The broker's configuration as it stands, without what it keeps secret.

        Raises:
            Retryable: no answer in time.
            Stop: this client may not see it.
        """
        resource = ConfigResource(ResourceType.BROKER, str(broker.broker_id))
        answer = self._client.describe_configs([resource], request_timeout=self._seconds)[resource]
        entries = self._wait(answer, f"a question about the configuration of the broker {broker.broker_id}")
        return {key: entry.value for key, entry in entries.items() if entry.value is not None}

    def _wait(self, answer: Future[_Answer], doing: str) -> _Answer:
        try:
            return answer.result(self._seconds + 1)
        except (NoAnswer, KafkaException) as exc:
            self._client.poll(0)  # runs the callback: the reason may be there
            self._heard.check()
            if isinstance(exc, KafkaException) and exc.args[0].code() not in _SILENCE:
                raise verdict(exc.args[0], doing) from exc
            silence = self._heard.silence(doing)
            # A refused connection is heard of; a listener that wants a password just hangs up on those without.
            hint = "" if self._heard.anything else ": what listens there is silent or hangs up, it may want TLS or SASL"
            raise Retryable(f"{silence}{hint}") from exc
