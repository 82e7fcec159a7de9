"""A broker that does not answer: whoever publishes waits as long as the time limits say, and has published nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from spanstream.consumer.broker.protocols import Outgoing, Partition
from spanstream.consumer.errors import Retryable
from spanstream.consumer.health import Health
from spanstream.consumer.time_limits import AFTER_TIMEOUT_SECONDS, PUBLISH_TIMEOUT_SECONDS
from tests.support.memory.fake_time import FakeClock


class Outage:
    """Takes the place of a member's publisher; the member's loop must look alive before and after every wait.

    Args:
        clock: moves on by each wait.
        health: the member's.
        seconds: how long the first attempts take; those after them take as long as any may.
    """

    def __init__(self, clock: FakeClock, health: Health, *seconds: float) -> None:
        self._clock = clock
        self._health = health
        self._seconds = list(seconds)
        self.attempts = 0

    def begin(self, publisher: Any) -> None:
        """Makes the publisher fail from now on."""
        publisher.publish, publisher.prepare, publisher.close = self.publish, self.prepare, lambda: None

    def publish(
        self, _: Sequence[Outgoing], __: Mapping[Partition, int], timeout_seconds: float = math.inf
    ) -> NoReturn:
        self.attempts += 1
        self._wait(min(timeout_seconds, PUBLISH_TIMEOUT_SECONDS) + AFTER_TIMEOUT_SECONDS)

    def prepare(self) -> NoReturn:
        self._wait(PUBLISH_TIMEOUT_SECONDS)

    def _wait(self, seconds: float) -> NoReturn:
        assert self._health.stuck_for is None
        self._clock.sleep(self._seconds.pop(0) if self._seconds else seconds)
        assert self._health.stuck_for is None
        raise Retryable("no answer from Kafka in time")
