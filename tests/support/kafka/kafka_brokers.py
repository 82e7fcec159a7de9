"""Several Kafka brokers that are one cluster, each broker and controller: three copies of everything, two in sync."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.kafka_proxy import KafkaProxy


@dataclass(frozen=True, slots=True)
class KafkaBrokers:
    """One broker or three; one of three may be gone and everything goes on."""

    brokers: tuple[KafkaBroker, ...]

    @classmethod
    def start(cls, folder: Path, count: int) -> KafkaBrokers:
        """Formats new brokers in the folder and waits until all of them answer."""
        brokers = tuple(
            KafkaBroker.on_free_ports(folder / f"broker-{number}", number) for number in range(1, count + 1)
        )
        for broker in brokers:
            broker.format(brokers)
        cluster = cls(brokers)
        try:
            for broker in brokers:
                broker.launch()
            for broker in brokers:
                broker.await_listening()
        except BaseException:
            cluster.kill()
            raise
        return cluster

    @property
    def bootstrap(self) -> str:
        return ",".join(broker.bootstrap for broker in self.brokers)

    def proxies(self) -> tuple[KafkaProxy, ...]:
        """Opens a proxy in front of each broker; who comes through one stays behind them."""
        return tuple(KafkaProxy(broker.proxy_port, broker.ports["PROXIED"]) for broker in self.brokers)

    def kill(self) -> None:
        for broker in self.brokers:
            broker.kill()
