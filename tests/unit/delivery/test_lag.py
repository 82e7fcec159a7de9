"""The lag of the owned partitions: from positions, once a second, without a question to the broker."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from spanstream.consumer.broker.memory.broker import MemoryBroker
from spanstream.consumer.broker.protocols import Outgoing, Partition
from spanstream.consumer.delivery.lag import Lag
from spanstream.consumer.delivery.ownership import Ownership
from tests.support.memory.fake_time import FakeClock


def test_each_owned_partition_has_its_lag_until_it_is_another_members() -> None:
    broker, clock, registry = MemoryBroker(), FakeClock(), CollectorRegistry()
    for topic in ("asked", "followed"):
        broker.create_topic(topic, 1)
    consumer, reader = broker.consumer("group"), broker.reader()
    ownership = Ownership(consumer, "followed")
    lag = Lag(Gauge("lag", "Lag.", ["topic", "partition"], registry=registry), consumer, reader, clock)
    asked, followed = Partition("asked", 0), Partition("followed", 0)

    class NoListener:
        def on_assigned(self, partitions: object) -> None: ...
        def on_revoked(self, partitions: object) -> None: ...
        def on_lost(self, partitions: object) -> None: ...

    def shown(topic: str) -> float | None:
        clock.sleep(1.0)
        lag.update(ownership)
        return registry.get_sample_value("lag", {"topic": topic, "partition": "0"})

    broker.publisher(None).publish([Outgoing(topic, b"k", b"v") for topic in ("asked", "followed")] * 3, {})
    consumer.subscribe(["asked"], NoListener())
    ownership.add([asked, followed])
    assert shown("asked") is None, "nothing is known before anything was read"
    reader.follow({followed: None})
    assert len(consumer.poll(1, 0.0)) == 1
    assert len(reader.poll(2, 0.0)) == 2
    assert (shown("asked"), shown("followed")) == (3.0, 2.0)  # the transaction's marker counts
    consumer.poll(9, 0.0)
    lag.update(ownership)
    assert registry.get_sample_value("lag", {"topic": "asked", "partition": "0"}) == 3.0, "within the second"
    assert (shown("asked"), shown("followed")) == (0.0, 2.0)
    ownership.remove([asked])
    assert (shown("asked"), shown("followed")) == (None, 2.0)
