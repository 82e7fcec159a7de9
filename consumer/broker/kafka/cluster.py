"""Asks the brokers about themselves, over librdkafka's admin client: for an operator's questions only."""

from __future__ import annotations

from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # the stubs do not re-export them all
    ConfigResource,
    ResourceType,
)

from spanstream.consumer.broker.kafka.error_mapping import ClientErrors, NeededRights, map_error
from spanstream.consumer.broker.kafka.handles import new_admin_client
from spanstream.consumer.broker.kafka.properties import Properties, admin_properties
from spanstream.consumer.broker.protocols import BrokerNode
from spanstream.consumer.errors import Retryable
from spanstream.consumer.settings import KafkaSettings
from spanstream.consumer.time_limits import REQUEST_TIMEOUT_SECONDS

_Answer = TypeVar("_Answer")
# librdkafka's codes for no answer at all: the request timed out, or every connection broke.
_NO_ANSWER = frozenset({KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN})  # noqa: SLF001  librdkafka's names


class _ConnectionErrors(ClientErrors):
    """Leaves out "all brokers are down", which follows every lost connection and would hide its reason."""

    def __init__(self, properties: Properties) -> None:
        super().__init__(properties)
        self.has_any = False

    def __call__(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001  librdkafka's name
            self.has_any = True
            super().__call__(error)


class KafkaCluster:
    """Which brokers there are and how they are set up.

    Raises:
        Stop: librdkafka does not take the client properties.
    """

    def __init__(self, settings: KafkaSettings, *, request_timeout_seconds: float = REQUEST_TIMEOUT_SECONDS) -> None:
        self._seconds = request_timeout_seconds
        properties = admin_properties(settings)
        self._client_errors = _ConnectionErrors(properties)
        self._client = new_admin_client(properties, self._client_errors)

    def brokers(self) -> list[BrokerNode]:
        """Returns the brokers, in the order of their ids.

        Raises:
            Retryable: no answer in time.
            Stop: the brokers refuse this client.
        """
        asked = self._client.describe_cluster(request_timeout=self._seconds)
        nodes = self._wait(asked, "a question about the cluster").nodes
        return sorted(
            (BrokerNode(node.id, f"{node.host}:{node.port}") for node in nodes), key=lambda node: node.broker_id
        )

    def configuration(self, broker: BrokerNode) -> dict[str, str]:
        """Returns the broker's configuration as it stands, without what it keeps secret.

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
        except (NoAnswer, KafkaException) as error:
            self._client.poll(0)  # runs the callback: the reason may be there
            self._client_errors.raise_refusal()
            if isinstance(error, KafkaException) and error.args[0].code() not in _NO_ANSWER:
                raise map_error(error.args[0], doing, NeededRights(cluster="DescribeConfigs on the cluster")) from error
            no_answer = self._client_errors.no_answer(doing)
            # A refused connection is heard of; a listener that wants a password just hangs up on those without.
            hint = (
                ""
                if self._client_errors.has_any
                else ": what listens there is silent or hangs up, it may want TLS or SASL"
            )
            raise Retryable(f"{no_answer}{hint}") from error
