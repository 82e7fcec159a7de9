"""Tells how many records each owned partition holds that were not read yet, from what the clients know already."""

from __future__ import annotations

from prometheus_client import Gauge

from spanstream.consumer.broker.protocols import GroupConsumer, Partition, PartitionReader
from spanstream.consumer.clock import Clock
from spanstream.consumer.delivery.ownership import Ownership

# Seconds between two looks: scrapes come more rarely.
_LOOK_EVERY = 1.0


class Lag:
    """Keeps a gauge with the labels topic and partition. No broker is asked.

    Args:
        gauge: a sample for each owned partition that was fetched from.
        consumer: the group member, which reads the consumed partitions.
        reader: reads the followed ones.
        clock: says when to look again.
    """

    def __init__(self, gauge: Gauge, consumer: GroupConsumer, reader: PartitionReader, clock: Clock) -> None:
        self._gauge = gauge
        self._consumer = consumer
        self._reader = reader
        self._clock = clock
        self._next_look = 0.0
        self._shown: set[Partition] = set()

    def update(self, ownership: Ownership) -> None:
        """Brings the gauge up to date, once a second; partitions that went to another member are taken out."""
        if self._clock.monotonic() < self._next_look:
            return
        self._next_look = self._clock.monotonic() + _LOOK_EVERY
        lags = _lags(self._consumer, ownership.consumed) | _lags(self._reader, ownership.followed)
        for partition in self._shown - lags.keys():
            self._gauge.remove(*map(str, partition))
        for (topic, number), lag in lags.items():
            self._gauge.labels(topic, str(number)).set(lag)
        self._shown = set(lags)


def _lags(client: GroupConsumer | PartitionReader, partitions: frozenset[Partition]) -> dict[Partition, int]:
    lags: dict[Partition, int] = {}
    for partition in partitions:
        position, end = client.position(partition), client.seen_end(partition)
        if position is not None and end is not None:
            lags[partition] = max(0, end - position)
    return lags
